//! What of Unix only Linux has.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Whether the kernel tells of a process in `/proc/self`.
pub(super) const HAS_PROC: bool = true;

/// `O_NONBLOCK`: opening a FIFO must not wait for its writer.
pub(super) const NONBLOCK: i32 = 0o4000;

pub(super) fn hide_memory() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The least that the process's cgroup allows (version 2, then 1; a container sees its own at the
/// top).
pub(super) fn memory() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .min()
}

/// Whether SIGHUP was ignored when we started, as `nohup` has it: bit 0 of the mask.
pub(super) fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// A name that no file has.
pub(super) fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}
