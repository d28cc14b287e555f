//! macOS: Unix without what only Linux has.

use std::io;
use std::os::unix::net::SocketAddr;

/// There is no `/proc`.
pub(super) const HAS_PROC: bool = false;

/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
pub(super) const NONBLOCK: i32 = 4;

/// Nothing to do it with: a debugger of the same user may read the process's memory.
pub(super) const fn hide_memory() {}

/// No cgroups.
pub(super) const fn memory() -> Option<u64> {
    None
}

/// Nobody says without unsafe code. `octobroker exec -- nohup COMMAND` is the way.
pub(super) const fn ignores_hang_up() -> bool {
    false
}

pub(super) fn abstract_address(_: &str) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has sockets with names of no file"))
}
