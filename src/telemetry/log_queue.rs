//! Lines on their way to stderr: a bounded queue, emptied by a thread of its own.
//!
//! Lines are appended to chunks, so that a line costs no allocation and a burst costs few calls.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::limits;

/// Lines that wait, and the means to wait for them.
#[derive(Default)]
pub(super) struct LogQueue {
    state: Mutex<Waiting>,
    /// Lines that wait or are being written: what `state` counts, seen without its lock.
    lines: AtomicUsize,
    /// The writer has something to do.
    filled: Condvar,
    /// Lines were written.
    written: Condvar,
    /// The same, for tasks.
    room: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The oldest at the front. All but the last are full.
    chunks: VecDeque<Chunk>,
    /// An emptied chunk, to be filled again.
    spare: Option<Chunk>,
    is_writing: bool,
    /// True while the writer sleeps until there is a line; false while it lets lines gather.
    is_idle: bool,
    /// Somebody waits for the end: nothing gathers any more.
    is_ending: bool,
    lost: u64,
}

/// Whole lines, each with its line feed.
#[derive(Default)]
struct Chunk {
    text: String,
    lines: usize,
    /// Of earlier lines, so many are said to be lost.
    lost: u64,
}

impl LogQueue {
    /// Takes a line, if there is room; counts it as lost if not.
    pub(super) fn push(&self, line: &str) {
        let mut state = lock(&self.state);
        if self.lines.load(Ordering::Relaxed) >= limits::LOG_LINES {
            state.lost += 1;
            return;
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
        let was_empty = state.chunks.is_empty();
        let is_full = state.append(line);
        let is_awaited = (was_empty && state.is_idle) || is_full;
        drop(state);
        if is_awaited {
            self.filled.notify_one();
        }
    }

    /// Whether there is room for the lines of further requests.
    pub(super) fn has_room(&self) -> bool {
        self.lines.load(Ordering::Relaxed) < limits::LOG_LINES_SLOW
    }

    /// Returns when there is room for the lines of further requests.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            let written = self.room.notified();
            if self.has_room() {
                return;
            }
            written.await;
        }
    }

    /// Waits, for at most `timeout`, until all lines are written.
    pub(super) fn flush(&self, timeout: Duration) {
        let mut state = lock(&self.state);
        state.is_ending = true;
        self.filled.notify_one();
        let is_busy = |state: &mut Waiting| state.is_writing || !state.chunks.is_empty();
        // What is not written by then is lost with the process.
        drop(self.written.wait_timeout_while(state, timeout, is_busy));
        lock(&self.state).is_ending = false;
    }

    /// The work of the writing thread.
    pub(super) fn write_for_ever(&self) {
        loop {
            self.write_next(&mut io::stderr());
            self.gather();
        }
    }

    /// Writes the oldest chunk. What could not be written is lost; that is said when writing works
    /// again.
    fn write_next(&self, out: &mut impl io::Write) {
        let chunk = self.take();
        let is_written = out.write_all(chunk.text.as_bytes()).is_ok();
        self.put_back(chunk, is_written);
    }

    /// The oldest chunk; waits for the first line.
    fn take(&self) -> Chunk {
        let mut state = lock(&self.state);
        state.is_idle = true;
        let is_empty = |state: &mut Waiting| state.chunks.is_empty();
        let waited = self.filled.wait_while(state, is_empty);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        (state.is_idle, state.is_writing) = (false, true);
        let mut chunk = state.chunks.pop_front().unwrap_or_default();
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        if lost > 0 {
            let line = serde_json::json!({
                "level": "error",
                "target": "octobroker::telemetry",
                "message": "lines of the log were lost: nobody read them, or there was no room to write",
                "lines": lost,
            });
            chunk.text.push_str(&line.to_string());
            chunk.text.push('\n');
            chunk.lost = lost;
        }
        chunk
    }

    /// The lines of a chunk are written, or lost: there is room for as many others.
    fn put_back(&self, mut chunk: Chunk, is_written: bool) {
        self.lines.fetch_sub(chunk.lines, Ordering::Relaxed);
        let lost = if is_written { 0 } else { chunk.lost + chunk.lines as u64 };
        (chunk.lines, chunk.lost) = (0, 0);
        chunk.text.clear();
        let mut state = lock(&self.state);
        state.is_writing = false;
        state.lost += lost;
        state.spare = Some(chunk);
        drop(state);
        self.written.notify_all();
        self.room.notify_waiters();
    }

    /// Lets lines gather for a moment, unless a chunk is full or the end is near.
    fn gather(&self) {
        let is_too_little = |state: &mut Waiting| {
            !state.is_ending && !state.chunks.front().is_some_and(Chunk::is_full)
        };
        let state = lock(&self.state);
        drop(self.filled.wait_timeout_while(state, limits::LOG_GATHER_TIME, is_too_little));
    }
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.text.len() >= limits::LOG_BYTES_AT_ONCE
    }
}

impl Waiting {
    /// True if the line was the last that its chunk takes.
    fn append(&mut self, line: &str) -> bool {
        if self.chunks.back().is_none_or(Chunk::is_full) {
            let fresh = self.spare.take().unwrap_or_default();
            self.chunks.push_back(fresh);
        }
        let Some(chunk) = self.chunks.back_mut() else { return false };
        chunk.text.push_str(line);
        chunk.text.push('\n');
        chunk.lines += 1;
        chunk.is_full()
    }
}

fn lock(mutex: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_long_queue_makes_requests_wait_and_a_full_one_loses_lines_and_says_so() {
        let queue = LogQueue::default();
        for _ in 0..limits::LOG_LINES_SLOW {
            assert_eq!(queue.room().now_or_never(), Some(()));
            queue.push("x");
        }
        assert_eq!(queue.room().now_or_never(), None);

        for _ in limits::LOG_LINES_SLOW..limits::LOG_LINES + 3 {
            queue.push("x");
        }

        let chunk = queue.take();
        assert!(chunk.text.contains("\"lines\":3"), "{}", chunk.lines);
    }

    #[test]
    fn what_is_being_written_takes_room_until_it_is_written() {
        let queue = LogQueue::default();
        for _ in 0..limits::LOG_LINES_SLOW {
            queue.push("x");
        }

        let chunk = queue.take();
        assert_eq!(queue.room().now_or_never(), None, "nothing is written yet");
        queue.put_back(chunk, true);

        assert_eq!(queue.room().now_or_never(), Some(()));
    }

    /// A disk that is full.
    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_could_not_be_written_are_told_when_there_is_room_again() {
        let queue = LogQueue::default();
        for line in ["one", "two"] {
            queue.push(line);
            queue.write_next(&mut Full);
        }
        let mut out = Vec::new();

        queue.push("three");
        queue.write_next(&mut out);

        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("three\n") && text.contains("\"lines\":2"), "{text}");
        queue.push("four");
        assert_eq!(queue.take().text, "four\n", "told once");
    }

    #[test]
    fn lines_leave_in_order_and_in_whole() {
        let queue = LogQueue::default();
        let lines: Vec<String> = (0..9_999).map(|number| format!("line {number}")).collect();
        for line in &lines {
            queue.push(line);
        }

        let mut text = String::new();
        while queue.lines.load(Ordering::Relaxed) > 0 {
            let chunk = queue.take();
            assert!(chunk.text.ends_with('\n'));
            assert!(chunk.text.len() < limits::LOG_BYTES_AT_ONCE + 16);
            text.push_str(&chunk.text);
            queue.put_back(chunk, true);
        }

        assert!(text.lines().eq(&lines));
    }

    #[test]
    fn a_flush_does_not_wait_for_ever() {
        let queue = LogQueue::default();
        queue.push("x");

        queue.flush(Duration::from_millis(1));
    }
}
