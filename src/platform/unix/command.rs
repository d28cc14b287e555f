//! A command that runs in our place: it gets our signals, ends when who started us has ended, and its
//! end is ours.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

use super::kernel;

/// What is passed on to the command.
const PASSED: [(SignalKind, Signal); 6] = [
    (SignalKind::terminate(), Signal::TERM),
    (SignalKind::interrupt(), Signal::INT),
    (SignalKind::hangup(), Signal::HUP),
    (SignalKind::quit(), Signal::QUIT),
    (SignalKind::user_defined1(), Signal::USR1),
    (SignalKind::user_defined2(), Signal::USR2),
];

/// How often it is looked whether the process that started us is still there.
const PARENT_LOOK: Duration = Duration::from_millis(500);

/// What a command has to end when that process is gone.
const ORPHAN_TIME: Duration = Duration::from_secs(10);

/// The process that started us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent(Option<Pid>);

impl Parent {
    /// To be asked first of all: one that has ended is no parent any more, and would never be missed.
    pub(crate) fn now() -> Self {
        Self(getppid())
    }
}

/// The signals that are passed on.
pub(crate) struct Signals(Vec<(tokio::signal::unix::Signal, Signal)>);

impl Signals {
    /// To be called before the command starts: no signal may be lost in between.
    pub(crate) fn listen() -> io::Result<Self> {
        // What is typed at a terminal reaches the command by itself: it is in the same group.
        let is_typed = io::stdin().is_terminal();
        let hang_up_is_ignored = kernel::ignores_hang_up();
        let passed = PASSED.into_iter().filter(|(_, number)| {
            let comes_by_itself = is_typed && [Signal::INT, Signal::QUIT].contains(number);
            // `nohup` is meant for the command.
            let is_ignored = hang_up_is_ignored && *number == Signal::HUP;
            !comes_by_itself && !is_ignored
        });
        for typed in [SignalKind::interrupt(), SignalKind::quit()] {
            // Caught from now on in any case (a handler stays when its listener is dropped), so
            // that it does not end the broker before the command.
            drop(signal(typed)?);
        }
        let listened = passed.map(|(kind, number)| signal(kind).map(|signal| (signal, number)));
        listened.collect::<io::Result<Vec<_>>>().map(Self)
    }

    /// Passes signals on until the command ends, and gives its code.
    pub(crate) async fn pass_to(mut self, mut child: Child, parent: Parent) -> io::Result<i32> {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let mut ending = std::pin::pin!(end_with_parent(parent, pid));
        loop {
            tokio::select! {
                never = &mut ending => match never {},
                ended = child.wait() => return ended.map(code),
                number = self.next() => if let Some(pid) = pid {
                    // It may have ended in this very moment.
                    let _ = kill_process(pid, number);
                },
            }
        }
    }

    async fn next(&mut self) -> Signal {
        let signals = self.0.iter_mut().map(|(signal, number)| {
            Box::pin(async {
                signal.recv().await;
                *number
            })
        });
        futures_util::future::select_all(signals).await.0
    }
}

/// Ends the command when the process that started us has ended: asks first, then kills. The
/// kernel's own death signal is not used: it comes when the *thread* that started us ends.
async fn end_with_parent(parent: Parent, command: Option<Pid>) -> Infallible {
    while Parent::now() == parent {
        tokio::time::sleep(PARENT_LOOK).await;
    }
    if let Some(command) = command {
        // It may have ended by itself.
        let _ = kill_process(command, Signal::TERM);
        tokio::time::sleep(ORPHAN_TIME).await;
        let _ = kill_process(command, Signal::KILL);
    }
    std::future::pending().await
}

/// The command's code, or 128 and the number of the signal that killed it.
fn code(status: ExitStatus) -> i32 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.unwrap_or(u8::MAX.into())
}

/// Whether two names are of one variable.
pub(crate) fn is_same_variable(one: &str, other: &str) -> bool {
    one == other
}

/// Whether a variable's name begins so.
pub(crate) fn variable_begins(name: &str, prefix: &str) -> bool {
    name.starts_with(prefix)
}
