//! TCP and Unix sockets behind one face.

use std::fs::{self, Permissions};
use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::os::unix;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::spec::Bind;
use crate::workers::Seat;

/// A bound socket, of no thread yet.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(net::TcpListener),
    Unix(unix::net::UnixListener, SocketFile),
}

/// A socket whose connections come by the runtime of one thread.
#[derive(Debug)]
pub(super) enum Accepting {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Remote {
    /// For the log: address and port, or user and process.
    pub(super) text: String,
    /// Over TCP.
    pub(super) address: Option<IpAddr>,
}

/// The file of a Unix socket, removed when the listener goes.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

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
                socket.set_reuse_address(true)?;
                // Its connections inherit it.
                socket.set_tcp_nodelay(true)?;
                socket.bind(&SockAddr::from(*address))?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Tcp(socket.into()))
            }
            Bind::Unix { path, mode } => {
                remove_stale(path)?;
                let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.bind(&SockAddr::unix(path)?)?;
                let file = SocketFile(path.clone());
                // Before anybody can connect: there is no moment in which all may.
                fs::set_permissions(path, Permissions::from_mode(*mode))?;
                socket.listen(BACKLOG)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Unix(socket.into(), file))
            }
        }
    }

    /// The address that a TCP socket has; the port that was found, if port 0 was asked for.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// To be accepted from by this thread's runtime.
    pub(super) fn accepting(self) -> io::Result<Accepting> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener).map(Accepting::Tcp),
            Self::Unix(listener, file) => {
                let listener = UnixListener::from_std(listener)?;
                Ok(Accepting::Unix { listener, _file: file })
            }
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
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let text = stream.peer_cred().map_or_else(
                    |_| "unix".to_owned(),
                    |peer| {
                        let pid = peer.pid().map_or_else(String::new, |pid| format!(" pid={pid}"));
                        format!("unix uid={} gid={}{pid}", peer.uid(), peer.gid())
                    },
                );
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
    Unix(unix::net::UnixStream),
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

    /// Writes what the socket takes at once; for a connection that is given up.
    pub(super) fn write_once(&self, bytes: &[u8]) {
        let _ = match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        };
    }
}

/// Removes a socket's file that nobody listens on any more: what a killed process left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        let text = "the path is taken by something that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already, or not ours to remove: either way there is nothing left to do.
        let _ = fs::remove_file(&self.0);
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
        on_stream!(self, inner => inner.poll_write_vectored(context, slices))
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
