//! Files. Who may read and write one is in its access control list, which only unsafe code can read:
//! that is told, not guessed.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;

/// Nothing at hand says who may read and write a file.
pub(crate) const TELL_ACCESS: bool = false;

/// None: every user may make folders on a drive and in its `ProgramData`, and so put a configuration
/// where the program would look.
pub(crate) const CONFIGURATION: Option<&str> = None;

/// How files are opened for reading. Nothing that is opened here waits for a writer.
pub(crate) fn for_reading() -> OpenOptions {
    let mut options = File::options();
    options.read(true);
    options
}

/// Refuses: a file would have the rights of its folder, which may let anybody read it.
pub(crate) fn create_private(_: &Path) -> io::Result<File> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "on Windows no file can be made here that its owner alone may read; make the key on Linux or \
         macOS, or by hand in Octopus",
    ))
}

/// The file system's journal does that.
pub(crate) const fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Not known.
pub(crate) const fn other_owner(_: &Metadata) -> Option<u32> {
    None
}

/// There are no permission bits.
pub(crate) const fn mode_with(_: &Metadata, _: u32) -> Option<u32> {
    None
}

/// What tells one state of a file from another. Not enough alone: two changes may come within one
/// tick of the clock that stamps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    created: u64,
    modified: u64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.file_size(),
            created: metadata.creation_time(),
            modified: metadata.last_write_time(),
        }
    }

    /// The file's length.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}
