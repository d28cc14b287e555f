//! The wall clock of the props, which tests can move.
//!
//! Issuer, Octopus and the test share one handle: moving it moves the time for all of them. Sockets
//! and timers are not affected, they stay on real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A shared, movable wall clock. Clones are handles to the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Base,
    offset_ms: AtomicI64,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    System,
    Fixed(Duration),
}

impl Clock {
    /// Real time, plus whatever [`advance`](Self::advance) added.
    pub fn system() -> Self {
        Self::with(Base::System)
    }

    /// A clock that stands still at this Unix time until somebody moves it.
    pub fn fixed(unix: u64) -> Self {
        Self::with(Base::Fixed(Duration::from_secs(unix)))
    }

    fn with(base: Base) -> Self {
        Self(Arc::new(Inner { base, offset_ms: AtomicI64::new(0) }))
    }

    /// Seconds since the Unix epoch, rounded down.
    pub fn now_unix(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// Time since the Unix epoch, to the millisecond.
    pub fn since_epoch(&self) -> Duration {
        let base = match self.0.base {
            Base::System => system_time(),
            Base::Fixed(time) => time,
        };
        let offset_ms = self.0.offset_ms.load(Ordering::SeqCst);
        let offset = Duration::from_millis(offset_ms.unsigned_abs());
        if offset_ms < 0 { base.saturating_sub(offset) } else { base + offset }
    }

    /// The same as a [`SystemTime`].
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.since_epoch()
    }

    /// Moves the clock forward, for every holder of the handle.
    pub fn advance(&self, by: Duration) {
        self.0.offset_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Moves the clock back, as a correction of the system's time would.
    pub fn rewind(&self, by: Duration) {
        self.0.offset_ms.fetch_sub(millis(by), Ordering::SeqCst);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("tests move time by less than the age of the world")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the props that asks the system for the time"
)]
fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the machine's clock is past 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = Clock::fixed(1_000);
        let other = clock.clone();

        clock.advance(Duration::from_secs(60));
        assert_eq!(other.now_unix(), 1_060);

        other.rewind(Duration::from_secs(100));
        assert_eq!(clock.now_unix(), 960);
    }

    #[test]
    fn system_clock_keeps_its_offset() {
        let real = Clock::system();
        let moved = Clock::system();

        moved.advance(Duration::from_secs(3_600));

        // Whatever passes between the two looks is added to the lead, never taken from it.
        let before = real.now_unix();
        let lead = moved.now_unix() - before;
        assert!((3_600..3_660).contains(&lead), "lead is {lead}");
    }
}
