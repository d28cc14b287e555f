//! Time, injected: the wall clock for token times, a monotonic clock for everything else.
//!
//! Nothing else in the program asks the system what time it is. Waiting is `tokio::time`'s work.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a part of the program learns what time it is.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock. It may jump; only token times (`exp`, `nbf`, `iat`) are compared with it.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary start. It never goes back; lifetimes and cool-downs are measured
    /// with it.
    fn elapsed(&self) -> Duration;

    /// Both, for what is judged by both, or is judged several times at once.
    fn reading(&self) -> Reading {
        Reading { wall: self.now(), elapsed: self.elapsed() }
    }

    /// The wall clock in seconds since 1970, as RFC 7519's `NumericDate` counts them.
    fn unix_seconds(&self) -> f64 {
        unix_seconds(self.now())
    }
}

/// What both clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: SystemTime,
    /// The monotonic clock.
    pub elapsed: Duration,
}

impl Reading {
    /// The wall clock in seconds since 1970, as RFC 7519's `NumericDate` counts them.
    pub fn unix_seconds(&self) -> f64 {
        unix_seconds(self.wall)
    }
}

fn unix_seconds(wall: SystemTime) -> f64 {
    wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose elapsed time starts now.
    #[expect(clippy::disallowed_methods, reason = "the one home of the system's clocks")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the system's clocks")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until it is moved by hand: for tests.
#[derive(Debug)]
pub struct ManualClock {
    wall: Mutex<SystemTime>,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at `unix_seconds` since 1970.
    pub fn at(unix_seconds: u64) -> Self {
        Self {
            wall: Mutex::new(UNIX_EPOCH + Duration::from_secs(unix_seconds)),
            elapsed: Mutex::new(Duration::ZERO),
        }
    }

    /// Lets `step` pass on both clocks.
    pub fn advance(&self, step: Duration) {
        *lock(&self.wall) += step;
        *lock(&self.elapsed) += step;
    }

    /// Sets the wall clock alone, as an administrator or NTP would.
    pub fn set_wall(&self, unix_seconds: u64) {
        *lock(&self.wall) = UNIX_EPOCH + Duration::from_secs(unix_seconds);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *lock(&self.wall)
    }

    fn elapsed(&self) -> Duration {
        *lock(&self.elapsed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
