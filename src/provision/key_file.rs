//! The file that an API key stands in: written for its owner alone, beside it first, and put in its
//! place when Octopus has taken the key.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::administrator::{Administrator, AdministratorError};
use super::found::{FoundUser, HeldKey};
use crate::platform::files;
use crate::secret::{Secret, SecretFileError};

/// Why a key is not in its file.
#[derive(Debug, thiserror::Error)]
#[error("the key can't be written to {}", path.display())]
pub struct KeyFileError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Looks at the key in a file, and asks Octopus whose it is.
pub(super) async fn look(
    administrator: &Administrator,
    path: &Path,
    user_id: &str,
) -> Result<HeldKey, AdministratorError> {
    match Secret::from_file(path) {
        Ok(secret) => whose(administrator, secret, user_id).await,
        Err(SecretFileError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(if folder(path).is_dir() {
                HeldKey::Missing
            } else {
                HeldKey::Unusable("is to be in a folder that is not there".to_owned())
            })
        }
        Err(error) => Ok(HeldKey::Unusable(error.to_string())),
    }
}

/// Asks Octopus whose a key is.
async fn whose(
    administrator: &Administrator,
    secret: Secret,
    user_id: &str,
) -> Result<HeldKey, AdministratorError> {
    if !secret.expose().starts_with("API-") {
        return Ok(HeldKey::Unusable("holds no API key".to_owned()));
    }
    let Some(holder) = administrator.with(&secret) else {
        return Ok(HeldKey::Unusable("holds no API key".to_owned()));
    };
    match holder.me().await {
        Ok(me) => Ok(match FoundUser::of(&me) {
            Some(user) if user.user_id == user_id => HeldKey::Good(secret),
            Some(user) => HeldKey::OfAnother(user.username),
            None => HeldKey::Refused,
        }),
        Err(error) if error.is_refusal() => Ok(HeldKey::Refused),
        Err(error) => Err(error),
    }
}

/// A key that was made, is good, and is not in its place yet: a run was cut off.
pub(super) async fn left_over(
    administrator: &Administrator,
    path: &Path,
    user_id: &str,
) -> Result<Option<Secret>, AdministratorError> {
    match look(administrator, &beside(path), user_id).await? {
        HeldKey::Good(key) => Ok(Some(key)),
        _ => Ok(None),
    }
}

/// An empty file beside the place of a key that is yet to be made: a key that can't be kept is not
/// asked for.
pub(super) struct Beside {
    path: PathBuf,
    file: File,
}

impl Beside {
    /// Makes the file; whatever was there is gone.
    pub(super) fn open(path: &Path) -> Result<Self, KeyFileError> {
        let path = beside(path);
        let opened = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => files::create_private(&path),
        };
        match opened {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(KeyFileError { path, source }),
        }
    }

    /// Writes the key down, for good.
    pub(super) fn keep(mut self, key: &Secret) -> Result<(), KeyFileError> {
        let written = writeln!(self.file, "{}", key.expose()).and_then(|()| self.file.sync_all());
        written.map_err(|source| KeyFileError { path: self.path, source })
    }

    /// Takes the file away, for there is no key.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(self.path);
    }
}

/// Puts what was written beside the place into it, in one step.
pub(super) fn put_in_place(path: &Path) -> Result<(), KeyFileError> {
    let place = place(path);
    let moved = fs::rename(beside(path), &place);
    let moved = moved.and_then(|()| files::sync_folder(folder(&place)));
    moved.map_err(|source| KeyFileError { path: path.to_owned(), source })
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Where the key itself stands: a link stays one, for others may follow it as well.
fn place(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// `.release-key.new` for `release-key`.
fn beside(path: &Path) -> PathBuf {
    let path = place(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}
