//! Points in time, and pieces of it, as the status shows them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A point in time: as RFC 3339 in UTC, with seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::admin) struct Moment(SystemTime);

/// The last second that RFC 3339 can say, in seconds since 1970.
const LAST: u64 = 253_402_300_799;

impl Moment {
    /// A time that a broken clock or a token says may be beyond what can be written; it is then the
    /// nearest that can.
    pub(in crate::admin) fn of(time: SystemTime) -> Self {
        let last = UNIX_EPOCH.checked_add(Duration::from_secs(LAST)).unwrap_or(UNIX_EPOCH);
        Self(time.clamp(UNIX_EPOCH, last))
    }

    /// In seconds since 1970, as in a token.
    pub(super) fn of_unix(seconds: f64) -> Self {
        let since = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        let since = since.min(Duration::from_secs(LAST));
        Self::of(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
    }

    /// How long it was before `later`; nothing if it was not.
    pub(in crate::admin) fn until(self, later: Self) -> Duration {
        later.0.duration_since(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(self.0).fmt(formatter)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_written() {
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        for (moment, expected) in [
            (Moment::of(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z"),
            (Moment::of(far), "9999-12-31T23:59:59Z"),
            (Moment::of_unix(1_795_000_000.9), "2026-11-18T11:06:40Z"),
            (Moment::of_unix(-1.0), "1970-01-01T00:00:00Z"),
            (Moment::of_unix(f64::NAN), "1970-01-01T00:00:00Z"),
            (Moment::of_unix(f64::INFINITY), "9999-12-31T23:59:59Z"),
            (Moment::of_unix(1e300), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(moment.to_string(), expected);
        }
    }
}
