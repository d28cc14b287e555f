//! The times of a token, for people and for machines.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use crate::identity::Json;

/// Times as RFC 3339; absent where the token has none, or none that can be read.
#[derive(Debug, Serialize)]
pub(super) struct Timing {
    pub(super) issued_at: Option<String>,
    pub(super) not_before: Option<String>,
    pub(super) expires: Option<String>,
    /// Negative once it has expired.
    pub(super) expires_in_seconds: Option<i64>,
    /// `exp - iat`
    pub(super) lifetime_seconds: Option<i64>,
}

impl Timing {
    /// `now` is in seconds since 1970.
    pub(super) fn of(payload: &Json, now: f64) -> Self {
        let [issued_at, not_before, expires] =
            ["iat", "nbf", "exp"].map(|claim| seconds(payload, claim));
        Self {
            issued_at: issued_at.and_then(rfc3339),
            not_before: not_before.and_then(rfc3339),
            expires: expires.and_then(rfc3339),
            expires_in_seconds: expires.map(|expires| whole(expires - now)),
            lifetime_seconds: expires.zip(issued_at).map(|(end, start)| whole(end - start)),
        }
    }
}

fn seconds(payload: &Json, claim: &str) -> Option<f64> {
    let Json::Object(members) = payload else { return None };
    #[expect(clippy::cast_precision_loss, reason = "times are below 2^53, or wrong")]
    let seconds = match members.get(claim)? {
        Json::Integer(number) => *number as f64,
        Json::Float(number) => *number,
        _ => return None,
    };
    Some(seconds)
}

fn rfc3339(seconds: f64) -> Option<String> {
    let since = Duration::try_from_secs_f64(seconds.floor()).ok()?;
    let time = UNIX_EPOCH.checked_add(since)?;
    // What lies beyond the year 9999 is no time in RFC 3339.
    let mut text = String::new();
    let shown = humantime::format_rfc3339_seconds(time);
    std::fmt::Write::write_fmt(&mut text, format_args!("{shown}")).ok()?;
    Some(text)
}

#[expect(clippy::cast_possible_truncation, reason = "it saturates, which is far enough away")]
fn whole(seconds: f64) -> i64 {
    seconds.round() as i64
}

/// `in 4 min`, `12 days ago`, in one unit.
pub(super) fn relative(seconds: i64) -> String {
    let distance = seconds.unsigned_abs();
    let (count, unit) = match distance {
        0..=119 => (distance, "s"),
        120..=7_199 => (distance / 60, "min"),
        7_200..=172_799 => (distance / 3_600, "h"),
        _ => (distance / 86_400, "days"),
    };
    if seconds < 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        for (seconds, expected) in [
            (0, "in 0 s"),
            (119, "in 119 s"),
            (-120, "2 min ago"),
            (7_200, "in 2 h"),
            (-1_036_800, "12 days ago"),
        ] {
            assert_eq!(relative(seconds), expected);
        }
    }

    #[test]
    fn what_is_no_time_is_left_out() {
        let payload = br#"{"iat":1795000000,"nbf":"1","exp":1e300}"#;
        let timing = Timing::of(&Json::parse(payload).unwrap(), 1_795_000_060.0);

        assert_eq!(timing.issued_at.as_deref(), Some("2026-11-18T11:06:40Z"));
        assert_eq!((timing.not_before, timing.expires), (None, None));
        assert_eq!(timing.expires_in_seconds, Some(i64::MAX));
    }
}
