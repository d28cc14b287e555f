//! One JSON object in one line, written member by member. By hand, because a request that is forwarded
//! pays for its line: `serde` takes four times as many instructions for it.

use std::time::Duration;

use serde::Serialize;

use super::escape::json_line;
use crate::limits::LOGGED_VALUE_CHARS;

/// The members so far. Texts may hold anything: they are escaped and cut.
pub(super) struct Line(String);

impl Line {
    /// No member yet.
    pub(super) fn new() -> Self {
        Self(String::with_capacity(1024))
    }

    /// A text.
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        if is_plain(value) {
            self.quoted(value);
        } else {
            self.0.push_str(&json_line(value));
        }
    }

    /// A text of the program's own, in which there is nothing to escape.
    pub(super) fn constant(&mut self, name: &'static str, value: &'static str) {
        debug_assert!(is_plain(value));
        self.name(name);
        self.quoted(value);
    }

    /// A text, or no member.
    pub(super) fn some_text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &'static str, value: impl Into<u64>) {
        self.name(name);
        self.0.push_str(itoa::Buffer::new().format(value.into()));
    }

    /// A time in milliseconds, to the microsecond: more digits are noise.
    pub(super) fn milliseconds(&mut self, name: &'static str, value: Duration) {
        self.number(name, u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
        let thousandths = value.subsec_micros() % 1000;
        self.0.push('.');
        // Three digits: those behind a one.
        let mut digits = itoa::Buffer::new();
        self.0.push_str(digits.format(1000 + thousandths).get(1..).unwrap_or_default());
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.0.push_str(if value { "true" } else { "false" });
    }

    /// Whatever else.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.name(name);
        self.0.push_str(&json_line(value));
    }

    /// The object, without a line feed.
    pub(super) fn end(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }

    fn quoted(&mut self, plain: &str) {
        self.0.push('"');
        self.0.push_str(plain);
        self.0.push('"');
    }

    fn name(&mut self, name: &'static str) {
        self.0.push_str(if self.0.is_empty() { "{\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

/// Whether a text stands in JSON, and in a line, as it is: nearly every one does.
fn is_plain(text: &str) -> bool {
    let is_one = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    // No byte ends the search early, so that the compiler looks at many at once.
    text.len() <= LOGGED_VALUE_CHARS && text.bytes().fold(true, |all, byte| all & is_one(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_serde_reads_back() {
        let longest = "a".repeat(LOGGED_VALUE_CHARS);
        let mut line = Line::new();
        line.text("plain", "repo:acme/web");
        line.text("longest", &longest);
        line.text("hostile", "\"\\\n\u{7f}\u{2028}é");
        line.some_text("absent", None);
        line.number("status", 200_u16);
        line.constant("constant", "/api/{space}");
        line.milliseconds("soon", Duration::from_nanos(400));
        line.milliseconds("then", Duration::from_micros(7_050));
        line.milliseconds("late", Duration::from_nanos(86_400_000_123_456));
        line.flag("agent", false);
        line.value("missed", &["a\n"]);

        let text = line.end();

        assert!(!text.contains(['\n', '\u{7f}', '\u{2028}']), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "plain": "repo:acme/web", "longest": longest, "hostile": "\"\\\n\u{7f}\u{2028}é",
            "status": 200, "constant": "/api/{space}",
            "soon": 0.0, "then": 7.05, "late": 86_400_000.123, "agent": false, "missed": ["a\n"],
        });
        assert_eq!(read, expected);
        assert_eq!(Line::new().end(), "{}");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_although_it_is_plain() {
        let mut line = Line::new();
        line.text("long", &"a".repeat(LOGGED_VALUE_CHARS + 1));

        assert!(line.end().ends_with("a…\"}"));
    }
}
