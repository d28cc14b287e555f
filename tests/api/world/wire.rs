//! A connection on which nothing is written or read but what the test wants: for bytes that no HTTP
//! library would send, and for answers that are read piece by piece.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Reply;

/// A raw connection. Reading gives up after [`PATIENCE`]: a hanging test says less than a failing
/// one.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// How a connection went on.
#[derive(Debug, PartialEq, Eq)]
enum More {
    Bytes,
    Closed,
    Reset,
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Writes raw bytes on a connection of their own, and reads until it is closed.
pub(crate) async fn exchange_raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut wire = Wire::open(address).await;
    // A refusal may close the connection before all is written.
    let _ = wire.try_write(bytes).await;
    wire.rest().await
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    /// From one of this machine's addresses.
    pub(crate) async fn open_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), unread: Vec::new() }
    }

    /// Writes; panics if the other side does not take it.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.unwrap();
    }

    /// Writes as far as the other side takes it.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Everything until the other side closes, or resets, the connection.
    pub(crate) async fn rest(mut self) -> String {
        while self.more().await == More::Bytes {}
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    /// Whether the first bytes are these; false if the connection is closed before.
    pub(crate) async fn starts_with(mut self, text: &str) -> bool {
        while self.unread.len() < text.len() {
            if self.more().await != More::Bytes {
                return false;
            }
        }
        self.unread.starts_with(text.as_bytes())
    }

    /// True if the other side closes the connection and has said nothing more.
    pub(crate) async fn closes(mut self) -> bool {
        self.unread.is_empty() && self.more().await != More::Bytes
    }

    /// Reads until a text has come; gives everything up to its end.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let bytes = self.try_until(text.as_bytes()).await;
        let heard = String::from_utf8_lossy(&self.unread).into_owned();
        let bytes = bytes.unwrap_or_else(|| panic!("it ended before {text:?}: {heard}"));
        String::from_utf8(bytes).unwrap()
    }

    async fn try_until(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.unread.windows(text.len()).position(|window| window == text);
            if let Some(start) = found {
                return Some(self.unread.drain(..start + text.len()).collect());
            }
            if self.more().await != More::Bytes {
                return None;
            }
        }
    }

    /// The head of one answer.
    pub(crate) async fn head(&mut self) -> (u16, HeaderMap) {
        let head = self.until("\r\n\r\n").await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        (status, headers)
    }

    /// One whole answer to a request that was not HEAD.
    pub(crate) async fn answer(&mut self) -> Reply {
        let (status, headers) = self.head().await;
        let body = if let Some(length) = headers.get("content-length") {
            self.exactly(length.to_str().unwrap().parse().unwrap()).await
        } else if headers.contains_key("transfer-encoding") {
            self.chunks().await
        } else {
            Some(Vec::new())
        };
        let is_complete = body.is_some();
        Reply { status, headers, body: body.unwrap_or_default().into(), is_complete }
    }

    /// One chunk of a body that is chunked; nothing when it ended well.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let chunk = self.exactly(size).await.unwrap();
        assert_eq!(self.exactly(2).await.unwrap(), b"\r\n");
        (size > 0).then_some(chunk)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.try_until(b"\r\n").await?;
            let size = std::str::from_utf8(&line).unwrap().trim_end();
            let size = usize::from_str_radix(size, 16).unwrap();
            body.extend(self.exactly(size).await?);
            self.exactly(2).await?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            if self.more().await != More::Bytes {
                return None;
            }
        }
        Some(self.unread.drain(..count).collect())
    }

    async fn more(&mut self) -> More {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        match read {
            Ok(Ok(0)) => More::Closed,
            Ok(Ok(_)) => More::Bytes,
            Ok(Err(_)) => More::Reset,
            Err(_) => {
                let heard = String::from_utf8_lossy(&self.unread);
                panic!("nothing came for {PATIENCE:?}, after {heard:?}")
            }
        }
    }
}
