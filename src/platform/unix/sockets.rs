//! What a TCP listener may ask for, and Unix sockets, whose file says who may connect.

use std::fs::{self, Permissions};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixListener;

pub(crate) use std::os::unix::net::UnixStream as StdUnixStream;
pub(crate) use tokio::net::UnixStream;

/// Whether Unix sockets can be listened on.
pub(crate) const HAVE_UNIX: bool = true;

/// An address whose last listener has just ended is free.
pub(crate) fn take_over(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// A Unix socket that is listened on, of no thread yet.
#[derive(Debug)]
pub(crate) struct BoundUnix {
    listener: StdUnixListener,
    file: SocketFile,
}

/// A Unix socket whose connections come by the runtime of one thread.
#[derive(Debug)]
pub(crate) struct AcceptingUnix {
    listener: UnixListener,
    _file: SocketFile,
}

/// The file of a Unix socket, removed when the listener goes.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl BoundUnix {
    pub(crate) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile(path.to_owned());
        // Before anybody can connect: there is no moment in which all may.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Self { listener: socket.into(), file })
    }

    /// To be accepted from by this thread's runtime.
    pub(crate) fn accepting(self) -> io::Result<AcceptingUnix> {
        let listener = UnixListener::from_std(self.listener)?;
        Ok(AcceptingUnix { listener, _file: self.file })
    }
}

impl AcceptingUnix {
    /// The next connection, and which user and process are at its other end.
    pub(crate) async fn accept(&self) -> io::Result<(UnixStream, String)> {
        let (stream, _) = self.listener.accept().await?;
        let text = stream.peer_cred().map_or_else(
            |_| "unix".to_owned(),
            |peer| {
                let pid = peer.pid().map_or_else(String::new, |pid| format!(" pid={pid}"));
                format!("unix uid={} gid={}{pid}", peer.uid(), peer.gid())
            },
        );
        Ok((stream, text))
    }
}

/// Ready with how much there is to be read, 1 at most, and 0 if this is the end; takes nothing.
pub(crate) fn poll_peek(stream: &UnixStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let socket = SockRef::from(stream);
    loop {
        ready!(stream.poll_read_ready(context))?;
        let peek = || socket.peek(&mut [MaybeUninit::uninit()]);
        match stream.try_io(Interest::READABLE, peek) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return Poll::Ready(peeked),
        }
    }
}

/// Removes a socket's file that nobody listens on any more: what a killed process left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        let text = "the path is taken by something that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match StdUnixStream::connect(path) {
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
