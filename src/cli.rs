//! The command line. Results go to stdout, all else to stderr; no secret is ever an argument.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::StatusCode;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};
use url::Url;

use crate::app::{App, Surroundings};
use crate::clock::SystemClock;
use crate::config::{self, Config, ConfigError, LogFormat};
use crate::http_client::{Bounds, HttpClient, HttpError, Reach, TlsRoots};
use crate::telemetry::{Format, Sink, error_chain, subscriber};

/// A token-exchange sidecar and OIDC broker for Octopus Deploy.
#[derive(Debug, Parser)]
#[command(name = "octobroker", version, about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve API requests until SIGTERM or SIGINT; a second signal stops at once.
    Serve(ConfigFlag),
    /// Check the configuration, without any network, and say what is wrong where.
    Check {
        #[command(flatten)]
        config: ConfigFlag,
        /// How to say it.
        #[arg(long, value_enum, default_value_t = Output::Human)]
        output: Output,
    },
    /// Ask a running broker whether it is ready: for container health checks.
    Healthcheck {
        #[command(flatten)]
        config: ConfigFlag,
        /// The admin listener to ask, instead of the configuration's: `http://127.0.0.1:9484`.
        #[arg(long)]
        url: Option<Url>,
    },
    /// Print the version.
    Version {
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Output::Human)]
        output: Output,
    },
}

#[derive(Debug, Args)]
struct ConfigFlag {
    /// The configuration file [default: `$OCTOBROKER_CONFIG`, `./octobroker.yaml`,
    /// `/etc/octobroker/octobroker.yaml`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Human,
    Json,
}

/// How a command ended. clap itself ends with 2 on wrong usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Ok,
    /// 1
    Failure,
    /// 3: the configuration can't be used.
    Configuration,
    /// 7: the broker is not ready.
    NotReady,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::Configuration => Self::from(3),
            Exit::NotReady => Self::from(7),
        }
    }
}

/// Looks a variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs a command to its end.
pub fn run(arguments: Arguments, environment: Environment<'_>) -> Exit {
    match arguments.command {
        Command::Serve(flag) => match flag.load(environment) {
            Ok(config) => serve(config, environment),
            Err(error) => refuse(&error, Output::Human),
        },
        Command::Check { config, output } => match config.load(environment) {
            Ok(config) => approve(&config, output),
            Err(error) => refuse(&error, output),
        },
        Command::Healthcheck { config, url } => healthcheck(&config, url, environment),
        Command::Version { output } => version(output),
    }
}

impl ConfigFlag {
    fn load(&self, environment: Environment<'_>) -> Result<Config, ConfigError> {
        let path = config::find(self.config.as_deref(), environment, &|path: &Path| path.exists())?;
        config::load(&path, environment)
    }
}

fn serve(config: Config, environment: Environment<'_>) -> Exit {
    let clock = Arc::new(SystemClock::new());
    let is_terminal = std::io::stderr().is_terminal();
    let format = match config.log.format {
        Some(LogFormat::Json) => Format::Json,
        None if !is_terminal => Format::Json,
        Some(LogFormat::Pretty) | None => {
            let is_plain = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
            Format::Pretty { colour: is_terminal && !is_plain }
        }
    };
    let sink = Sink::stderr();
    let log = subscriber(format, config.log.level, sink.clone(), Arc::clone(&clock) as _);
    // Fails only if there is a subscriber already, which then serves.
    let _ = tracing::subscriber::set_global_default(log);
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold anything; the place says enough.
        let place = panic.location().map(ToString::to_string);
        error!(place, "a fault of this program: a task panicked");
    }));
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "can't start");
            return Exit::Failure;
        }
    };
    let exit = runtime.block_on(async {
        match App::bind(config, Surroundings { clock, sink, format }).await {
            Ok(app) => until_signalled(app).await,
            Err(error) => {
                error!(error = error_chain(&error), "can't start");
                Exit::Failure
            }
        }
    });
    // What was cut must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit
}

async fn until_signalled(app: App) -> Exit {
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = signals.map(signal) else {
        error!("can't listen for signals");
        return Exit::Failure;
    };
    crate::tasks::spawn(async move {
        while hangup.recv().await.is_some() {
            warn!("SIGHUP: this version does not reload its configuration; restart it to apply");
        }
    });
    let (first, second) = (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
    crate::tasks::spawn(async move {
        for told in [first.0, second.0] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // The app may have ended by itself.
            let _ = told.send(());
        }
    });
    app.run(async { drop(first.1.await) }, async { drop(second.1.await) }).await;
    Exit::Ok
}

fn approve(config: &Config, output: Output) -> Exit {
    let counts = [
        ("issuers", config.issuers.len()),
        ("service_accounts", config.service_accounts.len()),
        ("rules", config.rules.len()),
    ];
    if output == Output::Json {
        let counts: serde_json::Map<_, _> =
            counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        return print(&json!({ "ok": true, "problems": [], "counts": counts }).to_string());
    }
    let counts = counts.map(|(name, count)| {
        let name = name.replace('_', " ");
        let name = if count == 1 { name.trim_end_matches('s') } else { &name };
        format!("{count} {name}")
    });
    print(&format!("{}: ok ({})", config.path.display(), counts.join(", ")))
}

fn refuse(error: &ConfigError, output: Output) -> Exit {
    if output == Output::Json {
        let problems: Vec<_> = error
            .problems()
            .iter()
            .map(|problem| {
                json!({
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "key": problem.path,
                    "message": problem.sentence,
                })
            })
            .collect();
        print(&json!({ "ok": false, "problems": problems }).to_string());
    } else {
        complain(&error.to_string());
    }
    Exit::Configuration
}

fn healthcheck(flag: &ConfigFlag, url: Option<Url>, environment: Environment<'_>) -> Exit {
    let url = match url {
        Some(url) => url,
        None => match flag.load(environment) {
            Ok(config) => match admin_url(&config) {
                Some(url) => url,
                None => return Exit::Failure,
            },
            Err(error) => return refuse(&error, Output::Human),
        },
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Exit::Failure;
    };
    let Ok(readyz) = url.join("/readyz") else {
        return Exit::Failure;
    };
    let client = HttpClient::new(&TlsRoots::system(), Reach::Anywhere);
    let bounds = Bounds { timeout: HEALTHCHECK_TIMEOUT, bytes: 64 << 10 };
    match runtime.block_on(client.document(&readyz, bounds)) {
        Ok(_) => print("ready"),
        Err(HttpError::Status { status: StatusCode::SERVICE_UNAVAILABLE, .. }) => {
            complain(&format!("not ready: see {readyz}"));
            Exit::NotReady
        }
        Err(error) => {
            complain(&format!("not ready: {readyz}: {}", error_chain(&error)));
            Exit::NotReady
        }
    }
}

/// The admin listener as this machine reaches it.
fn admin_url(config: &Config) -> Option<Url> {
    let mut address = config.admin;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}").parse().ok()
}

fn version(output: Output) -> Exit {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let revision = option_env!("OCTOBROKER_REVISION").unwrap_or("unknown");
    match output {
        Output::Human => print(&format!("{name} {version} (revision {revision})")),
        Output::Json => {
            print(&json!({ "name": name, "version": version, "revision": revision }).to_string())
        }
    }
}

/// A result. A closed pipe (`octobroker version | head -0`) is nobody's failure.
fn print(line: &str) -> Exit {
    let _ = writeln!(std::io::stdout(), "{line}");
    Exit::Ok
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(5);
