//! The machine that runs jobs: programs in an environment that holds nothing but what it is given.

use std::ffi::OsString;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::roles::Role;
use crate::surprise::Surprise;

/// Runs programs, one after another.
pub(crate) struct Runner {
    path: OsString,
    program: String,
}

/// How a program ended, and what it said.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Runner {
    /// A machine with the programs of this search path.
    pub(crate) fn new(path: OsString) -> Result<Self, Surprise> {
        let program = std::env::current_exe()
            .map_err(|error| Surprise::because("this program's own path", error))?;
        let program = program.to_str().map(str::to_owned);
        let program = program.ok_or_else(|| Surprise("this program's path is no text".into()))?;
        Ok(Self { path, program })
    }

    /// The path of this very program.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Whether curl is installed.
    pub(crate) async fn has_curl(&self) -> bool {
        let mut curl = Command::new("curl");
        self.run(curl.arg("--version"), &[]).await.is_ok_and(|ended| ended.code == Some(0))
    }

    /// Runs `octobroker` with these arguments: this program again, see [`Role`].
    pub(crate) async fn octobroker(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Ended, Surprise> {
        let mut octobroker = Command::new(&self.program);
        self.run(octobroker.arg(Role::Octobroker.name()).args(arguments), variables).await
    }

    async fn run(
        &self,
        command: &mut Command,
        variables: &[(&str, &str)],
    ) -> Result<Ended, Surprise> {
        command.env_clear().env("PATH", &self.path).envs(variables.iter().copied());
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        let output = output.map_err(|_| Surprise("a program runs for ever".to_owned()))?;
        output.map(Ended::of).map_err(|error| Surprise::because("a program that was run", error))
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
