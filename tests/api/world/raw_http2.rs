//! An HTTP/2 connection on which every frame is the test's own (RFC 9113): what no library would
//! send. Header blocks are written without compression (RFC 7541 6.2.2).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const ACK: u8 = 1;
const PATIENCE: Duration = Duration::from_secs(20);

/// The connection.
pub(crate) struct RawHttp2 {
    stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

/// What the other side says of a stream, or of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// An answer with this status.
    Status(u16),
    /// `RST_STREAM` with this error.
    Reset(u32),
    /// `GOAWAY` with this error.
    GoAway(u32),
    /// The end of the connection.
    Closed,
}

/// One frame (RFC 9113 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block: each field literal, never indexed.
pub(crate) fn block<'a>(fields: impl IntoIterator<Item = (impl AsRef<[u8]>, &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_ref(), value] {
            number(&mut block, text.len());
            block.extend(text);
        }
    }
    block
}

/// RFC 7541 5.1, with a prefix of seven bits and no Huffman coding.
fn number(block: &mut Vec<u8>, value: usize) {
    let Some(mut rest) = value.checked_sub(127) else {
        block.push(u8::try_from(value).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

impl RawHttp2 {
    /// Begins with the preface and these settings.
    pub(crate) async fn begin(stream: TlsStream<TcpStream>, settings: &[(u16, u32)]) -> Self {
        let mut connection = Self { stream, unread: Vec::new() };
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut payload = Vec::new();
        for (key, value) in settings {
            payload.extend(key.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        connection.write(&frame(SETTINGS, 0, 0, &payload)).await;
        connection
    }

    /// Writes as far as the other side takes it; false once the connection has ended.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let written: std::io::Result<()> = tokio::time::timeout(PATIENCE, write)
            .await
            .unwrap_or_else(|_| panic!("nothing was taken for {PATIENCE:?}"));
        written.is_ok()
    }

    /// The next thing that it says of a stream or of the connection's end.
    pub(crate) async fn said(&mut self) -> Said {
        loop {
            let Some((kind, flags, payload)) = self.frame().await else {
                return Said::Closed;
            };
            let error = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                HEADERS => return Said::Status(status(&payload)),
                RST_STREAM => return Said::Reset(error(0)),
                GOAWAY => return Said::GoAway(error(4)),
                SETTINGS if flags & ACK == 0 => {
                    self.write(&frame(SETTINGS, ACK, 0, &[])).await;
                }
                _ => {}
            }
        }
    }

    /// Everything that it says until the connection ends.
    pub(crate) async fn end(&mut self) -> Vec<Said> {
        let mut all = Vec::new();
        loop {
            match self.said().await {
                Said::Closed => return all,
                said => all.push(said),
            }
        }
    }

    async fn frame(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let head = self.exactly(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = self.exactly(usize::try_from(length).unwrap()).await?;
        Some((head[3], head[4], payload))
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
            match read.unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}")) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        Some(self.unread.drain(..count).collect())
    }
}

/// `:status`, which stands first in the first answer of a connection: indexed, or literal under
/// the name with index 8.
fn status(block: &[u8]) -> u16 {
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    if let Some(status) = block[0].checked_sub(0x88).and_then(|at| INDEXED.get(usize::from(at))) {
        return *status;
    }
    let value = &block[2..2 + usize::from(block[1] & 0x7f)];
    if block[1] & 0x80 == 0 {
        return std::str::from_utf8(value).unwrap().parse().unwrap();
    }
    let bits = value.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    digits(&bits.collect::<Vec<_>>())
}

/// From index 8 of the static table on.
const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];

/// Three digits in the Huffman code of RFC 7541, appendix B: 0, 1 and 2 have five bits, the others
/// six.
fn digits(bits: &[u8]) -> u16 {
    let number = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + u16::from(*bit));
    let mut rest = bits;
    (0..3).fold(0, |status, _| {
        let short = number(&rest[..5]);
        let (digit, length) =
            if short < 3 { (short, 5) } else { (number(&rest[..6]) - 0b01_1001 + 3, 6) };
        rest = &rest[length..];
        status * 10 + digit
    })
}
