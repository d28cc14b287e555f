//! What the commands on Octopus's side have in common: the administrator's credential, which is a
//! file or a variable and never an argument, and what is read with it.

mod apply;
mod export;
mod import;
mod page;
mod plan;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;

pub(super) use apply::ApplyFlags;
pub(super) use export::ExportFlags;
pub(super) use import::ImportFlags;
pub(super) use plan::PlanFlags;

use super::identity::block_on;
use super::{ConfigFlag, Environment, Exit, complain, refuse};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Ids};
use crate::octopus::Upstream;
use crate::provision::{Administrator, AdministratorError, Found, Plan, PlanOptions, Wanted};
use crate::secret::Secret;
use crate::telemetry::error_chain;

/// An API key in a variable.
const KEY: &str = "OCTOBROKER_ADMIN_API_KEY";

/// An access token in a variable.
const TOKEN: &str = "OCTOBROKER_ADMIN_ACCESS_TOKEN";

/// Who may administer.
#[derive(Debug, Args)]
pub(super) struct AdministratorFlags {
    #[command(flatten)]
    config: ConfigFlag,
    /// A file with an administrator's API key, mode 0600 or 0440 [default:
    /// `$OCTOBROKER_ADMIN_API_KEY`]
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// A file with an administrator's access token [default: `$OCTOBROKER_ADMIN_ACCESS_TOKEN`]
    #[arg(long, value_name = "FILE", conflicts_with = "admin_key_file")]
    admin_token_file: Option<PathBuf>,
}

/// What is to be planned.
#[derive(Debug, Args)]
pub(super) struct OptionFlags {
    /// Take away OIDC identities that no rule needs, whoever made them, and keys that octobroker
    /// made and that are not in their files.
    #[arg(long)]
    prune: bool,
    /// Make new API keys, and revoke the old ones that octobroker made.
    #[arg(long)]
    rotate_keys: bool,
}

/// Octopus, as it was read.
struct Session {
    administrator: Administrator,
    /// Whom Octopus takes us for.
    username: String,
    wanted: Wanted,
    found: Found,
    /// Unix seconds.
    now: u64,
}

impl AdministratorFlags {
    fn load(&self, environment: Environment<'_>) -> Result<Config, Exit> {
        load(&self.config, environment)
    }

    /// The credential, for the server.
    fn administrator(
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
        let set = |name| environment(name).filter(|value| !value.is_empty()).map(Secret::new);
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

    /// Reads the configuration, and in Octopus all that it has to do with; then does `work`.
    fn run(&self, environment: Environment<'_>, work: impl AsyncFnOnce(Session) -> Exit) -> Exit {
        let config = match self.load(environment) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        block_on(async {
            match self.session(&config, environment).await {
                Ok(session) => work(session).await,
                Err(exit) => exit,
            }
        })
    }

    async fn session(
        &self,
        config: &Config,
        environment: Environment<'_>,
    ) -> Result<Session, Exit> {
        let administrator = self.administrator(config.upstream.clone(), environment)?;
        let wanted = config.wanted();
        let read = async {
            let me = administrator.me().await?;
            Ok((me, Found::read(&administrator, &wanted).await?))
        };
        let (me, found) = read.await.map_err(|error| failed(&error))?;
        let username = me.get("Username").and_then(serde_json::Value::as_str).unwrap_or("?");
        let username = username.to_owned();
        Ok(Session { administrator, username, wanted, found, now: now() })
    }
}

impl OptionFlags {
    fn plan(&self, session: &Session) -> Plan {
        let options =
            PlanOptions { prune: self.prune, rotate_keys: self.rotate_keys, now: session.now };
        Plan::of(&session.wanted, &session.found, options)
    }
}

/// The configuration, in which ids and keys may be missing yet.
fn load(flag: &ConfigFlag, environment: Environment<'_>) -> Result<Config, Exit> {
    let exists = |path: &Path| path.exists();
    let path = config::find(flag.config.as_deref(), environment, &exists);
    path.and_then(|path| config::load_with(&path, environment, Ids::Awaited))
        .map_err(|error| refuse(&error))
}

/// Says why Octopus could not be read or written, and with which code to end.
fn failed(error: &AdministratorError) -> Exit {
    complain(&format!("octobroker: {}", error_chain(error)));
    exit(error)
}

fn exit(error: &AdministratorError) -> Exit {
    match error {
        AdministratorError::Refused { status, .. } if !status.is_server_error() => Exit::Refused,
        _ => Exit::Unreachable,
    }
}

fn read(path: &Path) -> Result<Secret, Exit> {
    let read = Secret::from_file(path);
    read.map_err(|error| no_identity(&format!("the file {} {error}", path.display())))
}

fn no_identity(sentence: &str) -> Exit {
    complain(&format!("octobroker: {sentence}"));
    Exit::NoIdentity
}

fn now() -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole seconds since 1970"
    )]
    let seconds = SystemClock::new().unix_seconds().max(0.0) as u64;
    seconds
}
