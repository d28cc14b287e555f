//! One connection: a plain or TLS stream, a tap on the raw head, and hyper on top.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::fault::Cut;

/// What the connection runs on. Reading feeds the tap.
pub(crate) struct Connection {
    stream: Stream,
    tap: Tap,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(stream), tap: Tap::default() }
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), tap: Tap::default() }
    }

    pub(crate) fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// Ends the connection in a way that HTTP has no words for.
    pub(crate) async fn cut(mut self, how: Cut) {
        match how {
            Cut::Close => {}
            Cut::Reset => {
                let _ = self.tcp().set_zero_linger();
                return;
            }
            Cut::Garbage => {
                let _ = self.write_all(b"\x00\x01 this is not HTTP \xff\xfe\r\n\r\n").await;
                let _ = self.flush().await;
            }
        }
        let _ = self.shutdown().await;
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// The bytes received since the last request ended, capped: the raw head of the next request.
///
/// hyper tidies a head up (it drops `Content-Length` beside `Transfer-Encoding`, and a fragment in
/// the target), and a strict oracle wants to see what was really sent.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Mutex<Vec<u8>>>);

impl Tap {
    const BYTES_MAX: usize = 128 * 1024;

    /// The head at the front of the received bytes, without the empty line.
    pub(crate) fn take_head(&self) -> Option<String> {
        let bytes = std::mem::take(&mut *self.lock());
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    }

    /// Forgets what came, because it belonged to a body.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn listen(&self, bytes: &[u8]) {
        let mut heard = self.lock();
        let room = Self::BYTES_MAX.saturating_sub(heard.len());
        heard.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        })?;
        self.tap.listen(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
