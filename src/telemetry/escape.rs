//! What becomes of a value before it stands in a line of the log: escaped, so that a claim can't
//! forge a line or steer a terminal, and cut, so that it can't fill the disk.

use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use crate::limits::LOGGED_VALUE_CHARS;

/// Stands behind a value that was cut.
const CUT: char = '…';

/// `value` as JSON in one line. Every string in it, at any depth, is escaped and cut.
pub(super) fn json_line<T: Serialize + ?Sized>(value: &T) -> String {
    let mut line = Vec::with_capacity(1024);
    // Writing to memory doesn't fail, and no type of this room refuses to be serialized.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut line, LineFormatter::default()));

    String::from_utf8(line).unwrap_or_default()
}

/// `text` for people: escaped and cut, but without quotes.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LOGGED_VALUE_CHARS));
    for (position, character) in text.chars().enumerate() {
        if position == LOGGED_VALUE_CHARS {
            shown.push(CUT);
            break;
        }
        if is_hostile(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }

    shown
}

/// `text` for people, whole: hostile characters are escaped, nothing is cut.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hostile(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }

    shown
}

/// `text` for people, as the value of a field: as it is when it is one plain word, else quoted as
/// in JSON, so that it can't look like a second field.
pub(super) fn word(text: &str) -> String {
    let is_plain = !text.is_empty()
        && !text.chars().any(|character| {
            character.is_whitespace() || is_hostile(character) || matches!(character, '"' | '=')
        });

    if is_plain { plain(text) } else { json_line(text) }
}

/// A point in time as RFC 3339 in UTC with milliseconds.
pub(super) fn timestamp(time: SystemTime) -> String {
    let mut text = String::with_capacity(24);
    // Times that RFC 3339 can't say (before 1970, after 9999) are a broken clock's. They must not
    // cost the line.
    if write!(text, "{}", humantime::format_rfc3339_millis(time.max(UNIX_EPOCH))).is_err() {
        text.push_str("9999-12-31T23:59:59.999Z");
    }

    text
}

/// Control characters (C0, DEL, C1), the line separators that some viewers break lines at, and the
/// marks that reverse the direction of the text after them.
pub fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Compact JSON whose strings are cut, and whose strings hold nothing hostile.
///
/// `serde_json` itself escapes what JSON demands (C0, quote, backslash) and hands the rest over in
/// fragments; the rest of the hostile characters is found there.
#[derive(Default)]
struct LineFormatter {
    /// Characters of the present string that have been written.
    written: usize,
}

impl LineFormatter {
    /// Whether one more character may be written. The first that may not leaves the mark.
    fn admit<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<bool> {
        self.written = self.written.saturating_add(1);
        if self.written == LOGGED_VALUE_CHARS.saturating_add(1) {
            write!(writer, "{CUT}")?;
        }

        Ok(self.written <= LOGGED_VALUE_CHARS)
    }
}

impl Formatter for LineFormatter {
    fn begin_string<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.written = 0;
        writer.write_all(b"\"")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nearly all that is ever written: printable ASCII that is not too long.
        let end = self.written.saturating_add(fragment.len());
        if end <= LOGGED_VALUE_CHARS && fragment.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            self.written = end;
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if !self.admit(writer)? {
                break;
            }
            if is_hostile(character) {
                // All hostile characters are in the basic plane: one escape, no surrogates.
                write!(writer, "\\u{:04x}", u32::from(character))?;
            } else {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }

        Ok(())
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if !self.admit(writer)? {
            return Ok(());
        }

        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{json_line, plain, timestamp, word};

    #[test]
    fn hostile_characters_are_escaped_and_read_back_the_same() {
        let hostile: String = ('\u{0}'..='\u{9f}')
            .chain(['\u{061c}', '\u{200e}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'])
            .collect();

        let line = json_line(&hostile);

        assert!(!line.chars().any(super::is_hostile), "{line}");
        assert!(line.contains("\\u2028\\u2029"));
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), hostile);
    }

    #[test]
    fn other_characters_stand_as_they_are() {
        assert_eq!(json_line("Łódź 🐙 \u{fffd}"), "\"Łódź 🐙 \u{fffd}\"");
    }

    #[test]
    fn a_string_is_cut_behind_256_characters() {
        for (character, escaped) in [("ż", "ż"), ("\n", "\\n"), ("\u{2028}", "\\u2028")] {
            let whole = character.repeat(256);
            let long = character.repeat(300);

            assert_eq!(json_line(&whole), format!("\"{}\"", escaped.repeat(256)));
            assert_eq!(json_line(&long), format!("\"{}…\"", escaped.repeat(256)));
        }
    }

    #[test]
    fn each_string_is_cut_by_itself() {
        let line = json_line(&["a".repeat(300), "\"".repeat(300), "b".into()]);

        let read: Vec<String> = serde_json::from_str(&line).unwrap();
        assert_eq!(read, ["a".repeat(256) + "…", "\"".repeat(256) + "…", "b".into()]);
    }

    #[test]
    fn text_for_people_is_cut_and_escaped_too() {
        assert_eq!(plain(&"ż".repeat(257)), "ż".repeat(256) + "…");
        assert_eq!(plain("a\n\u{1b}[2J\u{2028}\"b\""), "a\\n\\u{1b}[2J\\u{2028}\"b\"");
    }

    #[test]
    fn a_value_that_could_pass_for_two_is_quoted() {
        assert_eq!(word("127.0.0.1:8484"), "127.0.0.1:8484");
        assert_eq!(word("a b=c"), "\"a b=c\"");
        assert_eq!(word("x\ny"), "\"x\\ny\"");
        assert_eq!(word(""), "\"\"");
    }

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        let time = UNIX_EPOCH + Duration::from_millis(1_764_000_301_123);

        assert_eq!(timestamp(time), "2025-11-24T16:05:01.123Z");
    }

    #[test]
    fn a_clock_that_is_far_off_does_not_cost_the_line() {
        assert_eq!(timestamp(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            timestamp(UNIX_EPOCH + Duration::from_secs(1 << 40)),
            "9999-12-31T23:59:59.999Z"
        );
    }
}
