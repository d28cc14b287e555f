//! `octobroker exec -- COMMAND`: the broker around one command, for as long as that runs.
//!
//! The command finds a stand-in under every name that Octopus's tools read, and no key of anybody.
//! The stand-in is worth nothing but at this broker's port, and nothing when the command has ended.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::identity::ambient_exit;
use super::service_manager;
use super::sidecar::{Role, SidecarFlags};
use super::token::exchange_exit;
use super::{Environment, Exit, complain};
use crate::ambient::AmbientIdentity;
use crate::app::{App, StartError};
use crate::broker::{Broker, OwnIdentity, OwnIdentityError};
use crate::config::Config;
use crate::platform::command::{Parent, Signals, is_same_variable, variable_begins};
use crate::secret::Secret;
use crate::tasks;
use crate::telemetry::error_chain;

/// Runs a command with an Octopus credential that is none.
#[derive(Debug, Args)]
pub(super) struct ExecFlags {
    #[command(flatten)]
    sidecar: SidecarFlags,
    /// Remove the platform's own token variables from the command's environment as well, so that
    /// it can't get an ID token past the broker.
    #[arg(long)]
    isolate: bool,
    /// Write a line of log for each request, not only for those that were refused.
    #[arg(long, short)]
    verbose: bool,
    /// The variables in which the configuration found secrets.
    #[arg(skip)]
    secret_variables: Vec<String>,
    /// How long a rate limit of Octopus's token endpoint is waited out.
    #[arg(skip)]
    rate_limit_wait: Duration,
    /// The process that started us.
    #[arg(skip = Parent::now())]
    parent: Parent,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// Names under which Octopus's tools look for the server.
const URL_VARIABLES: [&str; 3] = ["OCTOPUS_URL", "OCTOPUS_SERVER_URL", "OCTOPUS_CLI_SERVER"];

/// Names under which Octopus's tools look for a credential.
const KEY_VARIABLES: [&str; 5] = [
    "OCTOPUS_API_KEY",
    "OCTOPUS_APIKEY",
    "OCTOPUS_ACCESS_TOKEN",
    "OCTOPUS_CLI_API_KEY",
    "OCTOPUS_DEPLOY_API_KEY",
];

/// What else would lead a tool past the broker.
const REMOVED_VARIABLES: [&str; 5] = [
    "OCTOPUS_HOST",
    "OCTOPUS_CLI_USERNAME",
    "OCTOPUS_CLI_PASSWORD",
    "OCTOPUS_ID_TOKEN",
    "OCTOPUS_ID_TOKEN_FILE",
];

/// The broker's own variables begin so.
const OWN_PREFIX: &str = "OCTOBROKER_";

/// How long requests may take to end when the command has.
const DRAIN: Duration = Duration::from_secs(2);

impl ExecFlags {
    pub(super) fn load(
        &mut self,
        environment: Environment<'_>,
    ) -> Result<Config, crate::config::ConfigError> {
        let mut config = self.sidecar.load(Role::Runs, environment)?;
        self.secret_variables.clone_from(&config.secret_variables);
        self.rate_limit_wait = config.limits.rate_limit_wait;
        config.limits.drain = config.limits.drain.min(DRAIN);
        Ok(config)
    }

    pub(super) const fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Runs the command to its end, with the broker beside it.
    pub(super) async fn run(self, app: App) -> Exit {
        let broker = app.broker();
        let Some(address) = app.addresses().first().copied() else {
            complain("octobroker: exec needs a TCP listener in the configuration");
            return Exit::Configuration;
        };
        let url = format!("http://{address}{}", app.path_prefix());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tasks::spawn(app.run(async { drop(stopped.await) }, std::future::pending()));
        let exit = match lend(&broker, self.rate_limit_wait).await {
            Ok(stand_in) => self.run_with(&url, &stand_in, &identity_variables(&broker)).await,
            Err(exit) => exit,
        };
        drop(stop);
        // The command's outcome stands; how the broker ended changes nothing of it.
        let _ = serving.await;
        exit
    }

    async fn run_with(self, url: &str, stand_in: &Secret, identity: &[String]) -> Exit {
        let Some((program, arguments)) = self.command.split_first() else {
            return Exit::Failure;
        };
        let mut command = Command::new(program);
        command.args(arguments);
        self.prepare(&mut command, (url, stand_in), identity);
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                complain(&format!("octobroker: can't listen for signals: {error}"));
                return Exit::Failure;
            }
        };
        match command.spawn() {
            Ok(child) => {
                signals.pass_to(child, self.parent).await.map_or(Exit::Failure, Exit::Child)
            }
            Err(error) => {
                complain(&format!("octobroker: can't run {}: {error}", program.display()));
                let is_missing = error.kind() == io::ErrorKind::NotFound;
                Exit::Child(if is_missing { 127 } else { 126 })
            }
        }
    }

    /// The command's environment: ours, without keys, with the stand-in.
    fn prepare(
        &self,
        command: &mut Command,
        (url, stand_in): (&str, &Secret),
        identity: &[String],
    ) {
        for (name, _) in inherited() {
            let text = name.to_string_lossy();
            let is_it = |name: &str| is_same_variable(name, &text);
            let is_secret = REMOVED_VARIABLES.into_iter().any(is_it)
                || service_manager::VARIABLES.into_iter().any(is_it)
                || self.secret_variables.iter().any(|name| is_it(name))
                || (self.isolate && identity.iter().any(|name| is_it(name)));
            if variable_begins(&text, OWN_PREFIX) || is_secret {
                command.env_remove(&name);
            }
        }
        // The broker is on this machine: no proxy is to see what goes there.
        for name in ["NO_PROXY", "no_proxy"] {
            let is_it = |found: &OsString| is_same_variable(name, &found.to_string_lossy());
            let before = inherited().find(|(found, _)| is_it(found)).map(|(_, value)| value);
            let mut value = before.filter(|value| !value.is_empty()).unwrap_or_default();
            if !value.is_empty() {
                value.push(",");
            }
            value.push("127.0.0.1,localhost");
            command.env(name, value);
        }
        for name in URL_VARIABLES {
            command.env(name, url);
        }
        for name in KEY_VARIABLES {
            command.env(name, stand_in.expose());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a child inherits all of the environment")]
fn inherited() -> std::env::VarsOs {
    std::env::vars_os()
}

/// The variables by which a command could get an ID token of its own.
fn identity_variables(broker: &Broker) -> Vec<String> {
    let ambient = broker.own_identity().and_then(OwnIdentity::ambient);
    let names = ambient.map_or_else(
        || AmbientIdentity::SECRET_VARIABLES.to_vec(),
        AmbientIdentity::inherited_variables,
    );
    names.into_iter().map(str::to_owned).collect()
}

/// Makes sure that the identity works, before anything is run with it, and makes the stand-in.
async fn lend(broker: &Arc<Broker>, rate_limit_wait: Duration) -> Result<Secret, Exit> {
    let admission = broker.admit_itself().await.map_err(|error| {
        complain(&format!("octobroker: {}", error_chain(&error)));
        identity_exit(&error)
    })?;
    let patience = Instant::now() + rate_limit_wait;
    broker.credential(&admission, patience).await.map_err(|failure| {
        complain(&format!("octobroker: {}", error_chain(&*failure.error)));
        exchange_exit(&failure.error)
    })?;
    broker.issue_own_stand_in().map_err(|error| {
        complain(&format!("octobroker: {error}"));
        Exit::Failure
    })
}

/// 6 without an identity, 5 when its platform can't be reached.
fn identity_exit(error: &OwnIdentityError) -> Exit {
    match error {
        OwnIdentityError::None => Exit::NoIdentity,
        OwnIdentityError::Ambient(error) => ambient_exit(error),
    }
}

/// 6 or 5 as above, or 1, when the app can't start.
pub(super) fn start_exit(error: &StartError) -> Exit {
    match error {
        StartError::Ambient(error) => ambient_exit(error),
        StartError::Bind { .. } | StartError::Metrics(_) => Exit::Failure,
    }
}
