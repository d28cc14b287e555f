//! `octobroker token`: prints an access token, for those who must hold one.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::time::Instant;

use super::identity::{Parts, ambient_exit, parts};
use super::sidecar::{Role, SidecarFlags};
use super::{Environment, Exit, complain, print};
use crate::config::{Config, ConfigError};
use crate::octopus::{AccessToken, ExchangeError, TokenExchange};
use crate::telemetry::{Code, error_chain};

/// What to print, and how.
#[derive(Debug, Args)]
pub(super) struct TokenFlags {
    #[command(flatten)]
    sidecar: SidecarFlags,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Form::Raw)]
    format: Form,
    /// Print it even on a terminal, where others may read it.
    #[arg(long)]
    yes_print: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The token alone.
    Raw,
    /// The answer of Octopus's token endpoint.
    Json,
    /// Lines for a shell or an env file.
    Env,
    /// Masked in the job's log, and set for the steps that follow, through `$GITHUB_ENV`.
    Github,
}

impl TokenFlags {
    pub(super) fn load(&self, environment: Environment<'_>) -> Result<Config, ConfigError> {
        self.sidecar.load(Role::Runs, environment)
    }

    /// Gets a token and prints it.
    pub(super) fn run(&self, config: Config, environment: Environment<'_>) -> Exit {
        if self.format != Form::Github && std::io::stdout().is_terminal() && !self.yes_print {
            complain(
                "octobroker: stdout is a terminal, where the token could be read by others; send \
                 it to a file or a program, or say --yes-print. `octobroker exec` needs no token",
            );
            return Exit::Failure;
        }
        let parts = match parts(config, environment) {
            Ok(parts) => parts,
            Err(exit) => return exit,
        };
        parts.block_on(async {
            match fetch(&parts).await {
                Ok(token) => self.print(&parts, &token, environment),
                Err(exit) => exit,
            }
        })
    }

    fn print(&self, parts: &Parts, token: &AccessToken, environment: Environment<'_>) -> Exit {
        let seconds = token.remaining_at(parts.clock.reading()).as_secs();
        let text = token.expose();
        let url = parts.upstream.base().as_str().trim_end_matches('/');
        match self.format {
            Form::Raw => print(text),
            Form::Json => print(
                &json!({
                    "access_token": text,
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    "token_type": "Bearer",
                    "expires_in": seconds,
                })
                .to_string(),
            ),
            Form::Env => print(&format!("OCTOPUS_URL={url}\nOCTOPUS_ACCESS_TOKEN={text}")),
            Form::Github => {
                let lines = format!("OCTOPUS_URL={url}\nOCTOPUS_ACCESS_TOKEN={text}\n");
                match set_for_steps(&lines, environment) {
                    Exit::Ok => print(&format!("::add-mask::{text}")),
                    exit => exit,
                }
            }
        }
    }
}

/// Appends to the file by which a step sets variables for those that follow.
fn set_for_steps(lines: &str, environment: Environment<'_>) -> Exit {
    let Some(path) = environment("GITHUB_ENV").filter(|path| !path.is_empty()) else {
        complain("octobroker: $GITHUB_ENV is not set: --format github is for GitHub Actions");
        return Exit::Failure;
    };
    let written = OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()));
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(&format!("octobroker: can't write to $GITHUB_ENV: {error}"));
            Exit::Failure
        }
    }
}

async fn fetch(parts: &Parts) -> Result<AccessToken, Exit> {
    if parts.account.api_key.is_some() {
        complain("octobroker: the service account has an API key, which is never given out");
        return Err(Exit::Configuration);
    }
    let told =
        |error: &dyn std::error::Error| complain(&format!("octobroker: {}", error_chain(error)));
    let ambient = parts.ambient.as_ref().map_err(|error| {
        told(error);
        ambient_exit(error)
    })?;
    let patience = Instant::now() + parts.rate_limit_wait;
    let mut streak = 0;
    loop {
        let own = ambient.id_token().await.map_err(|error| {
            told(&error);
            ambient_exit(&error)
        })?;
        let error = match parts.exchange.exchange(&parts.account, own.id_token()).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        told(&*error);
        streak += 1;
        let pause = error.pause(streak);
        if !error.is_rate_limit() || Instant::now() + pause > patience {
            return Err(exchange_exit(&error));
        }
        complain(&format!("octobroker: the next try is in {} s", pause.as_secs()));
        tokio::time::sleep(pause).await;
    }
}

/// 4 when Octopus refuses, 5 when it can't be reached or is broken.
pub(super) fn exchange_exit(error: &ExchangeError) -> Exit {
    if error.code() == Code::ExchangeRefused { Exit::Refused } else { Exit::Unreachable }
}
