//! The demonstration: `cargo run --release --example demo`.
//!
//! A pretend GitHub issuer, a pretend Octopus and the broker itself start on loopback and play four
//! short acts with real requests, real tokens and real clocks. Everything that is told is checked:
//! a surprise ends the play with a sentence and exit code 1, so that `--once` is a test as well.
//!
//! It refuses to print a token, and to go on after anything that is not as told.

mod acts;
mod caller;
mod finale;
mod jobs;
mod narrate;
mod stage;
mod surprise;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use narrate::Narrator;
use stage::Stage;
use surprise::Surprise;

const HELP: &str = "\
Plays octobroker's story with real requests on this machine: a CI job deploys through a pretend
Octopus, the next one reuses the cached token, an impostor and a forger are refused. Nothing leaves
loopback, nothing is written to disk.

usage: cargo run --release --example demo [-- OPTIONS]

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

#[tokio::main]
async fn main() -> ExitCode {
    let mut ending = Ending::WhenAsked;
    for argument in std::env::args_os().skip(1) {
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
    match Box::pin(play(ending)).await {
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

async fn play(ending: Ending) -> Result<(), Surprise> {
    let narrator = narrator(ending);
    let stage = Stage::build().await?;
    let played = Box::pin(scenes(&stage, &narrator, ending)).await;
    // Also after a surprise: the props must not be dropped with complaints.
    let closed = stage.close().await;
    played.and(closed)?;
    if ending == Ending::WhenAsked {
        narrator.say("Drained; good bye.");
    }
    Ok(())
}

async fn scenes(stage: &Stage, narrator: &Narrator, ending: Ending) -> Result<(), Surprise> {
    stage.until_ready().await?;
    let tokens = acts::play(stage, narrator).await?;
    finale::what_reached_octopus(stage, narrator, &tokens).await?;
    finale::metrics(stage, narrator, &tokens).await?;
    if ending == Ending::WhenAsked {
        finale::stay(stage, narrator).await;
    }
    Ok(())
}

fn narrator(ending: Ending) -> Narrator {
    #[expect(clippy::disallowed_methods, reason = "main is where the environment is read")]
    let is_colour_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_watched = std::io::stdout().is_terminal();
    let breath = if is_watched && ending == Ending::WhenAsked { BREATH } else { Duration::ZERO };
    Narrator::new(is_watched && !is_colour_unwanted, breath)
}
