//! Counting instructions by valgrind's callgrind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Outcome;
use super::steps::Step;

/// The flag by which a process is told to run one step: then come the folder, the step, how often.
pub(crate) const ONE_STEP: &str = "--one-step";

/// What decides which code the cryptography takes: the features that it looks for, of those that
/// valgrind lets a program see. Others (`adx`, `avx512f`, `sha_ni`, `vaes`) it hides, so that two
/// processors which differ in those alone count the same.
const FEATURES: [&str; 4] = ["aes", "avx", "avx2", "bmi2"];

/// The machine, as far as counts depend on it.
pub(crate) fn machine() -> Outcome<String> {
    let version = Command::new("valgrind").arg("--version").output();
    let version = version.map_err(|_| "valgrind is missing: apt-get install valgrind")?;
    let version = String::from_utf8(version.stdout)?;
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let flags: Vec<&str> = flags.split_ascii_whitespace().collect();
    let features: Vec<&str> =
        FEATURES.into_iter().filter(|feature| flags.contains(feature)).collect();
    Ok(format!("{} {} {}", std::env::consts::ARCH, features.join(" "), version.trim()))
}

/// The command that runs a program and counts; `counts` is where to.
pub(crate) fn counting(counts: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The instructions that a program took which was run by [`counting`].
pub(crate) fn counted(counts: &Path) -> Outcome<f64> {
    let text = fs::read_to_string(counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    Ok(total.ok_or("valgrind wrote no summary")?.trim().parse()?)
}

/// The instructions of one run of a step: of what is more in many than in few.
pub(crate) fn instructions(folder: &Path, step: &Step) -> Outcome<f64> {
    let few = (step.times / 4).max(1);
    let (of_few, of_many) = (run(folder, step.name, few)?, run(folder, step.name, step.times)?);
    Ok((of_many - of_few) / f64::from(step.times - few))
}

fn run(folder: &Path, name: &str, times: u32) -> Outcome<f64> {
    let counts = folder.join("callgrind.out");
    let mut command = counting(&counts);
    command
        .arg(std::env::current_exe()?)
        .arg(ONE_STEP)
        .arg(folder)
        .arg(name)
        .arg(times.to_string());
    let done = command.output()?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stdout);
        return Err(format!("{name}: {words}{}", String::from_utf8_lossy(&done.stderr)).into());
    }
    counted(&counts)
}
