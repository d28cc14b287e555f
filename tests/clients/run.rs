//! A client as a program of its own: found or missed with a sentence, bounded, heard.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use crate::process::{Folder, until};

/// What a client said, and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) is_well: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A client that runs. It is killed when a test ends before it.
struct Running(Mutex<Child>);

/// A file below `tests/clients`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Node with a script and its arguments. The packages have to be there.
pub(crate) fn node(script: &str, arguments: &[&str]) -> Command {
    let script = file(script);
    assert!(
        file("node_modules").is_dir(),
        "tests/clients/node_modules is missing: run `npm ci --prefix tests/clients` (it needs \
         Node.js 18 or later with npm)"
    );
    let mut command = Command::new(program("node", "Node.js 18 or later (Debian: nodejs, npm)"));
    command.arg(script).args(arguments);
    command
}

/// curl, silent but for errors; the status of the answer is the last line.
pub(crate) fn curl(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("curl", "curl (Debian: curl)"));
    command.args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"]);
    command.args(arguments);
    command
}

fn program(name: &str, advice: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|at| at.is_file());
    found.unwrap_or_else(|| panic!("{name} is not in PATH: the tests with clients need {advice}"))
}

/// Runs a client to its end in a folder, without any environment but this.
pub(crate) async fn run(
    mut command: Command,
    environment: &[(&str, &str)],
    folder: &Folder,
) -> Told {
    let told = ["stdout", "stderr"].map(|name| folder.path().join(name));
    let [stdout, stderr] = told.each_ref().map(|path| File::create(path).unwrap());
    command.env_clear().envs(environment.iter().copied()).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let running = Running(Mutex::new(command.spawn().unwrap()));
    let status = until("the client has ended", async || running.ended()).await;
    let [stdout, stderr] = told.map(|path| fs::read_to_string(path).unwrap());
    Told { is_well: status.success(), stdout, stderr }
}

impl Running {
    fn ended(&self) -> Option<ExitStatus> {
        self.0.lock().unwrap().try_wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself, unless the test was broken off.
        let mut child = self.0.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}
