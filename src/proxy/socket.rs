//! TCP and Unix sockets behind one face.

use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::spec::Bind;
use crate::gathering::poll_write_pieces;
use crate::platform::sockets::{self, AcceptingUnix, BoundUnix, StdUnixStream, UnixStream};
use crate::workers::Seat;

/// A bound socket, of no thread yet.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(net::TcpListener),
    Unix(BoundUnix),
}

/// A socket whose connections come by the runtime of one thread.
#[derive(Debug)]
pub(super) enum Accepting {
    Tcp(TcpListener),
    Unix(AcceptingUnix),
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Remote {
    /// For the log: address and port, or user and process.
    pub(super) text: String,
    /// Over TCP.
    pub(super) address: Option<IpAddr>,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn bind(bind: &Bind) -> io::Result<Self> {
        match bind {
            Bind::Tcp(address) => {
                let domain = Domain::for_address(*address);
                let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
                sockets::take_over(&socket)?;
                // Its connections inherit it.
                socket.set_tcp_nodelay(true)?;
                if address.is_ipv6() && address.ip().is_unspecified() {
                    // For IPv4 as well, whatever the system's default is.
                    socket.set_only_v6(false)?;
                }
                socket.bind(&SockAddr::from(*address))?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Tcp(socket.into()))
            }
            Bind::Unix { path, mode } => BoundUnix::bind(path, *mode, BACKLOG).map(Self::Unix),
        }
    }

    /// The address that a TCP socket has; the port that was found, if port 0 was asked for.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// To be accepted from by this thread's runtime.
    pub(super) fn accepting(self) -> io::Result<Accepting> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener).map(Accepting::Tcp),
            Self::Unix(bound) => bound.accepting().map(Accepting::Unix),
        }
    }
}

impl Accepting {
    /// The next connection, and who is at its other end.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Remote)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let remote = Remote { text: peer.to_string(), address: Some(peer.ip()) };
                Ok((Stream::Tcp(stream), remote))
            }
            Self::Unix(accepting) => {
                let (stream, text) = accepting.accept().await?;
                Ok((Stream::Unix(stream), Remote { text, address: None }))
            }
        }
    }
}

/// A connection on its way to the thread that serves it.
#[derive(Debug)]
pub(super) enum Handed {
    /// It is there already.
    Here(Stream),
    Tcp(net::TcpStream),
    Unix(StdUnixStream),
}

impl Handed {
    /// A connection of this thread's runtime.
    pub(super) fn taken(self) -> io::Result<Stream> {
        match self {
            Self::Here(stream) => Ok(stream),
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
        }
    }
}

impl Stream {
    /// Lets go of it, if it is to be served by another thread.
    pub(super) fn handed_to(self, seat: &Seat) -> io::Result<Handed> {
        match self {
            _ if seat.is_here() => Ok(Handed::Here(self)),
            Self::Tcp(stream) => stream.into_std().map(Handed::Tcp),
            Self::Unix(stream) => stream.into_std().map(Handed::Unix),
        }
    }

    /// Ready with how much there is to be read, 1 at most, and 0 if this is the end; takes nothing.
    pub(super) fn poll_peek(&self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => stream.poll_peek(context, &mut ReadBuf::new(&mut [0])),
            Self::Unix(stream) => sockets::poll_peek(stream, context),
        }
    }

    /// Writes what the socket takes at once; for a connection that is given up.
    pub(super) fn write_once(&self, bytes: &[u8]) {
        let _ = match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        };
    }
}

/// A crowd that comes at once; the system may allow less (`net.core.somaxconn`, usually 4096).
const BACKLOG: i32 = 4096;

/// Calls the same method on whichever stream it is.
macro_rules! on_stream {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Self::Tcp($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Self::Unix($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self, inner => inner.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, inner => inner.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, inner => poll_write_pieces(inner, context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, inner => inner.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, inner => inner.poll_shutdown(context))
    }
}
