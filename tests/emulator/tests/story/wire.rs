//! A client of a few lines, so that no HTTP library decides what is sent or seen.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads more; false at the end of the stream.
    pub(crate) async fn more(&mut self) -> std::io::Result<bool> {
        let read = self.stream.read_buf(&mut self.unread).await?;
        Ok(read > 0)
    }

    /// Forgets what has been read; says how much it was.
    pub(crate) fn take_unread(&mut self) -> usize {
        let bytes = self.unread.len();
        self.unread.clear();
        bytes
    }

    /// Everything up to the end of the stream, as it came.
    pub(crate) async fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        while self.more().await? {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads until the text has come; gives everything up to its end.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let found = find(&self.unread, text.as_bytes());
            if let Some(start) = found {
                let taken = self.unread.drain(..start + text.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            assert!(self.more().await.unwrap(), "the connection ended before {text:?}");
        }
    }

    /// One whole answer, framed by its length, by chunks, or by the end of the connection.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n").await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut answer = Answer {
            status: status.parse().unwrap(),
            headers: lines
                .map(|line| line.split_once(": ").unwrap_or((line, "")))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: Vec::new(),
        };
        answer.body = if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            while self.unread.len() < length {
                assert!(self.more().await.unwrap(), "the body ended early");
            }
            self.unread.drain(..length).collect()
        } else if answer.header("transfer-encoding") == Some("chunked") {
            self.chunks().await
        } else {
            self.rest().await.unwrap()
        };
        answer
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.until("\r\n").await;
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            while self.unread.len() < size + 2 {
                assert!(self.more().await.unwrap(), "a chunk ended early");
            }
            body.extend(self.unread.drain(..size));
            self.unread.drain(..2);
            if size == 0 {
                return body;
            }
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
