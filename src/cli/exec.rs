//! `octobroker exec -- COMMAND`: the broker around one command, for as long as that runs.
//!
//! The command finds a stand-in under every name that Octopus's tools read, and no key of anybody.
//! The stand-in is worth nothing but at this broker's port, and nothing when the command has ended.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, getppid, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
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
    /// The process that started us. Looked up first of all: one that has ended is no parent any
    /// more, and would never be missed.
    #[arg(skip = getppid())]
    parent: Option<Pid>,
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

/// What is passed on to the command.
const PASSED: [(SignalKind, Signal); 6] = [
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::user_defined1(), Signal::USR1),
    (SignalKind::user_defined2(), Signal::USR2),
];

/// How often it is looked whether the process that started us is still there.
const PARENT_LOOK: Duration = Duration::from_millis(500);

/// What a command has to end when that process is gone.
const ORPHAN_TIME: Duration = Duration::from_secs(10);

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
        // Before the command starts: no signal may be lost in between.
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                complain(&format!("octobroker: can't listen for signals: {error}"));
                return Exit::Failure;
            }
        };
        match command.spawn() {
            Ok(child) => signals.pass_to(child, self.parent).await,
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
            let is_secret = REMOVED_VARIABLES.contains(&text.as_ref())
                || service_manager::VARIABLES.contains(&text.as_ref())
                || self.secret_variables.iter().any(|name| *name == text)
                || (self.isolate && identity.iter().any(|name| *name == text));
            if text.starts_with(OWN_PREFIX) || is_secret {
                command.env_remove(&name);
            }
        }
        // The broker is on this machine: no proxy is to see what goes there.
        for name in ["NO_PROXY", "no_proxy"] {
            let before = inherited().find(|(found, _)| found == name).map(|(_, value)| value);
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

/// The signals that are passed on.
struct Signals(Vec<(tokio::signal::unix::Signal, Signal)>);

impl Signals {
    fn listen() -> io::Result<Self> {
        // What is typed at a terminal reaches the command by itself: it is in the same group.
        let is_typed = io::stdin().is_terminal();
        let hang_up_is_ignored = ignores_hang_up();
        let passed = PASSED.into_iter().filter(|(_, number)| {
            let comes_by_itself = is_typed && [Signal::INT, Signal::QUIT].contains(number);
            // `nohup` is meant for the command.
            let is_ignored = hang_up_is_ignored && *number == Signal::HUP;
            !comes_by_itself && !is_ignored
        });
        for typed in [SignalKind::interrupt(), SignalKind::quit()] {
            // Caught from now on in any case (a handler stays when its listener is dropped), so
            // that it does not end the broker before the command.
            drop(signal(typed)?);
        }
        let listened = passed.map(|(kind, number)| signal(kind).map(|signal| (signal, number)));
        listened.collect::<io::Result<Vec<_>>>().map(Self)
    }

    /// Passes signals on until the command ends.
    async fn pass_to(mut self, mut child: Child, parent: Option<Pid>) -> Exit {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let mut ending = std::pin::pin!(end_with_parent(parent, pid));
        loop {
            tokio::select! {
                never = &mut ending => match never {},
                ended = child.wait() => return ended.map_or(Exit::Failure, outcome),
                number = self.next() => if let Some(pid) = pid {
                    // It may have ended in this very moment.
                    let _ = kill_process(pid, number);
                },
            }
        }
    }

    async fn next(&mut self) -> Signal {
        let signals = self.0.iter_mut().map(|(signal, number)| {
            Box::pin(async {
                signal.recv().await;
                *number
            })
        });
        futures_util::future::select_all(signals).await.0
    }
}

/// Ends the command when the process that started us has ended: asks first, then kills. The
/// kernel's own death signal is not used: it comes when the *thread* that started us ends.
async fn end_with_parent(parent: Option<Pid>, command: Option<Pid>) -> Infallible {
    while getppid() == parent {
        tokio::time::sleep(PARENT_LOOK).await;
    }
    if let Some(command) = command {
        // It may have ended by itself.
        let _ = kill_process(command, Signal::TERM);
        tokio::time::sleep(ORPHAN_TIME).await;
        let _ = kill_process(command, Signal::KILL);
    }
    std::future::pending().await
}

/// Whether SIGHUP was ignored when we started, as `nohup` has it: bit 0 of the mask.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// The command's code, or 128 and the number of the signal that killed it.
fn outcome(status: ExitStatus) -> Exit {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Exit::Child(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}
