//! Files: opened without waiting, made for their owner alone, and judged by owner and mode.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::kernel;

/// Whether owner and mode say who may read and write a file.
pub(crate) const TELL_ACCESS: bool = true;

/// Where a package puts the configuration.
pub(crate) const CONFIGURATION: Option<&str> = Some("/etc/octobroker/octobroker.yaml");

/// How files are opened for reading: a FIFO does not wait for its writer.
pub(crate) fn for_reading() -> OpenOptions {
    let mut options = File::options();
    options.read(true).custom_flags(kernel::NONBLOCK);
    options
}

/// A new file that its owner alone may read and write.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Has a folder keep what was put into it, even if the machine fails now.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Who owns a file, if it is neither root nor the user of this process.
pub(crate) fn other_owner(metadata: &Metadata) -> Option<u32> {
    let owner = metadata.uid();
    (owner != 0 && rustix::process::geteuid().as_raw() != owner).then_some(owner)
}

/// The permission bits, if there is one of `refused` among them.
pub(crate) fn mode_with(metadata: &Metadata, refused: u32) -> Option<u32> {
    let mode = metadata.mode() & 0o7777;
    (mode & refused != 0).then_some(mode)
}

/// What tells one state of a file from another. Not enough alone: two changes may come within one
/// tick of the clock that stamps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The file's length.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}
