//! The last decisions, for whoever asks a running broker what became of a request.
//!
//! What is kept is the line of the log, which has been escaped, cut and freed of secrets already.
//! Lines stand one behind the other in one buffer: every request adds one, and a thousand small
//! allocations that come and go would cost more than the copy. Refusals are kept apart from what was let through, so that a busy
//! hour of successes does not push out the one refusal that somebody asks about.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::limits;

/// The last refusals, and the last of the other requests.
#[derive(Debug, Default)]
pub struct Decisions {
    refusals: Mutex<Ring>,
    others: Mutex<Ring>,
}

/// One of the two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Refusal,
    Other,
}

/// The newest at the end.
#[derive(Debug, Default)]
struct Ring {
    decisions: VecDeque<Decision>,
    /// For each decision the request's id and the line.
    text: VecDeque<u8>,
}

/// Where a decision's text ends is where the next one's begins.
#[derive(Debug, Clone, Copy)]
struct Decision {
    at: SystemTime,
    id_bytes: usize,
    line_bytes: usize,
}

/// Where a decision stands in the text.
struct Found {
    at: SystemTime,
    request_id: Range<usize>,
    line: Range<usize>,
}

impl Decisions {
    /// Keeps the line of a request that has ended. The oldest of its kind give way.
    pub(super) fn keep(&self, kind: Kind, request_id: &str, at: SystemTime, line: &str) {
        let (ring, bytes_max) = match kind {
            Kind::Refusal => (&self.refusals, limits::REFUSAL_BYTES),
            Kind::Other => (&self.others, limits::DECISION_BYTES),
        };
        lock(ring).push(request_id, at, line, bytes_max);
    }

    /// The lines of the requests with this id, as JSON objects, the newest first. Callers choose
    /// their ids, so there may be several.
    pub fn of(&self, request_id: &str) -> Vec<String> {
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for ring in [&self.refusals, &self.others] {
            found.extend(lock(ring).newest_of(request_id).take(limits::DECISIONS_SHOWN));
        }
        // Stable: within one kind and moment the newest stays first.
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        found.truncate(limits::DECISIONS_SHOWN);
        found.into_iter().map(|(_, line)| line).collect()
    }

    /// The lines of the last refusals, as JSON objects: the newest first, and no more than `most`.
    pub fn refusals(&self, most: usize) -> Vec<String> {
        let ring = lock(&self.refusals);
        ring.newest().take(most).map(|found| ring.text(found.line)).collect()
    }
}

impl Ring {
    fn push(&mut self, request_id: &str, at: SystemTime, line: &str, bytes_max: usize) {
        let decision = Decision { at, id_bytes: request_id.len(), line_bytes: line.len() };
        self.text.extend(request_id.as_bytes());
        self.text.extend(line.as_bytes());
        self.decisions.push_back(decision);
        while self.decisions.len() > limits::DECISIONS || self.text.len() > bytes_max {
            let Some(oldest) = self.decisions.pop_front() else { break };
            self.text.drain(..oldest.bytes().min(self.text.len()));
        }
    }

    /// The lines of the requests with this id, and when they were written.
    fn newest_of(&self, request_id: &str) -> impl Iterator<Item = (SystemTime, String)> {
        let is_same = move |found: &Found| {
            self.text.range(found.request_id.clone()).eq(request_id.as_bytes())
        };
        self.newest().filter(is_same).map(|found| (found.at, self.text(found.line)))
    }

    /// Every decision, the newest first.
    fn newest(&self) -> impl Iterator<Item = Found> {
        let mut end = self.text.len();
        self.decisions.iter().rev().map(move |decision| {
            let start = end.saturating_sub(decision.bytes());
            let line = start + decision.id_bytes;
            let line_end = std::mem::replace(&mut end, start);
            Found { at: decision.at, request_id: start..line, line: line..line_end }
        })
    }

    fn text(&self, bytes: Range<usize>) -> String {
        String::from_utf8(self.text.range(bytes).copied().collect()).unwrap_or_default()
    }
}

impl Decision {
    const fn bytes(&self) -> usize {
        self.id_bytes + self.line_bytes
    }
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn keep(decisions: &Decisions, kind: Kind, id: &str, second: u64, line: &str) {
        decisions.keep(kind, id, UNIX_EPOCH + Duration::from_secs(second), line);
    }

    #[test]
    fn the_newest_of_an_id_comes_first_whatever_its_kind() {
        let decisions = Decisions::default();
        keep(&decisions, Kind::Other, "a", 1, "first");
        keep(&decisions, Kind::Refusal, "a", 2, "second");
        keep(&decisions, Kind::Other, "a", 3, "third");
        keep(&decisions, Kind::Other, "b", 4, "other");

        assert_eq!(decisions.of("a"), ["third", "second", "first"]);
        assert_eq!(decisions.of("c"), [""; 0]);
    }

    #[test]
    fn successes_do_not_push_out_refusals() {
        let decisions = Decisions::default();
        keep(&decisions, Kind::Refusal, "refused", 0, "why");
        for number in 0..5_000 {
            keep(&decisions, Kind::Other, &number.to_string(), number, "ok");
        }

        assert_eq!(decisions.of("refused"), ["why"]);
        assert_eq!(decisions.of("3999"), [""; 0], "the oldest give way");
        assert_eq!(decisions.of("4000"), ["ok"]);
    }

    #[test]
    fn the_last_refusals_come_newest_first_and_alone() {
        let decisions = Decisions::default();
        for number in 0..5 {
            keep(&decisions, Kind::Refusal, "same", number, &format!("no {number}"));
            keep(&decisions, Kind::Other, "same", number, "ok");
        }

        assert_eq!(decisions.refusals(2), ["no 4", "no 3"]);
        assert_eq!(decisions.refusals(9).len(), 5);
    }

    #[test]
    fn long_lines_are_bounded_in_bytes_together() {
        let decisions = Decisions::default();
        let long = "x".repeat(limits::REFUSAL_BYTES / 4);
        for id in ["a", "b", "c", "d", "e"] {
            keep(&decisions, Kind::Refusal, id, 0, &long);
        }
        assert!(decisions.of("b").is_empty() && decisions.of("c").len() == 1);

        let beyond = "x".repeat(limits::REFUSAL_BYTES + 1);
        keep(&decisions, Kind::Refusal, "beyond", 1, &beyond);
        let ring = lock(&decisions.refusals);
        assert_eq!((ring.decisions.len(), ring.text.len()), (0, 0));
    }

    #[test]
    fn one_id_for_everything_is_answered_with_the_last_few() {
        let decisions = Decisions::default();
        for number in 0..100 {
            keep(&decisions, Kind::Refusal, "same", number, &number.to_string());
        }

        let found = decisions.of("same");
        assert_eq!((found.len(), found[0].as_str()), (limits::DECISIONS_SHOWN, "99"));
    }
}
