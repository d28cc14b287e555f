//! An API key of a service account, for servers and accounts without OIDC.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::limits;
use crate::secret::{Secret, SecretFileError};

/// The header that carries an API key to Octopus.
pub const API_KEY: HeaderName = HeaderName::from_static("x-octopus-apikey");

/// A key, ready to be attached. One from a file is read again when the file has changed, so that a
/// key can be replaced while the broker runs; a file that has become unusable changes nothing.
#[derive(Clone)]
pub struct ApiKey {
    held: Arc<Mutex<Held>>,
    file: Option<Arc<PathBuf>>,
}

struct Held {
    value: HeaderValue,
    secret: Secret,
    /// On the monotonic clock.
    looked: Duration,
    /// Why the file was last not taken, so that it is said once.
    fault: Option<String>,
}

impl ApiKey {
    /// A key that does not change. `None` if it can't be a header value.
    pub fn fixed(secret: Secret) -> Option<Self> {
        Self::new(secret, None)
    }

    /// A key in a file.
    pub fn from_file(path: PathBuf) -> Result<Self, SecretFileError> {
        let secret = Secret::from_file(&path)?;
        Self::new(secret, Some(Arc::new(path))).ok_or(SecretFileError::Text)
    }

    /// A key in a file that may not be there yet.
    pub fn awaited(path: PathBuf) -> Option<Self> {
        Self::new(Secret::new("not-there-yet"), Some(Arc::new(path)))
    }

    fn new(secret: Secret, file: Option<Arc<PathBuf>>) -> Option<Self> {
        let value = header_value(&secret)?;
        let held = Held { value, secret, looked: Duration::ZERO, fault: None };
        Some(Self { held: Arc::new(Mutex::new(held)), file })
    }

    /// The value of `X-Octopus-ApiKey`. Looks at the file at most once a second.
    pub fn header_value(&self, clock: &dyn Clock) -> HeaderValue {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.file {
            let now = clock.elapsed();
            if now.saturating_sub(held.looked) >= limits::SECRET_FILE_LOOK {
                held.looked = now;
                held.look(path);
            }
        }
        held.value.clone()
    }

    fn text(&self) -> HeaderValue {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).value.clone()
    }
}

impl Held {
    fn look(&mut self, path: &std::path::Path) {
        let read = Secret::from_file(path)
            .and_then(|secret| Ok((header_value(&secret).ok_or(SecretFileError::Text)?, secret)));
        match read {
            Ok((value, secret)) => {
                if secret.expose() != self.secret.expose() {
                    info!(file = %path.display(), "the API key was replaced");
                    self.value = value;
                    self.secret = secret;
                }
                self.fault = None;
            }
            Err(error) => {
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    let file = path.display();
                    warn!(%file, fault, "the API key's file is unusable: the last key serves on");
                    self.fault = Some(fault);
                }
            }
        }
    }
}

fn header_value(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey")
    }
}

/// The same file, whatever it holds at the moment; or the same text.
impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.file, &other.file) {
            (Some(file), Some(other)) => file == other,
            (None, None) => Arc::ptr_eq(&self.held, &other.held) || self.text() == other.text(),
            _ => false,
        }
    }
}

impl Eq for ApiKey {}
