//! The file that an API key stands in: written for its owner alone, beside it first, and put in its
//! place when Octopus has taken the key.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::administrator::{Administrator, AdministratorError};
use super::found::{FoundUser, HeldKey};
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
            Ok(HeldKey::Missing)
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

/// Whether a key was made that is good and not in its place yet, by a run that was cut off.
pub(super) async fn is_left_over(
    administrator: &Administrator,
    path: &Path,
    user_id: &str,
) -> Result<bool, AdministratorError> {
    let beside = look(administrator, &beside(path), user_id).await?;
    Ok(matches!(beside, HeldKey::Good(_)))
}

/// Writes a key beside its place; whatever was there is gone.
pub(super) fn write_beside(path: &Path, key: &Secret) -> Result<(), KeyFileError> {
    let new = beside(path);
    let written = match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::options().write(true).create_new(true).mode(0o600).open(&new),
    };
    let written = written.and_then(|mut file| {
        writeln!(file, "{}", key.expose())?;
        file.sync_all()
    });
    written.map_err(|source| KeyFileError { path: new, source })
}

/// Puts what was written beside the place into it, in one step.
pub(super) fn put_in_place(path: &Path) -> Result<(), KeyFileError> {
    let moved = fs::rename(beside(path), path).and_then(|()| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    });
    moved.map_err(|source| KeyFileError { path: path.to_owned(), source })
}

/// `.release-key.new` for `release-key`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}
