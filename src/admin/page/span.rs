//! Spans of time as people say them.

use std::fmt;
use std::time::Duration;

/// A span of time in its two largest units: `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(u64);

impl Span {
    pub(super) const fn of(span: Duration) -> Self {
        Self(span.as_secs())
    }

    pub(super) const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds) = *self;
        let (large, large_unit, small, small_unit) = match seconds {
            0..MINUTE => (seconds, "s", 0, ""),
            // Beyond ten minutes nobody counts the seconds.
            MINUTE..600 => (seconds / MINUTE, "min", seconds % MINUTE, "s"),
            600..HOUR => (seconds / MINUTE, "min", 0, ""),
            HOUR..DAY => (seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
            _ => (seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        };
        write!(formatter, "{large}\u{a0}{large_unit}")?;
        if small > 0 {
            write!(formatter, " {small}\u{a0}{small_unit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (119, "1 min 59 s"),
            (601, "10 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (7_500, "2 h 5 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (4 * 86_400 + 3 * 3_600 + 5, "4 d 3 h"),
            (u64::MAX, "213503982334601 d 7 h"),
        ] {
            let text = Span::seconds(seconds).to_string().replace('\u{a0}', " ");
            assert_eq!(text, expected);
        }
    }
}
