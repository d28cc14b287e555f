//! Where lines go: the standard error stream, or memory in tests.
//!
//! A sink doesn't escape; whoever writes a line has made sure that it is one.
//!
//! Lines for stderr pass a bounded queue and are written by a thread of their own: a pipe that
//! nobody reads must not stop the program, signals included. While the queue is long, requests wait
//! ([`Sink::room`]); only when that does not help, lines are lost, and counted.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::log_queue::LogQueue;

/// Where lines go. Clones write to the same place.
#[derive(Clone)]
pub struct Sink(Arc<Target>);

enum Target {
    Stderr(Arc<LogQueue>),
    Memory(Mutex<String>),
}

impl Sink {
    /// The standard error stream.
    pub fn stderr() -> Self {
        let queue = Arc::<LogQueue>::default();
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
            Target::Stderr(queue) => queue.push(line),
            Target::Memory(text) => {
                let mut text = lock(text);
                text.push_str(line);
                text.push('\n');
            }
        }
    }

    /// Whether there is room for the lines of further requests.
    pub fn has_room(&self) -> bool {
        match &*self.0 {
            Target::Stderr(queue) => queue.has_room(),
            Target::Memory(_) => true,
        }
    }

    /// Returns when there is room for the lines of further requests.
    pub async fn room(&self) {
        if let Target::Stderr(queue) = &*self.0 {
            queue.room().await;
        }
    }

    /// Waits, for at most `timeout`, until all lines are written: at the program's end.
    pub fn flush(&self, timeout: Duration) {
        if let Target::Stderr(queue) = &*self.0 {
            queue.flush(timeout);
        }
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
    use super::*;

    #[test]
    fn lines_stand_in_the_order_in_which_they_were_written() {
        let (sink, captured) = Sink::memory();

        sink.line("one");
        sink.clone().line("two");

        assert_eq!(captured.text(), "one\ntwo\n");
    }
}
