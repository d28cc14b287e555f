//! One JSON object in one line, written member by member. By hand, because a request that is forwarded
//! pays for its line: `serde` takes four times as many instructions for it.

use std::time::Duration;

use serde::Serialize;

use super::escape::json_line;
use crate::limits::LOGGED_VALUE_CHARS;

/// A member's name as it stands in a line: behind another member, its value to come. Made by
/// [`name!`] from a word, so that it is written in one piece.
#[derive(Clone, Copy)]
pub(super) struct Name(pub(super) &'static str);

macro_rules! name {
    ($word:literal) => {
        $crate::telemetry::line::Name(concat!(",\"", $word, "\":"))
    };
}
pub(super) use name;

/// The members so far. Texts may hold anything: they are escaped and cut.
pub(super) struct Line(String);

impl Line {
    /// With these members, and without the closing brace.
    pub(super) fn begun(members: &[&str]) -> Self {
        let mut line = String::with_capacity(1024);
        line.extend(members.iter().copied());
        Self(line)
    }

    /// A text.
    pub(super) fn text(&mut self, name: Name, value: &str) {
        if is_plain(value) {
            self.quoted(name, value);
        } else {
            self.0.push_str(name.0);
            self.0.push_str(&json_line(value));
        }
    }

    /// A text of the program's own, in which there is nothing to escape.
    pub(super) fn constant(&mut self, name: Name, value: &'static str) {
        debug_assert!(is_plain(value), "{value}");
        self.quoted(name, value);
    }

    /// A text, or no member.
    pub(super) fn some_text(&mut self, name: Name, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: Name, value: impl Into<u64>) {
        self.0.push_str(name.0);
        self.0.push_str(itoa::Buffer::new().format(value.into()));
    }

    /// A time in milliseconds, to the microsecond: more digits are noise.
    pub(super) fn milliseconds(&mut self, name: Name, value: Duration) {
        self.number(name, u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
        let thousandths = value.subsec_micros() % 1000;
        self.0.push('.');
        // Three digits: those behind a one.
        let mut digits = itoa::Buffer::new();
        self.0.push_str(digits.format(1000 + thousandths).get(1..).unwrap_or_default());
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: Name, value: bool) {
        self.0.push_str(name.0);
        self.0.push_str(if value { "true" } else { "false" });
    }

    /// Whatever else.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, name: Name, value: &T) {
        self.0.push_str(name.0);
        self.0.push_str(&json_line(value));
    }

    /// The object, without a line feed.
    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn quoted(&mut self, name: Name, plain: &str) {
        self.0.push_str(name.0);
        self.0.push('"');
        self.0.push_str(plain);
        self.0.push('"');
    }
}

/// Whether a text stands in JSON, and in a line, as it is: nearly every one does. Sixteen bytes are
/// looked at at once: the last ones of a text together with some that were looked at before, or with
/// nothing.
fn is_plain(text: &str) -> bool {
    let is_other = |byte| !matches!(byte, b' '..=b'~') || byte == b'"' || byte == b'\\';
    let mut found = [0; 16];
    let mut look = |bytes: &[u8; 16]| {
        for (found, byte) in found.iter_mut().zip(bytes) {
            *found |= u8::from(is_other(*byte));
        }
    };
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk() {
        bytes.as_chunks().0.iter().for_each(&mut look);
        look(last);
    } else {
        let mut padded = [b' '; 16];
        padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        look(&padded);
    }
    found == [0; 16] && text.len() <= LOGGED_VALUE_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_serde_reads_back() {
        let longest = "a".repeat(LOGGED_VALUE_CHARS);
        let mut line = Line::begun(&["{\"first\":1"]);
        line.text(name!("plain"), "repo:acme/web");
        line.text(name!("longest"), &longest);
        line.text(name!("hostile"), "\"\\\n\u{7f}\u{2028}é");
        line.some_text(name!("absent"), None);
        line.number(name!("status"), 200_u16);
        line.constant(name!("constant"), "/api/{space}");
        line.milliseconds(name!("soon"), Duration::from_nanos(400));
        line.milliseconds(name!("then"), Duration::from_micros(7_050));
        line.milliseconds(name!("late"), Duration::from_nanos(86_400_000_123_456));
        line.flag(name!("agent"), false);
        line.value(name!("missed"), &["a\n"]);

        let text = line.end();

        assert!(!text.contains(['\n', '\u{7f}', '\u{2028}']), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "first": 1, "plain": "repo:acme/web", "longest": longest, "hostile": "\"\\\n\u{7f}\u{2028}é",
            "status": 200, "constant": "/api/{space}",
            "soon": 0.0, "then": 7.05, "late": 86_400_000.123, "agent": false, "missed": ["a\n"],
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn one_byte_that_needs_an_escape_is_seen_wherever_it_stands() {
        for length in [1, 2, 15, 16, 17, 31, 32, 33, LOGGED_VALUE_CHARS] {
            assert!(is_plain(&"a".repeat(length)), "{length}");
            for at in 0..length {
                for other in ["\"", "\\", "\u{1f}", "\u{7f}", "\u{85}", "é", "\u{2028}"] {
                    let text =
                        ["a".repeat(at).as_str(), other, &"~".repeat(length - at - 1)].concat();
                    assert!(!is_plain(&text), "{text:?}");
                }
            }
        }
        assert!(is_plain(""));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_although_it_is_plain() {
        let mut line = Line::begun(&["{\"first\":1"]);
        line.text(name!("long"), &"a".repeat(LOGGED_VALUE_CHARS + 1));

        assert!(line.end().ends_with("a…\"}"));
    }
}
