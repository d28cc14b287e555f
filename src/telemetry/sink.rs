//! Where lines go: the standard error stream, or memory in tests.
//!
//! A sink doesn't escape; whoever writes a line has made sure that it is one.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where lines go. Clones write to the same place.
#[derive(Clone)]
pub struct Sink(Arc<Target>);

enum Target {
    Stderr,
    Memory(Mutex<String>),
}

impl Sink {
    /// The standard error stream.
    pub fn stderr() -> Self {
        Self(Arc::new(Target::Stderr))
    }

    /// Memory, and the view on what has been written to it: for tests.
    pub fn memory() -> (Self, Captured) {
        let sink = Self(Arc::new(Target::Memory(Mutex::default())));
        let captured = Captured(sink.clone());

        (sink, captured)
    }

    /// Writes `line` and a line feed in one call, so that lines of several threads don't mix.
    ///
    /// A line that can't be written is lost: a full disk or a closed pipe must not stop the
    /// service, and there is nowhere else to say it.
    pub fn line(&self, line: &str) {
        match &*self.0 {
            Target::Stderr => {
                let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
            }
            Target::Memory(text) => {
                let mut text = lock(text);
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match &*self.0 {
            Target::Stderr => "Sink(stderr)",
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
            Target::Stderr => String::new(),
            Target::Memory(text) => lock(text).clone(),
        }
    }
}

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Sink;

    #[test]
    fn lines_stand_in_the_order_in_which_they_were_written() {
        let (sink, captured) = Sink::memory();

        sink.line("one");
        sink.clone().line("two");

        assert_eq!(captured.text(), "one\ntwo\n");
    }
}
