//! `octobroker import`: the service accounts and OIDC identities of an Octopus server as a
//! configuration to go on from. Nothing is changed there.
//!
//! What it prints means what stands in Octopus, neither more nor less, so that `plan` says that
//! nothing is to be done. Where that is more than a rule should say, a comment tells what to write.

mod document;
mod github;
mod issuer;
mod rule;
mod words;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{AdministratorFlags, failed};
use crate::cli::identity::block_on;
use crate::cli::{Environment, Exit, complain, print, refuse};
use crate::config;
use crate::octopus::Upstream;
use crate::provision::Found;
use crate::telemetry::escaped;

/// From where, and whither.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportFlags {
    #[command(flatten)]
    administrator: AdministratorFlags,
    /// The Octopus server [default: `octopus:` of the configuration, if there is one; else
    /// `$OCTOBROKER_OCTOPUS_URL`, `$OCTOPUS_URL`]
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    octopus_url: Option<String>,
    /// Write it into this file, which must not be there yet, in place of stdout.
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
}

impl ImportFlags {
    /// Reads, and writes a configuration.
    pub(in crate::cli) fn run(&self, environment: Environment<'_>) -> Exit {
        let upstream = match self.upstream(environment) {
            Ok(upstream) => upstream,
            Err(exit) => return exit,
        };
        block_on(async {
            let administrator =
                match self.administrator.credential.administrator(upstream, environment) {
                    Ok(administrator) => administrator,
                    Err(exit) => return exit,
                };
            match Found::read_services(&administrator).await {
                Ok(found) => {
                    let document = document::of(administrator.upstream().base(), &found);
                    match (self.put(document.text.trim_end()), document.fault) {
                        (Exit::Ok, Some(fault)) => {
                            complain(&format!(
                                "octobroker: what was written must be corrected first, see \
                                 `octobroker check`: {}",
                                escaped(&fault)
                            ));
                            Exit::Failure
                        }
                        (exit, _) => exit,
                    }
                }
                Err(error) => failed(&error),
            }
        })
    }

    /// The server that the flag names, or a configuration, or a variable.
    fn upstream(&self, environment: Environment<'_>) -> Result<Upstream, Exit> {
        if let Some(url) = &self.octopus_url {
            return named(url, environment);
        }
        let exists = |path: &Path| path.exists();
        let flag = self.administrator.config.config.as_deref();
        let variables = ["OCTOBROKER_OCTOPUS_URL", "OCTOPUS_URL"].into_iter();
        let variable = variables.filter_map(environment).find(|value| !value.is_empty());
        match (config::find(flag, environment, &exists), variable) {
            (Err(_), Some(url)) if flag.is_none() => named(&url, environment),
            _ => self.administrator.load(environment).map(|config| config.upstream),
        }
    }

    fn put(&self, text: &str) -> Exit {
        let Some(path) = &self.output_file else { return print(text) };
        // What an operator wrote there by hand is not to be lost.
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        match file.and_then(|mut file| writeln!(file, "{text}")) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                complain(&format!("octobroker: can't write {}: {error}", path.display()));
                Exit::Failure
            }
        }
    }
}

/// A server by its URL, judged as one in a file.
fn named(url: &str, environment: Environment<'_>) -> Result<Upstream, Exit> {
    let text = format!(
        "octopus: {{ url: {} }}\nservice_accounts: {{ nobody: {{ username: nobody }} }}\n\
         ambient: {{ token: detect, service_account: nobody }}\n",
        words::quoted(url)
    );
    let read = config::parse_with(&text, Path::new("flags"), environment, config::Ids::Awaited);
    let flags = [("octopus.url", "--octopus-url, or OCTOPUS_URL")];
    read.map(|config| config.upstream).map_err(|error| refuse(&error.by_flags(&flags)))
}
