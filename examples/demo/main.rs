//! The demonstration: `cargo run --example demo`.
//!
//! A pretend GitHub issuer, a pretend Octopus and the broker itself start on loopback and play five
//! short acts with real requests, real tokens and real clocks. Everything that is told is checked:
//! a surprise ends the play with a sentence and exit code 1, so that `--once` is a test as well.
//!
//! It refuses to print a token, and to go on after anything that is not as told.

mod acts;
mod caller;
mod finale;
mod jobs;
mod narrate;
mod roles;
mod runner;
mod stage;
mod surprise;
mod unmodified;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use narrate::Narrator;
use roles::Role;
use runner::Runner;
use stage::Stage;
use surprise::Surprise;

const HELP: &str = "\
Plays octobroker's story with real requests on this machine: a CI job deploys through a pretend
Octopus, the next one reuses the cached token, curl runs in `octobroker exec` and takes a stand-in
for an API key, an impostor and a forger are refused. Nothing leaves loopback, nothing is written to
disk.

usage: cargo run --example demo [-- OPTIONS]

options:
  --once   end after the metrics instead of staying up for curl; exits 1 if anything is not as told
  --help   this text

Colour on a terminal only; NO_COLOR is obeyed.
";

/// How long a watcher may read before the next act.
const BREATH: Duration = Duration::from_millis(900);

/// What was asked for on the command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// After the metrics.
    AtOnce,
    /// When a person says so.
    WhenAsked,
}

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let environment = |name: &str| std::env::var_os(name);
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(role) = Role::of(&arguments) {
        return role.play(&arguments, &|name| environment(name)?.into_string().ok());
    }
    let mut ending = Ending::WhenAsked;
    for argument in &arguments {
        match argument.to_str() {
            Some("--once") => ending = Ending::AtOnce,
            Some("--help" | "-h") => {
                let _ = std::io::stdout().write_all(HELP.as_bytes());
                return ExitCode::SUCCESS;
            }
            _ => {
                let argument = argument.to_string_lossy().into_owned();
                complain(&format!("{argument:?} is not an option; --once and --help are"));
                return ExitCode::from(2);
            }
        }
    }
    match perform(ending, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(surprise) => {
            complain(&format!("this is not as told: {surprise}"));
            ExitCode::FAILURE
        }
    }
}

fn complain(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "demo: {sentence}");
}

#[tokio::main]
async fn perform(
    ending: Ending,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<(), Surprise> {
    let narrator = narrator(ending, environment("NO_COLOR").is_some_and(|value| !value.is_empty()));
    let runner = Runner::new(environment("PATH").unwrap_or_default())?;
    let stage = Stage::build().await?;
    let played = Box::pin(scenes(&stage, &narrator, &runner, ending)).await;
    // Also after a surprise: the props must not be dropped with complaints.
    let closed = stage.close().await;
    played.and(closed)?;
    if ending == Ending::WhenAsked {
        narrator.say("Drained; good bye.");
    }
    Ok(())
}

async fn scenes(
    stage: &Stage,
    narrator: &Narrator,
    runner: &Runner,
    ending: Ending,
) -> Result<(), Surprise> {
    stage.until_ready().await?;
    let tokens = acts::play(stage, narrator, runner).await?;
    finale::what_reached_octopus(stage, narrator, &tokens).await?;
    finale::metrics(stage, narrator, &tokens).await?;
    if ending == Ending::WhenAsked {
        finale::stay(stage, narrator).await;
    }
    Ok(())
}

fn narrator(ending: Ending, is_colour_unwanted: bool) -> Narrator {
    let is_watched = std::io::stdout().is_terminal();
    let breath = if is_watched && ending == Ending::WhenAsked { BREATH } else { Duration::ZERO };
    Narrator::new(is_watched && !is_colour_unwanted, breath)
}
