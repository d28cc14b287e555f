//! A token in a file that somebody else replaces: kubelet, spiffe-helper, a script.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::fs::OpenOptions;
use tokio::io::AsyncReadExt;

use super::error::AmbientError;
use super::origin::Wanted;
use crate::limits;
use crate::platform::files;
use crate::secret::Secret;

/// Reads the file once. Links are followed by opening the path anew each time, so that a swapped
/// link, as kubelet does it, is seen. Its mode is not judged: projected tokens are 0644 in a volume
/// of the pod alone.
pub(super) async fn read(path: &Path, wanted: &Wanted) -> Result<Secret, AmbientError> {
    let text = tokio::time::timeout(limits::OWN_TOKEN_TIMEOUT, read_text(path)).await;
    let text = text.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    text.map_err(|source| AmbientError::Unreadable {
        platform: wanted.platform,
        path: path.to_owned(),
        advice: wanted.switch_on.clone(),
        source: Arc::new(source),
    })
}

async fn read_text(path: &Path) -> io::Result<Secret> {
    let file = OpenOptions::from(files::for_reading()).open(path).await?;
    if !file.metadata().await?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    // One byte more than a token with its line end may have: a longer file is then no token.
    file.take(limits::OWN_TOKEN_BYTES as u64 + 3).read_to_string(&mut text).await?;
    Ok(Secret::new(text.as_str()))
}
