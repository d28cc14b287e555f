//! A command that prints an ID token.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tracing::warn;

use super::error::AmbientError;
use crate::identity::IdToken;
use crate::limits;
use crate::secret::{Secret, without_tokens};

/// Runs the command, without a shell and with the broker's environment, and gives what it printed.
///
/// It has no stdin, it is killed when it takes too long, and what it writes to stderr is logged if
/// it fails.
pub(super) async fn run(program: &str, arguments: &[String]) -> Result<Secret, AmbientError> {
    run_within(limits::TOKEN_COMMAND_TIMEOUT, program, arguments).await
}

async fn run_within(
    limit: Duration,
    program: &str,
    arguments: &[String],
) -> Result<Secret, AmbientError> {
    let failed = |fault: String| AmbientError::Command { program: program.to_owned(), fault };
    let Ok(output) = tokio::time::timeout(limit, output(program, arguments)).await else {
        return Err(failed(format!("it ran longer than {limit:?} and was killed")));
    };
    let output = output.map_err(|error| failed(format!("it can't be run: {error}")))?;
    if !output.status.success() {
        let stderr = without_tokens(&String::from_utf8_lossy(&output.stderr), &printed(&output));
        warn!(program, status = %output.status, stderr, "the token command failed");
        return Err(failed(format!("it ended with {}", output.status)));
    }
    let text = String::from_utf8(output.stdout.to_vec());
    let text = text.map_err(|_| failed("its output is not text".to_owned()))?;
    if text.trim().is_empty() {
        return Err(failed("it printed nothing".to_owned()));
    }
    Ok(Secret::new(text))
}

struct Output {
    status: ExitStatus,
    stdout: zeroize::Zeroizing<Vec<u8>>,
    stderr: Vec<u8>,
}

/// What was printed, if that is a token: a script under `set -x` tells it on stderr as well.
fn printed(output: &Output) -> zeroize::Zeroizing<String> {
    let text = std::str::from_utf8(&output.stdout).unwrap_or_default();
    let token = IdToken::parse(text.trim(), limits::OWN_TOKEN_BYTES);
    token.map_or_else(|_| String::new(), |token| token.expose().to_owned()).into()
}

/// Dropping the future kills the command.
async fn output(program: &str, arguments: &[String]) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = tokio::join!(
        beginning(stdout, limits::OWN_TOKEN_BYTES + 3),
        beginning(stderr, limits::TOKEN_COMMAND_STDERR_BYTES),
        child.wait(),
    );
    Ok(Output { status: status?, stdout: zeroize::Zeroizing::new(stdout?), stderr: stderr? })
}

/// The first bytes of a stream. The rest is read too, and dropped, so that the command can go on.
async fn beginning(
    stream: Option<impl AsyncRead + Unpin>,
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let mut held = Vec::new();
    let Some(mut stream) = stream else { return Ok(held) };
    (&mut stream).take(bytes_max as u64).read_to_end(&mut held).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(held)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<String, String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        let outcome = run("/bin/sh", &arguments).await;
        outcome.map(|text| text.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn its_output_is_taken_when_it_succeeds() {
        assert_eq!(sh("echo a.b.c; echo noise >&2").await.as_deref(), Ok("a.b.c\n"));
        assert_eq!(sh("read line; echo \"<$line>\"").await.as_deref(), Ok("<>\n"), "no stdin");
        assert_eq!(sh("head -c 300000 /dev/zero >&2; echo a").await.as_deref(), Ok("a\n"));
    }

    #[tokio::test]
    async fn failures_say_what_happened_and_no_more() {
        let rows = [
            ("echo CANARY; echo CANARY >&2; exit 3", "it ended with exit status: 3"),
            ("kill -9 $$", "it ended with signal: 9 (SIGKILL)"),
            ("true", "it printed nothing"),
            ("echo", "it printed nothing"),
            ("printf '\\377'", "its output is not text"),
        ];
        for (script, fault) in rows {
            let expected = format!("the command `/bin/sh` gave no ID token: {fault}");
            assert_eq!(sh(script).await, Err(expected));
        }
        let error = run("/no/such/program", &["--secret=CANARY".to_owned()]).await.unwrap_err();
        assert!(error.to_string().contains("`/no/such/program`"), "{error}");
        assert!(error.to_string().contains("can't be run"), "{error}");
        assert!(!format!("{error:?}").contains("CANARY"));
    }

    /// What is found, once it is: a process has a pace of its own.
    async fn until_found<T>(find: impl Fn() -> Option<T>) -> T {
        for _ in 0..12_000 {
            if let Some(found) = find() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it did not happen within 60 s");
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed() {
        let limit = Duration::from_secs(60);
        let file = std::env::temp_dir().join(format!("octobroker-hang-{}", std::process::id()));
        let script = format!("echo $$ > {}; exec sleep 1000", file.display());
        let arguments = ["-c".to_owned(), script];
        let told = || std::fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n'));
        let time_passes = async {
            let pid = until_found(told).await;
            tokio::time::pause();
            tokio::time::advance(limit).await;
            tokio::time::resume();
            pid
        };

        let (outcome, pid) = tokio::join!(run_within(limit, "/bin/sh", &arguments), time_passes);

        std::fs::remove_file(&file).unwrap();
        let error = outcome.unwrap_err().to_string();
        assert!(error.ends_with("it ran longer than 60s and was killed"), "{error}");
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        let is_gone = || state().map_or(true, |state| state.contains(") Z "));
        until_found(|| is_gone().then_some(())).await;
    }
}
