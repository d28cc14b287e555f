//! Moments as Octopus writes them, such as `2026-11-28T12:00:00.000+00:00`, in Unix seconds.

use std::time::{Duration, UNIX_EPOCH};

/// What Octopus takes. Years beyond 9999 are the last moment of that year.
pub(super) fn written(unix: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let moment = UNIX_EPOCH + Duration::from_secs(unix.min(LAST));
    let text = humantime::format_rfc3339_millis(moment).to_string();
    format!("{}+00:00", text.trim_end_matches('Z'))
}

/// What Octopus writes, with any offset; `None` if it is no moment.
pub(super) fn read(text: &str) -> Option<u64> {
    let day_and_time = text.get(..19)?;
    let zone = text.get(19..)?.trim_start_matches(|it: char| it == '.' || it.is_ascii_digit());
    let moment = humantime::parse_rfc3339_weak(day_and_time).ok()?;
    let unix = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
    if matches!(zone, "" | "Z" | "z") {
        return Some(unix);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let offset = hours.parse::<u64>().ok()? * 3_600 + minutes.parse::<u64>().ok()? * 60;
    match zone.chars().next() {
        Some('+') => unix.checked_sub(offset),
        Some('-') => unix.checked_add(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_octopus_writes_it() {
        let rows = [
            ("2026-11-28T12:15:30.000+00:00", Some(1_795_868_130)),
            ("2026-11-28T12:15:30Z", Some(1_795_868_130)),
            ("2026-11-28T12:15:30.1234567+00:00", Some(1_795_868_130)),
            ("2026-11-28T14:15:30+02:00", Some(1_795_868_130)),
            ("2026-11-28T07:45:30-04:30", Some(1_795_868_130)),
            ("2026-11-28T12:15:30", Some(1_795_868_130)),
            ("2026-11-28", None),
            ("soon", None),
            ("2026-11-28T12:15:30 CET", None),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(written(1_795_868_130), "2026-11-28T12:15:30.000+00:00");
    }
}
