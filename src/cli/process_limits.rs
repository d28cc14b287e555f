//! What the process asks of its kernel before it holds a secret or a connection.
//!
//! Nothing here fails a start: where the kernel says no, things stay as they were.

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::process::{getrlimit, set_dumpable_behavior, setrlimit};

use crate::limits::{self, Limits};

/// Another process of the same user must not read our memory or environment: the tokens and keys
/// are there. It also keeps this process out of core files.
pub(super) fn hide_memory() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// No core file, should the kernel not know the other way. A command of `exec` would inherit it,
/// so that it is for `serve` alone.
pub(super) fn refuse_core_files() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
}

/// Raises the soft limit on descriptors, which many systems set to 1,024 for the sake of programs
/// that use `select`, to what all connections need, as far as the hard limit allows.
pub(super) fn raise_descriptors(limits: &Limits) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let connections = u64::try_from(limits.connections).unwrap_or(u64::MAX);
    let wanted = connections.saturating_mul(2).saturating_add(limits::DESCRIPTOR_RESERVE);
    let wanted = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}
