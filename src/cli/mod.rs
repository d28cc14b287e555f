//! The command line. Results go to stdout, all else to stderr; no secret is ever an argument.

mod administration;
mod check;
mod doctor;
mod exec;
mod explain;
mod identity;
mod page;
mod ready;
mod rehearsal;
mod reload;
mod rule_tests;
mod serve;
mod service_manager;
mod sidecar;
mod token;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::json;

use administration::{ApplyFlags, ExportFlags, ImportFlags, PlanFlags};
use check::CheckFlags;
use doctor::DoctorFlags;
use exec::ExecFlags;
use explain::ExplainFlags;
use ready::ReadyFlags;
use sidecar::{Role, SidecarFlags};
use token::TokenFlags;

use crate::config::{self, Config, ConfigError};
use crate::platform::process;

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
    Serve(SidecarFlags),
    /// Run a command with a key that is worth nothing elsewhere, and the broker beside it.
    Exec(Box<ExecFlags>),
    /// Check the configuration, without any network, and say what is wrong where.
    Check(CheckFlags),
    /// Say why a token is let through or refused: each check, each rule, and what Octopus needs.
    Explain(Box<ExplainFlags>),
    /// Say what would change in Octopus (accounts, teams, OIDC identities, keys) so that every rule
    /// works there. Ends with 8 where something is to be changed.
    Plan(PlanFlags),
    /// Make the changes of `plan` in Octopus, after asking.
    Apply(ApplyFlags),
    /// Print what stands in Octopus (service accounts, OIDC identities) as a configuration to go on
    /// from.
    Import(ImportFlags),
    /// Print what `apply` would make in another form.
    Export(ExportFlags),
    /// Print an Octopus access token of the broker's own identity, for those who must hold one.
    Token(Box<TokenFlags>),
    /// Go the whole way from the platform's ID token to Octopus once, and say where it ends.
    Doctor(Box<DoctorFlags>),
    /// Ask a running broker whether it is ready: for container health checks.
    Healthcheck(ReadyFlags),
    /// Wait until a running broker is ready.
    Wait {
        #[command(flatten)]
        ready: ReadyFlags,
        /// How long, at most.
        #[arg(long, default_value = "60s", value_parser = duration)]
        timeout: Duration,
    },
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Print a script that completes commands and flags in a shell.
    Completions {
        /// The shell.
        shell: Shell,
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
    /// 2: what was asked for makes no sense.
    Usage,
    /// 3: the configuration can't be used.
    Configuration,
    /// 4: refused, by a rule or by Octopus.
    Refused,
    /// 5: Octopus or an issuer can't be reached, or is broken.
    Unreachable,
    /// 6: no identity was found.
    NoIdentity,
    /// 7: the broker is not ready.
    NotReady,
    /// 8: something is to be changed in Octopus.
    Pending,
    /// What the command that was run ended with.
    Child(i32),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::Usage => Self::from(2),
            Exit::Configuration => Self::from(3),
            Exit::Refused => Self::from(4),
            Exit::Unreachable => Self::from(5),
            Exit::NoIdentity => Self::from(6),
            Exit::NotReady => Self::from(7),
            Exit::Pending => Self::from(8),
            Exit::Child(code) => process::exit_code(code),
        }
    }
}

/// Looks a variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs a command to its end.
pub fn run(arguments: Arguments, environment: Environment<'_>) -> Exit {
    process::prepare_terminal();
    match arguments.command {
        Command::Serve(flags) => match flags.load(Role::Listens, environment) {
            Ok(config) => serve::serve(flags.origin(&config, environment), config, environment),
            Err(error) => refuse(&error),
        },
        Command::Exec(mut flags) => match flags.load(environment) {
            Ok(config) => serve::exec(*flags, config, environment),
            Err(error) => refuse(&error),
        },
        Command::Check(flags) => flags.run(environment),
        Command::Explain(flags) => flags.run(environment),
        Command::Plan(flags) => flags.run(environment),
        Command::Apply(flags) => flags.run(environment),
        Command::Import(flags) => flags.run(environment),
        Command::Export(flags) => flags.run(environment),
        Command::Token(flags) => match flags.load(environment) {
            Ok(config) => flags.run(config, environment),
            Err(error) => refuse(&error),
        },
        Command::Doctor(flags) => match flags.load(environment) {
            Ok(config) => flags.run(config, environment),
            Err(error) => flags.refuse(&error),
        },
        Command::Healthcheck(flags) => flags.check(environment),
        Command::Wait { ready, timeout } => ready.wait(timeout, environment),
        Command::Schema => print(&format!("{:#}", config::schema())),
        Command::Completions { shell } => completions(shell),
        Command::Version { output } => version(output),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    config::parse_duration(text).ok_or("write a whole number and ms, s, m, h or d, such as 30s")
}

impl ConfigFlag {
    fn load(&self, environment: Environment<'_>) -> Result<Config, ConfigError> {
        let path = config::find(self.config.as_deref(), environment, &|path: &Path| path.exists())?;
        config::load(&path, environment)
    }
}

fn refuse(error: &ConfigError) -> Exit {
    complain(&error.to_string());
    Exit::Configuration
}

fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(String::from_utf8_lossy(&script).trim_end())
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

/// A result. A closed pipe (`octobroker version | head -0`) is nobody's failure; a full disk is.
fn print(line: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("octobroker: can't write the result: {error}"));
            Exit::Failure
        }
        Ok(()) | Err(_) => Exit::Ok,
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
