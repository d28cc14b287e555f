//! The socket on which systemd listens to the services that it started.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::kernel;

pub(crate) use std::os::unix::net::SocketAddr as Address;

/// A path, or with `@` a name that no file has.
pub(crate) fn address(name: &str) -> io::Result<Address> {
    match name.strip_prefix('@') {
        Some(name) => kernel::abstract_address(name),
        None if name.starts_with('/') => Address::from_pathname(Path::new(name)),
        None => Err(io::Error::new(ErrorKind::InvalidInput, "neither a path from / nor an @name")),
    }
}

/// A socket of its own for each message: what listens may be another one than before.
pub(crate) async fn send(address: &Address, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(address)?;
    tokio::net::UnixDatagram::from_std(socket)?.send(state.as_bytes()).await.map(drop)
}

/// The machine's monotonic clock itself, `CLOCK_MONOTONIC`: for telling other processes when
/// something was. Within the program, [`Clock::elapsed`](crate::clock::Clock::elapsed) is meant.
pub(crate) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}
