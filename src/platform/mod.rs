//! What differs between Linux, macOS and Windows: everything, and nothing beside.
//!
//! `unix` and `windows` have the same files with the same names in them, so that no other code asks
//! what it was compiled for, tests aside. What a system can't do is told, by a constant, a `None` or an
//! error that names the way out; nothing is done by halves. `docs/systems.md` tells operators the same.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub(crate) use system::{command, files, notify, process, signals, sockets};
