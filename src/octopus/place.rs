//! A path, taken apart as Octopus's routing reads it.
//!
//! Octopus serves everything that belongs to a space under three spellings: `/api/Spaces-1/x`,
//! `/api/spaces/{id or slug}/x` and, for the default space, `/api/x`. Its routing ignores case and
//! decodes segments after it has split them. Nothing here is forwarded: that is the raw path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Where a path leads.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    /// Whether it is below `/api`.
    pub(super) is_api: bool,
    /// The space that it names, raw: an id, a slug or a name.
    pub(super) space: Option<&'a str>,
    /// What stands below `/api` and the space; or, elsewhere, the whole path.
    pub(super) below: Segments<'a>,
}

impl<'a> Place<'a> {
    /// Of a path below the virtual directory.
    pub(super) fn of(path: &'a str) -> Self {
        let whole = Segments(path);
        let mut below = whole.clone();
        if !below.next().is_some_and(|first| is(first, "api")) {
            return Self { is_api: false, space: None, below: whole };
        }
        let mut rest = below.clone();
        let space = match rest.next() {
            Some(first) if is_space_id(first) => Some(first),
            Some(first) if is(first, "spaces") => rest.next(),
            _ => None,
        };
        // `/api/spaces/all` is the list; a space's root is `/api/spaces/{id}` too.
        let is_list = space.is_some_and(|space| is(space, "all")) && rest.clone().next().is_none();
        match space {
            Some(space) if !is_list => Self { is_api: true, space: Some(space), below: rest },
            _ => Self { is_api: true, space: None, below },
        }
    }
}

/// The segments of a path, raw; empty ones are left out.
#[derive(Debug, Clone)]
pub(super) struct Segments<'a>(pub(super) &'a str);

impl<'a> Iterator for Segments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // Byte by byte, as in `has_escapes`.
        let start = self.0.bytes().position(|byte| byte != b'/')?;
        let rest = self.0.get(start..)?;
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let (segment, after) = rest.split_at_checked(end)?;
        self.0 = after;
        Some(segment)
    }
}

/// Whether a segment is this word, which is in lower case.
pub(super) fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
        || (has_escapes(segment) && decoded(segment).chars().map(fold).eq(word.chars()))
}

/// A segment's word in lower case.
pub(super) fn plain(segment: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte != b'%' && !byte.is_ascii_uppercase();
    if segment.bytes().all(is_plain) {
        return segment.into();
    }
    decoded(segment).chars().map(fold).collect::<String>().into()
}

/// Whether there is an escape in a segment. Byte by byte: segments are short, and a searcher costs more
/// to set up.
pub(super) fn has_escapes(raw: &str) -> bool {
    raw.bytes().any(|byte| byte == b'%')
}

/// What a segment says.
pub(super) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// Lower case; and the letters that some tables of case take for `i`, `k` and `s`, so that none of
/// them hides a word.
fn fold(character: char) -> char {
    match character {
        '\u{130}' | '\u{131}' => 'i',
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    }
}

/// `Spaces-1`
fn is_space_id(segment: &str) -> bool {
    const WORD: &str = "spaces-";
    let segment = if has_escapes(segment) { plain(segment) } else { segment.into() };
    let (word, number) = segment.split_at_checked(WORD.len()).unwrap_or_default();
    word.eq_ignore_ascii_case(WORD)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_a_space_meet() {
        let rows = [
            ("/api/Spaces-1/tasks", Some("Spaces-1"), "tasks"),
            ("/api/SPACES-22/tasks/", Some("SPACES-22"), "tasks"),
            ("/%61pi/%53paces-1/tasks", Some("%53paces-1"), "tasks"),
            ("/api/spaces/web/tasks/x", Some("web"), "tasks x"),
            ("/api/spaces/Spaces-1/tasks", Some("Spaces-1"), "tasks"),
            ("/api/spaces/all/tasks", Some("all"), "tasks"),
            ("/api/tasks", None, "tasks"),
            ("/api/Spaces-1", Some("Spaces-1"), ""),
            ("/api/spaces/web", Some("web"), ""),
            ("/api/spaces", None, "spaces"),
            ("/api/spaces/", None, "spaces"),
            ("/api/spaces/all", None, "spaces all"),
            ("/api/spaces-x/tasks", None, "spaces-x tasks"),
            ("/api/Spaces-1/spaces/Spaces-2/tasks", Some("Spaces-1"), "spaces Spaces-2 tasks"),
            ("/api/", None, ""),
            ("/api/100%25/%25", None, "100%25 %25"),
        ];
        for (path, space, below) in rows {
            let place = Place::of(path);
            assert!(place.is_api, "{path}");
            assert_eq!(place.space, space, "{path}");
            assert_eq!(place.below.collect::<Vec<_>>().join(" "), below, "{path}");
        }
        for path in ["", "/", "/mcp", "/apis/x", "/Spaces-1/nuget/packages"] {
            let place = Place::of(path);
            assert!(!place.is_api && place.space.is_none(), "{path}");
        }
    }

    #[test]
    fn a_word_is_seen_through_case_and_escapes() {
        for segment in ["apikeys", "ApiKeys", "%61pikey%53", "api%E2%84%AAeys", "apikey%C5%BF"] {
            assert!(is(segment, "apikeys"), "{segment}");
            assert_eq!(plain(segment), "apikeys", "{segment}");
        }
        for segment in ["apikey", "apikeys2", "api%2fkeys", "%ff"] {
            assert!(!is(segment, "apikeys"), "{segment}");
        }
    }
}
