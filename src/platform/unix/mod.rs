//! Linux and macOS; what only Linux has is in `linux`, and its absence in `no_linux`.

pub(crate) mod command;

pub(crate) mod files;

pub(crate) mod notify;

pub(crate) mod process;

pub(crate) mod signals;

pub(crate) mod sockets;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod no_linux;

#[cfg(target_os = "linux")]
use linux as kernel;
#[cfg(not(target_os = "linux"))]
use no_linux as kernel;
