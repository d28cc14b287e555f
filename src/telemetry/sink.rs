//! Where lines go: the standard error stream, or memory in tests.
//!
//! A sink doesn't escape; whoever writes a line has made sure that it is one.
//!
//! Lines for stderr pass a bounded queue and are written by a thread of their own: a pipe that
//! nobody reads must not stop the program, signals included. While the queue is long, requests wait
//! ([`Sink::room`]); only when that does not help, lines are lost, and counted.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

use crate::limits;

/// Where lines go. Clones write to the same place.
#[derive(Clone)]
pub struct Sink(Arc<Target>);

enum Target {
    Stderr(Arc<Queue>),
    Memory(Mutex<String>),
}

/// Lines on their way to stderr.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    /// A line came in.
    filled: Condvar,
    /// Lines were written.
    written: Condvar,
    /// The same, for tasks.
    room: Notify,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<String>,
    is_writing: bool,
    lost: u64,
}

impl Sink {
    /// The standard error stream.
    pub fn stderr() -> Self {
        let queue = Arc::<Queue>::default();
        let writer = Arc::clone(&queue);
        // Without the thread lines would only pile up to their bound.
        let _ =
            thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_for_ever());
        Self(Arc::new(Target::Stderr(queue)))
    }

    /// Memory, and the view on what has been written to it: for tests.
    pub fn memory() -> (Self, Captured) {
        let sink = Self(Arc::new(Target::Memory(Mutex::default())));
        let captured = Captured(sink.clone());

        (sink, captured)
    }

    /// Writes `line` and a line feed, at once or soon; lines of several threads don't mix.
    ///
    /// A line that can't be written is lost: a full disk or a closed pipe must not stop the
    /// service, and there is nowhere else to say it.
    pub fn line(&self, line: &str) {
        match &*self.0 {
            Target::Stderr(queue) => queue.push(format!("{line}\n")),
            Target::Memory(text) => {
                let mut text = lock(text);
                text.push_str(line);
                text.push('\n');
            }
        }
    }

    /// Returns when there is room for the lines of further requests.
    pub async fn room(&self) {
        let Target::Stderr(queue) = &*self.0 else { return };
        loop {
            let written = queue.room.notified();
            if lock(&queue.state).lines.len() < limits::LOG_LINES_SLOW {
                return;
            }
            written.await;
        }
    }

    /// Waits, for at most `timeout`, until all lines are written: at the program's end.
    pub fn flush(&self, timeout: Duration) {
        let Target::Stderr(queue) = &*self.0 else { return };
        let state = lock(&queue.state);
        let is_busy = |state: &mut Waiting| state.is_writing || !state.lines.is_empty();
        // What is not written by then is lost with the process.
        drop(queue.written.wait_timeout_while(state, timeout, is_busy));
    }
}

impl Queue {
    fn push(&self, line: String) {
        let mut state = lock(&self.state);
        if state.lines.len() < limits::LOG_LINES {
            state.lines.push_back(line);
        } else {
            state.lost += 1;
        }
        drop(state);
        self.filled.notify_one();
    }

    fn write_for_ever(&self) {
        loop {
            let text = self.take();
            // There is nowhere to say that it failed.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            lock(&self.state).is_writing = false;
            self.written.notify_all();
            self.room.notify_waiters();
        }
    }

    /// The lines that wait, many at once so that a burst costs few calls; waits for the first.
    fn take(&self) -> String {
        let state = lock(&self.state);
        let is_idle = |state: &mut Waiting| state.lines.is_empty();
        let waited = self.filled.wait_while(state, is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        let count = state.lines.len().min(limits::LOG_LINES_AT_ONCE);
        let mut text: String = state.lines.drain(..count).collect();
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            let line = serde_json::json!({
                "level": "error",
                "target": "octobroker::telemetry",
                "message": "lines of the log were lost: nobody read it",
                "lines": lost,
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        text
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &*self.0 {
            Target::Stderr(_) => "Sink(stderr)",
            Target::Memory(_) => "Sink(memory)",
        })
    }
}

/// A view on what has been written to a [`Sink::memory`].
#[derive(Debug, Clone)]
pub struct Captured(Sink);

impl Captured {
    /// All lines so far, each with its line feed.
    pub fn text(&self) -> String {
        match &*self.0.0 {
            Target::Stderr(_) => String::new(),
            Target::Memory(text) => lock(text).clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn lines_stand_in_the_order_in_which_they_were_written() {
        let (sink, captured) = Sink::memory();

        sink.line("one");
        sink.clone().line("two");

        assert_eq!(captured.text(), "one\ntwo\n");
    }

    /// A sink whose lines nobody writes.
    fn stuck() -> (Sink, Arc<Queue>) {
        let queue = Arc::<Queue>::default();
        (Sink(Arc::new(Target::Stderr(Arc::clone(&queue)))), queue)
    }

    #[test]
    fn a_long_queue_makes_requests_wait_and_a_full_one_loses_lines_and_says_so() {
        let (sink, queue) = stuck();
        for _ in 0..limits::LOG_LINES_SLOW {
            assert_eq!(sink.room().now_or_never(), Some(()));
            sink.line("x");
        }
        assert_eq!(sink.room().now_or_never(), None);

        for _ in limits::LOG_LINES_SLOW..limits::LOG_LINES + 3 {
            sink.line("x");
        }

        let text = queue.take();
        assert!(text.contains("\"lines\":3"), "{}", text.len());
    }

    #[test]
    fn a_flush_does_not_wait_for_ever() {
        let (sink, _queue) = stuck();
        sink.line("x");

        sink.flush(Duration::from_millis(1));
    }
}
