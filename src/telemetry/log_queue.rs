//! Lines on their way to stderr: a bounded queue, emptied by a thread of its own.
//!
//! Lines are appended to chunks, so that a line costs no allocation and a burst costs few calls. They
//! are bounded by their bytes: a line may be as long as a request's target, and a log that nobody
//! reads must not take all memory.

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
    /// Of the lines that wait or are being written; seen without the lock of `state`.
    bytes: AtomicUsize,
    /// The writer has something to do.
    filled: Condvar,
    /// Lines were written.
    written: Condvar,
    /// The same, for tasks.
    room: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The oldest at the front. All but the last are full: the next line did not fit.
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
struct Chunk {
    text: String,
    lines: u64,
    /// Of these lines.
    bytes: usize,
    /// Of earlier lines, so many are said to be lost.
    lost: u64,
}

impl LogQueue {
    /// Takes a line, if there is room; counts it as lost if not.
    pub(super) fn push(&self, line: &str) {
        let mut state = lock(&self.state);
        if self.bytes.load(Ordering::Relaxed) >= limits::LOG_BYTES {
            state.lost += 1;
            return;
        }
        self.bytes.fetch_add(line.len() + 1, Ordering::Relaxed);
        let before = state.chunks.len();
        state.append(line);
        let begins = state.chunks.len() > before;
        let is_awaited = begins && (before > 0 || state.is_idle);
        drop(state);
        if is_awaited {
            self.filled.notify_one();
        }
    }

    /// Whether there is room for the lines of further requests.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < limits::LOG_BYTES_SLOW
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
        let mut chunk = state.chunks.pop_front().unwrap_or_else(Chunk::new);
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
        self.bytes.fetch_sub(chunk.bytes, Ordering::Relaxed);
        let lost = if is_written { 0 } else { chunk.lost + chunk.lines };
        chunk.clear();
        let mut state = lock(&self.state);
        state.is_writing = false;
        state.lost += lost;
        state.spare = chunk.is_usual().then_some(chunk);
        drop(state);
        self.written.notify_all();
        self.room.notify_waiters();
    }

    /// Lets lines gather for a moment, unless a chunk is full or the end is near.
    fn gather(&self) {
        let is_too_little = |state: &mut Waiting| !state.is_ending && state.chunks.len() < 2;
        let state = lock(&self.state);
        drop(self.filled.wait_timeout_while(state, limits::LOG_GATHER_TIME, is_too_little));
    }
}

impl Chunk {
    fn new() -> Self {
        Self { text: String::with_capacity(limits::LOG_BYTES_AT_ONCE), lines: 0, bytes: 0, lost: 0 }
    }

    fn has_room_for(&self, line: &str) -> bool {
        self.text.is_empty() || self.text.len() + line.len() < limits::LOG_BYTES_AT_ONCE
    }

    fn clear(&mut self) {
        (self.lines, self.bytes, self.lost) = (0, 0, 0);
        self.text.clear();
    }

    /// False if a longer line has made it grow.
    fn is_usual(&self) -> bool {
        self.text.capacity() <= limits::LOG_BYTES_AT_ONCE
    }
}

impl Waiting {
    fn append(&mut self, line: &str) {
        if !self.chunks.back().is_some_and(|chunk| chunk.has_room_for(line)) {
            let fresh = self.spare.take().unwrap_or_else(Chunk::new);
            self.chunks.push_back(fresh);
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        chunk.text.push_str(line);
        chunk.text.push('\n');
        chunk.lines += 1;
        chunk.bytes += line.len() + 1;
    }
}

fn lock(mutex: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// With its line feed, a hundredth of what makes requests wait.
    fn long_line() -> String {
        "x".repeat(limits::LOG_BYTES_SLOW / 100 - 1)
    }

    #[test]
    fn a_long_queue_makes_requests_wait_and_a_full_one_loses_lines_and_says_so() {
        let (queue, line) = (LogQueue::default(), long_line());
        while queue.has_room() {
            assert_eq!(queue.room().now_or_never(), Some(()));
            queue.push(&line);
        }
        assert_eq!(queue.room().now_or_never(), None);
        let lines = |queue: &LogQueue| lock(&queue.state).chunks.iter().map(|it| it.lines).sum();
        let waiting: u64 = lines(&queue);
        assert_eq!(waiting, 101);

        for _ in 0..200 {
            queue.push(&line);
        }

        let waiting: u64 = lines(&queue);
        let said = format!("\"lines\":{}", 301 - waiting);
        assert!(queue.take().text.contains(&said), "{waiting}");
    }

    #[test]
    fn what_is_being_written_takes_room_until_it_is_written() {
        let (queue, line) = (LogQueue::default(), long_line());
        while queue.has_room() {
            queue.push(&line);
        }

        let chunk = queue.take();
        assert_eq!(queue.room().now_or_never(), None, "nothing is written yet");
        queue.put_back(chunk, true);

        assert_eq!(queue.room().now_or_never(), Some(()));
    }

    #[test]
    fn waiting_lines_take_little_more_memory_than_they_are_long() {
        let queue = LogQueue::default();
        let line = "x".repeat(900);
        while queue.has_room() {
            queue.push(&line);
        }

        let taken: usize =
            lock(&queue.state).chunks.iter().map(|chunk| chunk.text.capacity()).sum();
        assert!(taken < limits::LOG_BYTES_SLOW / 10 * 11, "{taken}");
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
        let mut lines: Vec<String> = (0..9_999).map(|number| format!("line {number}")).collect();
        lines[5_000] = "x".repeat(limits::LOG_BYTES_AT_ONCE * 3);
        for line in &lines {
            queue.push(line);
        }

        let mut text = String::new();
        while queue.bytes.load(Ordering::Relaxed) > 0 {
            let chunk = queue.take();
            assert!(chunk.text.ends_with('\n'));
            assert!(chunk.text.len() <= limits::LOG_BYTES_AT_ONCE || chunk.lines == 1);
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
