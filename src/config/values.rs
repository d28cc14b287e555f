//! Values of one scalar: words, flags, numbers, sizes, durations, files.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::nearest::suggestion;
use super::problem::Problems;
use super::reader::{refuse, scalar, shown, text};
use super::yaml::{Node, Style};

/// A word of a closed list.
pub(super) fn word<T: Copy>(
    node: &Node,
    words: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let written = scalar(node, problems)?;
    let found = words.iter().find(|(word, _)| *word == written.text);
    if found.is_none() {
        let known = words.iter().map(|(word, _)| *word);
        let list: Vec<&str> = known.clone().collect();
        let near = suggestion(&written.text, known);
        let sentence = format!("{} must be one of {}{near}", shown(written), list.join(", "));
        refuse(node, sentence, problems);
    }
    found.map(|(_, value)| *value)
}

/// `true` or `false`, nothing that looks like it.
pub(super) fn flag(node: &Node, problems: &mut Problems) -> Option<bool> {
    let written = scalar(node, problems)?;
    match written.text.as_str() {
        "true" if written.style != Style::Quoted => Some(true),
        "false" if written.style != Style::Quoted => Some(false),
        _ => {
            refuse(node, "must be true or false, without quotes", problems);
            None
        }
    }
}

/// A count.
pub(super) fn number(
    node: &Node,
    range: RangeInclusive<u64>,
    problems: &mut Problems,
) -> Option<u64> {
    let text = text(node, problems)?;
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = is_whole.then(|| text.parse().ok()).flatten() else {
        refuse(node, "must be a whole number, digits only, such as 100", problems);
        return None;
    };
    in_range(node, number, &range, u64::to_string, problems)
}

/// A number of bytes, such as `64KiB`.
pub(super) fn size(
    node: &Node,
    range: RangeInclusive<u64>,
    problems: &mut Problems,
) -> Option<u64> {
    let text = text(node, problems)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim_start() {
        "" | "B" => Some(1_u64),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(factor);
    let Some(bytes) = bytes.and_then(|(number, factor)| number.checked_mul(factor)) else {
        refuse(node, "must be a size: a whole number and B, KiB or MiB, such as 64KiB", problems);
        return None;
    };
    in_range(node, bytes, &range, |bytes| shown_size(*bytes), problems)
}

/// A duration, such as `30s` or `1h 30m`.
pub(super) fn duration(
    node: &Node,
    range: RangeInclusive<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let text = text(node, problems)?;
    let Some(duration) = parse_duration(text) else {
        refuse(
            node,
            "must be a duration: a whole number and ms, s, m, h or d, such as 30s",
            problems,
        );
        return None;
    };
    in_range(node, duration, &range, |bound| humantime::format_duration(*bound), problems)
}

/// The units of a duration.
pub(super) const UNITS: [&str; 23] = [
    "ms", "msec", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
    "h", "hr", "hrs", "hour", "hours", "d", "day", "days", "w", "week", "weeks",
];

/// A duration as one types it; `None` if it is none. The library also takes months as `M`, years and
/// fractions: five minutes must not become five months by a slip of a key.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let between = |character: char| character.is_ascii_digit() || character == ' ';
    let mut units = text.split(between).filter(|unit| !unit.is_empty());
    units.all(|unit| UNITS.contains(&unit)).then(|| humantime::parse_duration(text).ok())?
}

/// A file; a relative one is looked for in the folder of the configuration.
pub(super) fn file(node: &Node, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    text(node, problems).map(|text| folder.join(text))
}

/// Puts a value in the place of the default, if there is one.
pub(super) fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn in_range<T: PartialOrd, S: Display>(
    node: &Node,
    value: T,
    range: &RangeInclusive<T>,
    shown: impl Fn(&T) -> S,
    problems: &mut Problems,
) -> Option<T> {
    if range.contains(&value) {
        return Some(value);
    }
    let (least, most) = (shown(range.start()), shown(range.end()));
    refuse(node, format!("must be at least {least} and at most {most}"), problems);
    None
}

fn shown_size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}KiB", bytes >> 10),
        _ => format!("{}MiB", bytes >> 20),
    }
}
