//! What the process asks of its kernel, and what that allows it.
//!
//! Nothing here fails a start: where the kernel says no, things stay as they were.

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::kernel;

/// Whether the kernel tells of the process in `/proc/self`.
pub(crate) const HAS_PROC: bool = kernel::HAS_PROC;

/// Another process of the same user must not read our memory or environment: the tokens and keys
/// are there. It also keeps this process out of core files.
pub(crate) fn hide_memory() {
    kernel::hide_memory();
}

/// No core file, should the kernel not know the other way. A command of `exec` would inherit it,
/// so that it is for `serve` alone.
pub(crate) fn refuse_core_files() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
}

/// Raises the soft limit on descriptors, which many systems set to 1,024 for the sake of programs
/// that use `select`, to what is wanted, as far as the hard limit allows.
pub(crate) fn raise_descriptors(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// How many descriptors the process may have, if that is bounded.
pub(crate) fn descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The least of the limits on this process's memory, in bytes: its own, and its cgroup's.
pub(crate) fn memory() -> Option<u64> {
    let own = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current);
    own.into_iter().chain([kernel::memory()]).flatten().min()
}

/// Terminals show colours as they are.
pub(crate) const fn prepare_terminal() {}

/// A command's code as our own: a byte.
pub(crate) fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).unwrap_or(u8::MAX).into()
}
