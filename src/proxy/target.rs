//! The request's target: judged raw, forwarded raw.
//!
//! A path that could be read in two ways is refused, so that no rule is judged by one reading and
//! Octopus's router by the other. The target never passes through a URL type: that would resolve
//! dot segments and decode. `%2f` inside a segment is data (Octopus carries Git refs so).

use percent_encoding::percent_decode_str;

use crate::telemetry::Code;

/// A target of an accepted form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Path and query as they came, without an `apikey` parameter.
    text: String,
    /// Where the query's `?` stands in `text`, or its end.
    path_end: usize,
    /// The values of the `apikey` parameters that were taken out.
    keys: Vec<String>,
}

impl Target {
    /// Judges an origin-form target (RFC 9112 3.2.1).
    pub(super) fn judge(raw: &str) -> Result<Self, Code> {
        if !raw.starts_with('/') || !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Code::BadRequest);
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        if !is_safe_path(path) {
            return Err(Code::UnsafePath);
        }
        let mut target = Self { text: path.to_owned(), path_end: path.len(), keys: Vec::new() };
        if let Some(query) = query {
            target.take_query(query)?;
        }
        Ok(target)
    }

    /// Copies the query, but for the parameters that carry a key. Separators stay with the
    /// parameter before them, so that all that is kept is kept byte for byte.
    fn take_query(&mut self, query: &str) -> Result<(), Code> {
        let mut kept = String::with_capacity(query.len());
        let mut has_taken = false;
        for parameter in query.split_inclusive(['&', ';']) {
            let text = parameter.trim_end_matches(['&', ';']);
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            let is_named = |other: &str| name.trim().eq_ignore_ascii_case(other);
            if is_named("apikey") {
                has_taken = true;
                let value = percent_decode_str(value).decode_utf8_lossy();
                if !value.is_empty() {
                    self.keys.push(value.into_owned());
                }
            } else if is_named("access_token") || is_named("id_token") {
                // A token in a URL ends up in logs; it is nobody's way to call Octopus.
                return Err(Code::BadRequest);
            } else {
                kept.push_str(parameter);
            }
        }
        if has_taken {
            kept.truncate(kept.trim_end_matches(['&', ';']).len());
        }
        if !(has_taken && kept.is_empty()) {
            self.text.push('?');
            self.text.push_str(&kept);
        }
        Ok(())
    }

    /// Path and query, to be sent as they are.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, raw.
    pub(super) fn path(&self) -> &str {
        self.text.get(..self.path_end).unwrap_or_default()
    }

    /// The query, raw, without its `?`.
    pub(super) fn query(&self) -> &str {
        self.text.get(self.path_end + 1..).unwrap_or_default()
    }

    /// The keys that stood in the query.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }
}

/// A path with its query as it would go out, if it is taken: for whoever wants to know without
/// sending it.
pub fn check_target(raw: &str) -> Result<String, Code> {
    Target::judge(raw).map(|target| target.text)
}

/// True if every reader sees the same segments in a path.
fn is_safe_path(path: &str) -> bool {
    // Nearly every path: nothing in it that anybody could decode, trim or fold.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    let has_empty_segments = path.as_bytes().windows(2).any(|two| two == b"//");
    if path.bytes().all(is_plain) && !has_empty_segments {
        return true;
    }
    if path.contains(['\\', ';']) || !has_sound_escapes(path) {
        return false;
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if (segment.is_empty() && !is_last) || !is_safe_segment(segment) {
            return false;
        }
    }
    true
}

/// Each `%` starts an escape of two hex digits.
fn has_sound_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| escaped(rest).is_some())
}

/// The byte that two hex digits behind a `%` stand for.
fn escaped(rest: &str) -> Option<u8> {
    let digits = rest.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

fn is_safe_segment(segment: &str) -> bool {
    // Overlong and broken UTF-8 is read in many ways.
    let Ok(decoded) = percent_decode_str(segment).decode_utf8() else {
        return false;
    };
    is_safe_text(&decoded) && !(decoded.contains('%') && hides_an_escape(&decoded))
}

/// Whether a segment that was decoded once holds an escape that would mean something to a reader
/// who decodes a second time, or comes to mean something to one who decodes a third time. How it was
/// spelt (`%252e`, `%25%32%65`) is of no matter here.
fn hides_an_escape(decoded: &str) -> bool {
    let is_separating = |byte: u8| b"./\\;%".contains(&byte) || byte.is_ascii_control();
    let twice = percent_decode_str(decoded).decode_utf8_lossy();
    escapes(decoded).any(is_separating) || !is_safe_text(&twice) || escapes(&twice).next().is_some()
}

/// The bytes of the escapes in a text that may have other `%` as well.
fn escapes(text: &str) -> impl Iterator<Item = u8> {
    text.split('%').skip(1).filter_map(escaped)
}

/// Whether the text of a segment is read alike by all.
fn is_safe_text(decoded: &str) -> bool {
    let looks_like_separator = |character: char| {
        // Division slash, fraction slash, full-width solidus and backslash; one dot leader and
        // full-width full stop: some normalisations make `/`, `\` and `.` of them.
        matches!(character, '\\' | ';' | '\u{2215}' | '\u{2044}' | '\u{ff0f}' | '\u{ff3c}')
            || matches!(character, '\u{2024}' | '\u{ff0e}')
            || character.is_control()
    };
    // Windows drops dots and spaces at the end of a name, and `::$DATA` names the file itself.
    let is_trimmed = |part: &str| part.ends_with(['.', ' ']);
    !decoded.contains(looks_like_separator)
        && !decoded.contains("::$")
        && !decoded.split('/').any(is_trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSAFE_PATHS: &[&str] = &[
        "/api/../admin",
        "/api/..",
        "/api/.",
        "/api/./x",
        "/api/%2e%2e/x",
        "/api/.%2e/x",
        "/api/%2E/x",
        "/api/..%2fx",
        "/api/x%2f..%2fy",
        "/api/x%2F..",
        "/api\\x",
        "/api/%5cx",
        "/api/%5C..%5Cx",
        "/api/%252e%252e/x",
        "/api/%252fx",
        "/api/%25252e",
        "/api/%2500",
        "/api/%25%32%65",
        "/api/%25%32%65%25%32%65/x",
        "/api/%25%32%66x",
        "/api/%25%35%63x",
        "/api/%25%35cx",
        "/api/%252%65",
        "/api/%25%32e",
        "/api/%25%33%62x",
        "/api/%25%25%33%33%62",
        "/api/%2525",
        "/api/%25%32%35",
        "/api/%252525252e",
        "/api/%25%32%35%32%65",
        "/api/%25%32%35%25%33%32x",
        "/api/x%25%30%30",
        "/api/x%2520",
        "/api/%25ef%25bc%258e",
        "/api/%25%65%66%25bc%25%38%65",
        "/api/%c0%ae%c0%ae/x",
        "/api/%u002e",
        "/api/%ef%bc%8e",
        "/api/%ef%bc%8f",
        "/api/%e2%88%95x",
        "//api",
        "/api//x",
        "///",
        "/\\api",
        "/api;x=1",
        "/api/x;y/z",
        "/api/%3bx",
        "/api/x.",
        "/api/x%20",
        "/api/%20",
        "/api/x%00",
        "/api/x%00.json",
        "/api/x::$DATA",
        "/api/%zz",
        "/api/%2",
        "/api/%",
        "/api/%0d%0aX",
        "/api/%7f",
    ];

    #[test]
    fn a_path_with_two_readings_is_refused() {
        let safe = [
            "/",
            "/api",
            "/api/",
            "/api/Spaces-1/projects",
            "/api/Spaces-1/projects/Projects-1/refs%2ftags%2Fv3/deploymentprocesses",
            "/api/Spaces-1/projects/fire%20project",
            "/api/Spaces-1/packages/Acme.Web/1.0.0+build",
            "/api/Spaces-1/projects/100%25",
            "/api/Spaces-1/projects/100%25ab",
            "/api/Spaces-1/projects/100%25%61%62",
            "/api/Spaces-1/projects/a%2520b",
            "/api/Spaces-1/projects/%C3%A4",
            "/%61pi",
            "/.well-known/openid-configuration",
            "/...a",
        ];
        for path in safe {
            assert_eq!(Target::judge(path).map(|target| target.text), Ok(path.to_owned()));
        }
        for path in UNSAFE_PATHS {
            assert_eq!(Target::judge(path).err(), Some(Code::UnsafePath), "{path}");
        }
    }

    #[test]
    fn other_forms_are_no_targets() {
        for raw in ["", "*", "api", "http://octopus/api", "/api x", "/api\u{e4}", "/a\tb"] {
            assert_eq!(Target::judge(raw).err(), Some(Code::BadRequest), "{raw:?}");
        }
    }

    #[test]
    fn a_key_is_taken_out_of_the_query_and_nothing_else_changes() {
        let rows = [
            ("/a?", "/a?", ""),
            ("/a?b=1&&c=%2f+x&", "/a?b=1&&c=%2f+x&", ""),
            ("/a?apikey=K", "/a", "K"),
            ("/a?ApiKey=K&b=1", "/a?b=1", "K"),
            ("/a?b=1&APIKEY=K", "/a?b=1", "K"),
            ("/a?b=1&apikey=K&c=2", "/a?b=1&c=2", "K"),
            ("/a?b=1;apikey=K", "/a?b=1", "K"),
            ("/a?%61pik%65y=K", "/a", "K"),
            ("/a?apikey=%4B", "/a", "K"),
            ("/a?apikey=&b=1", "/a?b=1", ""),
            ("/a?apikey", "/a", ""),
            ("/a?xapikey=K", "/a?xapikey=K", ""),
            ("/a?apikey=K&apikey=L", "/a", "K,L"),
            ("/a?b=apikey=K", "/a?b=apikey=K", ""),
        ];
        for (raw, forwarded, keys) in rows {
            let target = Target::judge(raw).unwrap();
            assert_eq!(target.as_str(), forwarded, "{raw}");
            assert_eq!(target.keys().join(","), keys, "{raw}");
            assert_eq!(target.path(), "/a");
            assert_eq!(target.query(), forwarded.get(3..).unwrap_or_default());
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused() {
        for raw in ["/a?access_token=x", "/a?b=1&ID_TOKEN=x", "/a?id%5Ftoken=x"] {
            assert_eq!(Target::judge(raw).err(), Some(Code::BadRequest), "{raw}");
        }
    }
}
