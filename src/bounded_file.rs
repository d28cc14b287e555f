//! Files that the operator names: read whole, within a bound, and only if they are files.
//!
//! A FIFO would hold up the start until somebody writes to it, a device could be without end; both
//! are refused on the descriptor that would be read, so that nothing can be swapped in between.

use std::io::{self, Read};
use std::path::Path;

use crate::platform::files;

/// The content of a regular file of at most `bytes_max` bytes. Links are followed.
pub fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = files::for_reading().open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    if content.len() > bytes_max {
        let sentence = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, sentence));
    }
    Ok(content)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_nothing_else_is() {
        let path = std::env::temp_dir().join(format!("octobroker-bounded-{}", std::process::id()));
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"hello");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path, 5).unwrap_err().kind(), io::ErrorKind::NotFound);

        let made = std::process::Command::new("mkfifo").arg(&path).status();
        let fifo = made.is_ok_and(|status| status.success()).then_some(path.as_path());
        let others = [Path::new("/dev/zero"), Path::new("/dev/null"), Path::new("/")];
        for other in others.into_iter().chain(fifo) {
            let error = read(other, 5).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{}: {error}", other.display());
        }
        let _ = std::fs::remove_file(&path);
    }
}
