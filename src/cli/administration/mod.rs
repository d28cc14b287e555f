//! What the commands on Octopus's side have in common: the configuration, and what is read of Octopus
//! with an administrator's credential.

mod apply;
mod credential;
mod export;
mod identity_fit;
mod import;
mod names;
mod page;
mod plan;
mod report;

use std::path::Path;

use clap::Args;
use http::StatusCode;

pub(super) use apply::ApplyFlags;
pub(super) use credential::CredentialFlags;
pub(super) use export::ExportFlags;
pub(super) use identity_fit::IdentityFit;
pub(super) use import::ImportFlags;
pub(super) use plan::PlanFlags;

use super::identity::block_on;
use super::{ConfigFlag, Environment, Exit, complain, refuse};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Ids};
use crate::provision::{Administrator, AdministratorError, Found, Plan, PlanOptions, Wanted};
use crate::telemetry::{error_chain, escaped};

/// Who may administer.
#[derive(Debug, Args)]
pub(super) struct AdministratorFlags {
    #[command(flatten)]
    config: ConfigFlag,
    #[command(flatten)]
    credential: CredentialFlags,
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
        let administrator = self.credential.administrator(config.upstream.clone(), environment)?;
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

impl Session {
    /// The accounts that are exchanged for and whose ids the file lacks, with those ids: whether they
    /// are among those that were `made` just now (by their names in Octopus), or were there before.
    fn ids_to_write<'a>(&'a self, made: &'a [(String, String)]) -> Vec<(&'a str, &'a str)> {
        let accounts = self.wanted.accounts.iter();
        let lacking = accounts.filter(|account| !account.is_keyed && account.id.is_none());
        let known = lacking.filter_map(|account| {
            let username = account.username.as_deref()?;
            let made = made.iter().find(|(made, _)| made == username).map(|(_, id)| id);
            let id = made.or_else(|| self.found.account(account).map(|there| &there.id))?;
            Some((account.name.as_str(), id.as_str()))
        });
        known.collect()
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
pub(super) fn failed(error: &AdministratorError) -> Exit {
    complain(&format!("octobroker: {}", escaped(&error_chain(error))));
    exit(error)
}

fn exit(error: &AdministratorError) -> Exit {
    match error {
        AdministratorError::Refused { status, .. }
            if !status.is_server_error() && *status != StatusCode::TOO_MANY_REQUESTS =>
        {
            Exit::Refused
        }
        _ => Exit::Unreachable,
    }
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
