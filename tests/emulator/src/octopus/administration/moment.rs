//! Moments as Octopus writes them: `2026-11-28T12:00:00.000+00:00`.

/// A Unix time.
pub(super) fn written(unix: u64) -> String {
    let (days, second) = (unix / 86_400, unix % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000+00:00")
}

/// A Unix time of what a client wrote; with `Z` or an offset of nothing.
pub(super) fn read(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if !matches!(zone, "Z" | "+00:00") || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let days = (0..).take(200_000).find(|days| date(*days) == (year, month, day))?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Year, month and day of so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00.000+00:00"),
            (951_782_400, "2000-02-29T00:00:00.000+00:00"),
            (1_795_868_130, "2026-11-28T12:15:30.000+00:00"),
        ] {
            assert_eq!(written(unix), text);
            assert_eq!(read(text), Some(unix));
        }
        assert_eq!(read("2026-11-28T12:15:30Z"), Some(1_795_868_130));
        assert_eq!(read("tomorrow"), None);
    }
}
