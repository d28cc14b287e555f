//! What each step of a request costs.
//!
//! `cargo bench --bench cost [-- word…]` takes the time of each step whose name holds a word. With
//! `--instructions` it counts instructions instead, which are the same on every run and every
//! machine of a kind: each step runs in a process of its own under valgrind, once few and once many
//! times, and the difference is the step's alone. The counts are compared with
//! `benches/baseline.json`; more than 5 % above it fails. `--write` makes them the new baseline.
//! What is counted is the dev profile, which is built for the tests anyway: `--profile dev`.
//!
//! Nothing is measured that is private to the library: only what the rooms show each other.

mod baseline;
mod program;
mod stage;
mod steps;
mod valgrind;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use octobroker::clock::{Clock as _, SystemClock};

use baseline::Baseline;
use stage::{Folder, Stage};
use steps::{STEPS, Step};

/// Any fault ends the run: there is nobody to handle it.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Where the counts are kept.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline.json");

/// How a wall-clock measurement is made: rounds, of which the best counts.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("cost: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome<ExitCode> {
    if let [flag, folder, name, times] = arguments
        && flag == valgrind::ONE_STEP
    {
        let step = STEPS.iter().find(|step| step.name == name).ok_or("no such step")?;
        runtime()?.block_on(async {
            let stage = Stage::open(folder.as_ref(), step.rules).await?;
            (step.run)(&stage, times.parse()?).await
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let words: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let folder = Folder::prepare()?;
    if has("--instructions") {
        return count(&folder, is_wanted, has("--write"));
    }
    let steps: Vec<&Step> = STEPS.iter().filter(|step| is_wanted(step.name)).collect();
    runtime()?.block_on(time(&folder, &steps))?;
    Ok(ExitCode::SUCCESS)
}

/// The time of each step, the best of some rounds.
async fn time(folder: &Folder, steps: &[&Step]) -> Outcome<()> {
    let clock = SystemClock::new();
    for step in steps {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            // Whatever a step makes the broker remember is forgotten with the stage.
            let stage = Stage::open(folder.path(), step.rules).await?;
            let start = clock.elapsed();
            (step.run)(&stage, step.times).await?;
            let took = clock.elapsed().saturating_sub(start).as_secs_f64() * 1e9;
            best = best.min(took / f64::from(step.times));
        }
        say(&format!("{:28} {:>12} ns", step.name, grouped(best)));
    }
    Ok(())
}

/// The instructions of each step, beside the baseline.
fn count(folder: &Folder, is_wanted: impl Fn(&str) -> bool, write: bool) -> Outcome<ExitCode> {
    let machine = valgrind::machine()?;
    let mut baseline = Baseline::read(BASELINE)?;
    let is_foreign = !baseline.steps.is_empty() && baseline.machine != machine;
    if is_foreign && !write {
        say(&format!(
            "skipped: instructions depend on the machine, and the baseline is of another one.\n\
             baseline: {}\nhere:     {machine}",
            baseline.machine
        ));
        return Ok(ExitCode::SUCCESS);
    }
    if is_foreign || baseline.steps.is_empty() {
        baseline = Baseline::of(machine);
    }
    let mut grown = Vec::new();
    let mut judge = |name: &str, instructions: f64, bound: f64| {
        let before = baseline.steps.get(name).copied();
        let change = before.map_or(0.0, |before| 100.0 * (instructions / before - 1.0));
        say(&format!("{name:28} {:>12} instructions {change:>+7.1} %", grouped(instructions)));
        let more = before.map_or(0.0, |before| instructions - before);
        if change > bound && more > baseline::GROWTH_LEAST {
            grown.push(format!("{name} by {change:.1} %"));
        }
        baseline.steps.insert(name.to_owned(), instructions.round());
    };
    for step in STEPS.iter().filter(|step| is_wanted(step.name)) {
        let instructions = valgrind::instructions(folder.path(), step)?;
        judge(step.name, instructions, baseline::GROWTH_PERCENT);
    }
    if program::NAMES.into_iter().any(&is_wanted) {
        for (name, instructions) in runtime()?.block_on(program::instructions(folder))? {
            judge(name, instructions, baseline::PROGRAM_GROWTH_PERCENT);
        }
    }
    if write {
        baseline.write(BASELINE)?;
        return Ok(ExitCode::SUCCESS);
    }
    if grown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "grown: {}. If that is worth it, `just baseline` makes it the new measure.",
        grown.join(", ")
    ));
    Ok(ExitCode::FAILURE)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Digits in groups of three.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// To whoever runs it; if nobody listens, nobody misses it.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
