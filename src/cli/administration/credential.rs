//! An administrator's credential: a file or a variable, and never an argument.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Environment, Exit, complain};
use crate::octopus::Upstream;
use crate::platform::files;
use crate::provision::Administrator;
use crate::secret::Secret;

/// An API key in a variable.
const KEY: &str = "OCTOBROKER_ADMIN_API_KEY";

/// An access token in a variable.
const TOKEN: &str = "OCTOBROKER_ADMIN_ACCESS_TOKEN";

/// Who may administer.
#[derive(Debug, Args)]
pub(in crate::cli) struct CredentialFlags {
    /// A file with an administrator's API key, mode 0600 or 0440 [default:
    /// `$OCTOBROKER_ADMIN_API_KEY`]
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// A file with an administrator's access token [default: `$OCTOBROKER_ADMIN_ACCESS_TOKEN`]
    #[arg(long, value_name = "FILE", conflicts_with = "admin_key_file")]
    admin_token_file: Option<PathBuf>,
}

impl CredentialFlags {
    /// Whether a flag names one.
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.admin_key_file.is_some() || self.admin_token_file.is_some()
    }

    /// Whether there is one, by a flag or a variable.
    pub(in crate::cli) fn is_there(&self, environment: Environment<'_>) -> bool {
        self.is_named() || [KEY, TOKEN].into_iter().any(|name| set(name, environment).is_some())
    }

    /// The credential, for the server.
    pub(in crate::cli) fn administrator(
        &self,
        upstream: Upstream,
        environment: Environment<'_>,
    ) -> Result<Administrator, Exit> {
        let secret = self.secret(environment)?;
        let administrator = Administrator::new(upstream, &secret);
        administrator
            .ok_or_else(|| no_identity("the administrator's credential holds a line break"))
    }

    fn secret(&self, environment: Environment<'_>) -> Result<Secret, Exit> {
        let set = |name| set(name, environment);
        let (secret, is_key, whence) = match (&self.admin_key_file, &self.admin_token_file) {
            (Some(path), _) => (read(path)?, true, path.display().to_string()),
            (None, Some(path)) => (read(path)?, false, path.display().to_string()),
            (None, None) => match (set(KEY), set(TOKEN)) {
                (Some(key), _) => (key, true, format!("${KEY}")),
                (None, Some(token)) => (token, false, format!("${TOKEN}")),
                (None, None) => {
                    return Err(no_identity(&format!(
                        "Octopus's administration needs an administrator's credential; write \
                         --admin-key-file, or set {KEY} or {TOKEN}"
                    )));
                }
            },
        };
        match (is_key, secret.expose().starts_with("API-")) {
            (true, false) => Err(no_identity(&format!("{whence} holds no API key of Octopus"))),
            (false, true) => Err(no_identity(&format!(
                "{whence} holds an API key and no access token; name it as a key"
            ))),
            _ => Ok(secret),
        }
    }
}

/// A variable that holds something.
fn set(name: &str, environment: Environment<'_>) -> Option<Secret> {
    environment(name).filter(|value| !value.is_empty()).map(Secret::new)
}

fn read(path: &Path) -> Result<Secret, Exit> {
    let written = path.to_string_lossy();
    let is_secret = ["API-", "eyJ"].iter().any(|start| written.starts_with(start));
    if is_secret && !path.exists() {
        return Err(no_identity(
            "a flag holds the administrator's credential itself, and arguments are seen by others: \
             replace it in Octopus, write the new one to a file, and name that file",
        ));
    }
    let read = Secret::from_file(path);
    if !files::TELL_ACCESS && read.is_ok() {
        complain(&format!(
            "octobroker: this system does not tell who may read the file {}; see that only you may",
            path.display()
        ));
    }
    read.map_err(|error| no_identity(&format!("the file {} {error}", path.display())))
}

fn no_identity(sentence: &str) -> Exit {
    complain(&format!("octobroker: {sentence}"));
    Exit::NoIdentity
}
