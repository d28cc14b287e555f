//! A secret in a file: an API key, mounted or written for the process alone.

use std::fs::Metadata;
use std::io::{self, Read};
use std::path::Path;

use super::Secret;
use crate::platform::files;

/// Longest secret file, in bytes. A key has 36.
const BYTES: u64 = 64 << 10;

/// Why a file is not taken as a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It can't be opened or read.
    #[error("can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A folder, a pipe, a device.
    #[error("is not a regular file")]
    Kind,
    /// Somebody else's file.
    #[error("belongs to user {owner}; it must belong to root or to the broker's own user")]
    Owner {
        /// The user's number.
        owner: u32,
    },
    /// Others may read or write it.
    #[error("has mode {mode:04o}, so others can read or write it; set 0600, or 0440 with a group")]
    Mode {
        /// The permission bits.
        mode: u32,
    },
    /// More than a secret.
    #[error("is larger than 64 KiB")]
    Size,
    /// Nothing, several lines, or no text.
    #[error("must hold one line of visible ASCII characters")]
    Text,
}

impl Secret {
    /// Reads the one line of a file. The file is judged on the descriptor that is then read, so
    /// that nothing can be swapped in between. Links are followed, because Kubernetes mounts
    /// secrets by links. A group may read (Kubernetes' `fsGroup` needs that), nobody else. Where
    /// that can't be told every regular file is taken: the lint SEC3 and the administrator's commands
    /// say so.
    pub fn from_file(path: &Path) -> Result<Self, SecretFileError> {
        let file = files::for_reading().open(path).map_err(SecretFileError::Unreadable)?;
        let metadata = file.metadata().map_err(SecretFileError::Unreadable)?;
        check(&metadata)?;
        let mut text = zeroize::Zeroizing::new(String::new());
        file.take(BYTES + 1).read_to_string(&mut text).map_err(SecretFileError::Unreadable)?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() || !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretFileError::Text);
        }
        Ok(Self::new(line))
    }
}

fn check(metadata: &Metadata) -> Result<(), SecretFileError> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const FOR_EVERYBODY: u32 = 0o007;
    if !metadata.is_file() {
        return Err(SecretFileError::Kind);
    }
    if let Some(owner) = files::other_owner(metadata) {
        return Err(SecretFileError::Owner { owner });
    }
    if let Some(mode) = files::mode_with(metadata, WRITABLE_BY_OTHERS | FOR_EVERYBODY) {
        return Err(SecretFileError::Mode { mode });
    }
    if metadata.len() > BYTES {
        return Err(SecretFileError::Size);
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str, content: &[u8], mode: u32) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("octobroker-secret-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn one_line_that_nobody_else_can_read_is_a_secret() {
        for (name, content, mode) in [
            ("plain", &b"API-CANARY"[..], 0o600),
            ("line", b"API-CANARY\n", 0o400),
            ("windows", b"API-CANARY\r\n", 0o600),
            ("group", b"API-CANARY\n", 0o440),
        ] {
            let secret = Secret::from_file(&file(name, content, mode)).unwrap();
            assert_eq!(secret.expose(), "API-CANARY", "{name}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let rows = [
            (file("world", b"API-CANARY", 0o644), "has mode 0644"),
            (file("writable", b"API-CANARY", 0o666), "has mode 0666"),
            (file("group-write", b"API-CANARY", 0o660), "has mode 0660"),
            (file("empty", b"", 0o600), "one line"),
            (file("blank", b"\n", 0o600), "one line"),
            (file("two", b"API-CANARY\nAPI-CANARY", 0o600), "one line"),
            (file("nul", b"API-CANARY\0", 0o600), "one line"),
            (file("space", b"API CANARY", 0o600), "one line"),
            (file("bytes", b"\xff\xfe", 0o600), "can't be read"),
            (file("large", &vec![b'A'; 65_537], 0o600), "larger"),
            (std::env::temp_dir(), "not a regular file"),
            (PathBuf::from("/dev/zero"), "not a regular file"),
            (PathBuf::from("/no/such/file"), "can't be read"),
        ];
        for (path, reason) in rows {
            let error = Secret::from_file(&path).unwrap_err().to_string();
            assert!(error.contains(reason), "{}: {error}", path.display());
            assert!(!error.contains("CANARY"));
        }
    }
}
