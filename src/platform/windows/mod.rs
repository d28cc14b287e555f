//! Windows, as far as the standard library and tokio reach: this program has no unsafe code.

pub(crate) mod command;

pub(crate) mod files;

pub(crate) mod notify;

pub(crate) mod process;

pub(crate) mod signals;

pub(crate) mod sockets;
