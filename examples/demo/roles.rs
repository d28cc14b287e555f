//! This program in other roles, by its first argument. `cargo run --example demo` builds no other
//! program, so it starts itself again where the story needs one.
//!
//! As `octobroker` it is no imitation: arguments and environment go to the product's own command
//! line, as in `src/main.rs`. As `key-tool` it is what plays where `curl` is not installed.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;
use octobroker::cli::{self, Arguments, Environment};
use octobroker::clock::SystemClock;

use crate::caller::{Ask, Credential, Reply};
use crate::surprise::{Surprise, as_told};

/// A role other than that of the demonstration.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// The product's command line.
    Octobroker,
    /// A tool that knows `OCTOPUS_URL` and `OCTOPUS_API_KEY`, and nothing else.
    KeyTool,
}

impl Role {
    /// The word that asks for the role.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Octobroker => "octobroker",
            Self::KeyTool => "key-tool",
        }
    }

    /// The role that the first argument asks for.
    pub(crate) fn of(arguments: &[OsString]) -> Option<Self> {
        let first = arguments.first()?;
        [Self::Octobroker, Self::KeyTool].into_iter().find(|role| first == role.name())
    }

    /// Plays it. The first argument is the role's name, as that of a program.
    pub(crate) fn play(self, arguments: &[OsString], environment: Environment<'_>) -> ExitCode {
        match self {
            Self::Octobroker => cli::run(Arguments::parse_from(arguments), environment).into(),
            Self::KeyTool => match who_am_i(environment) {
                Ok(reply) => {
                    let _ = std::io::stdout().write_all(&reply.body);
                    ExitCode::SUCCESS
                }
                Err(surprise) => {
                    let _ = writeln!(std::io::stderr(), "key-tool: {surprise}");
                    ExitCode::FAILURE
                }
            },
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn who_am_i(environment: Environment<'_>) -> Result<Reply, Surprise> {
    let needed = |name: &str| {
        environment(name).ok_or_else(|| Surprise(format!("the variable {name} is not set")))
    };
    let (server, key) = (needed("OCTOPUS_URL")?, needed("OCTOPUS_API_KEY")?);
    let credential = Credential::ApiKey(&key);
    let reply = Ask::me().send(address(&server)?, credential, &SystemClock::new()).await?;
    as_told("the status", 200, reply.status)?;
    Ok(reply)
}

/// The address in `http://127.0.0.1:8484`.
pub(crate) fn address(url: &str) -> Result<SocketAddr, Surprise> {
    let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
    address.ok_or_else(|| Surprise(format!("{url} should be http:// and an address")))
}
