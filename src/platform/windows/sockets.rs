//! What a TCP listener may ask for. Unix sockets are refused: the standard library has none here, and
//! nothing would say who may connect.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// They can't be listened on.
pub(crate) const HAVE_UNIX: bool = false;

/// Nothing is asked for. `SO_REUSEADDR` would let another process listen on the same address, and
/// take tokens; and an address whose last listener has just ended is free as it is.
pub(crate) const fn take_over(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// There is none.
#[derive(Debug)]
pub(crate) struct BoundUnix(Infallible);

/// There is none.
#[derive(Debug)]
pub(crate) struct AcceptingUnix(Infallible);

/// There is none.
#[derive(Debug)]
pub(crate) struct UnixStream(Infallible);

/// There is none.
#[derive(Debug)]
pub(crate) struct StdUnixStream(Infallible);

impl BoundUnix {
    pub(crate) fn bind(_: &Path, _: u32, _: i32) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "Windows has no Unix sockets; bind an address such as 127.0.0.1:8484",
        ))
    }

    pub(crate) fn accepting(self) -> io::Result<AcceptingUnix> {
        match self.0 {}
    }
}

impl AcceptingUnix {
    pub(crate) async fn accept(&self) -> io::Result<(UnixStream, String)> {
        match self.0 {}
    }
}

impl UnixStream {
    pub(crate) fn from_std(stream: StdUnixStream) -> io::Result<Self> {
        match stream.0 {}
    }

    pub(crate) fn into_std(self) -> io::Result<StdUnixStream> {
        match self.0 {}
    }

    pub(crate) fn try_write(&self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

pub(crate) fn poll_peek(stream: &UnixStream, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
    match stream.0 {}
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
