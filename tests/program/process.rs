//! The program, started, watched and ended.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running program. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    heard: Arc<Mutex<String>>,
    ear: Arc<Ear>,
    /// Listens until the program has ended.
    listener: Option<JoinHandle<()>>,
    /// Open as long as the process is watched, so that nothing breaks: it only fills.
    #[expect(dead_code, reason = "held for its drop")]
    unread: Option<ChildStderr>,
}

/// Whether what it says is read. What is not read fills its pipe.
#[derive(Default)]
struct Ear {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder that is gone with its owner.
pub(crate) struct Folder(PathBuf);

/// Runs a command to its end, without any environment but this.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Ended {
    let output = command(arguments, environment, folder).output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same, with something on its stdin.
pub(crate) fn run_fed(
    arguments: &[&str],
    environment: &[(&str, &str)],
    text: &str,
    folder: &Path,
) -> Ended {
    let mut command = command(arguments, environment, folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_octobroker"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Waits, within bounds, until something is so.
pub(crate) async fn until<T>(what: &str, find: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..30_000 {
        if let Some(found) = find().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("waited in vain until {what}")
}

impl Process {
    /// Starts it, and reads what it says until it says where it serves; not a byte more.
    pub(crate) fn start_half_heard(arguments: &[&str], folder: &Path) -> Self {
        let mut command = command(arguments, &[], folder);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !(heard.ends_with(b"\n") && String::from_utf8_lossy(&heard).contains("\"serving\"")) {
            stderr.read_exact(&mut byte).unwrap();
            heard.extend(byte);
        }
        let heard = Arc::new(Mutex::new(String::from_utf8(heard).unwrap()));
        Self { child, heard, ear: Arc::default(), listener: None, unread: Some(stderr) }
    }

    pub(crate) fn start(arguments: &[&str], folder: &Path) -> Self {
        Self::heard_from(command(arguments, &[], folder).stdout(Stdio::null()))
    }

    /// The same, with this environment.
    pub(crate) fn start_in(
        environment: &[(&str, &str)],
        arguments: &[&str],
        folder: &Path,
    ) -> Self {
        Self::heard_from(command(arguments, environment, folder).stdout(Stdio::null()))
    }

    fn heard_from(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let heard = Arc::<Mutex<String>>::default();
        let ear = Arc::<Ear>::default();
        let (listeners, listeners_ear) = (Arc::clone(&heard), Arc::clone(&ear));
        let listener = std::thread::spawn(move || {
            let mut piece = [0; 4_096];
            while let Ok(size @ 1..) = stderr.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..size]);
                listeners.lock().unwrap().push_str(&text);
                let is_shut = listeners_ear.is_shut.lock().unwrap();
                drop(listeners_ear.opened.wait_while(is_shut, |is_shut| *is_shut));
            }
        });
        Self { child, heard, ear, listener: Some(listener), unread: None }
    }

    /// Starts it from a shell, which does something to its own process before it becomes the
    /// program: `ulimit -n 64`, `exec 2>&-`.
    pub(crate) fn start_after(prelude: &str, arguments: &[&str], folder: &Path) -> Self {
        let script = format!("{prelude}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_octobroker")]).args(arguments).env_clear();
        let command = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        Self::heard_from(command)
    }

    /// What it said on stderr so far. Its log is written a little later than what it tells is done,
    /// so only [`Self::until_heard`] and [`Self::stop`] tell what is in it.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it has said this on stderr.
    pub(crate) async fn until_heard(&self, words: &str) {
        until(words, async || self.heard().contains(words).then_some(())).await;
    }

    /// Tells it to end until it has, and gives everything that it ever said on stderr.
    pub(crate) async fn stop(&mut self) -> String {
        // The second signal cuts what is still under way.
        while self.is_running() {
            self.signal("TERM");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.ended().await;
        self.heard()
    }

    /// From now on nothing of what it says is read, but for the piece that is awaited.
    pub(crate) fn shut_ear(&self) {
        *self.ear.is_shut.lock().unwrap() = true;
    }

    /// It is read again, from where it was left.
    pub(crate) fn open_ear(&self) {
        *self.ear.is_shut.lock().unwrap() = false;
        self.ear.opened.notify_all();
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Its code, once it has ended and everything is heard; `None` if a signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let child = Mutex::new(&mut self.child);
        let status = until("it has ended", async || child.lock().unwrap().try_wait().unwrap());
        let code = status.await.code();
        // Its end of the pipe is closed.
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        code
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A file of `/proc`.
    pub(crate) fn proc(&self, file: &str) -> String {
        let bytes = std::fs::read(format!("/proc/{}/{file}", self.child.id())).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many files and sockets it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Folder {
    /// A new folder under this name, which only one test has.
    pub(crate) fn new(name: &str) -> Self {
        let path = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
