//! Targets of requests: paths that are read in one way only, and what is taken out of the query.

use octobroker::proxy::check_target;
use octobroker::telemetry::Code;

/// A target is judged as a second, plain reading of the rules has it; no reader who decodes once more
/// gets anywhere else; and what goes out is what came in, without the key.
pub fn judge(input: &[u8]) {
    let Ok(raw) = std::str::from_utf8(input) else { return };
    let judged = check_target(raw);
    let code = judged.as_ref().err().copied();
    assert_eq!(code, refusal(raw), "{raw:?}");
    let Ok(forwarded) = judged else { return };
    let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
    check_readers(path);
    let (path_out, query_out) = forwarded.split_once('?').unwrap_or((&forwarded, ""));
    assert_eq!(path_out, path);
    assert!(!names(query_out).any(|name| name == "apikey"), "{raw:?} keeps its key");
    if !names(query).any(|name| name == "apikey") {
        assert_eq!(forwarded, raw);
    }
    let kept =
        |query: &str| names(query).filter(|name| !name.is_empty() && name != "apikey").count();
    assert_eq!(kept(query_out), kept(query), "{raw:?} loses more than its key");
}

/// However often a reader decodes, with or without `\` and `/` as one: no dot segments, no control
/// characters, nothing that ends as Windows cuts it.
fn check_readers(path: &str) {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..5 {
        bytes = decode_where_possible(&bytes);
        assert!(
            !bytes.iter().any(|byte| byte.is_ascii_control() || b"\\;".contains(byte)),
            "{path}"
        );
        for segment in bytes.split(|byte| *byte == b'/') {
            assert!(!segment.ends_with(b".") && !segment.ends_with(b" "), "{path}");
        }
    }
}

/// The code of a refusal, worked out byte by byte.
fn refusal(raw: &str) -> Option<Code> {
    if !raw.starts_with('/') || raw.chars().any(|c| !('!'..='~').contains(&c)) {
        return Some(Code::BadRequest);
    }
    let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
    let segments: Vec<&str> = path.split('/').collect();
    let empty = segments.iter().enumerate().filter(|(_, segment)| segment.is_empty());
    if empty.into_iter().any(|(at, _)| at != 0 && at != segments.len() - 1) {
        return Some(Code::UnsafePath);
    }
    if !segments.iter().all(|segment| is_safe(segment)) {
        return Some(Code::UnsafePath);
    }
    names(query)
        .any(|name| name == "access_token" || name == "id_token")
        .then_some(Code::BadRequest)
}

fn is_safe(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let whole =
        (0..bytes.len()).filter(|at| bytes[*at] == b'%').all(|at| escape(&bytes[at..]).is_some());
    let once = decode_where_possible(bytes);
    let Ok(text) = std::str::from_utf8(&once) else { return false };
    let hidden = (0..once.len()).filter_map(|at| escape(&once[at..]));
    let mut hidden =
        hidden.filter(|byte| *byte < 0x20 || *byte == 0x7f || b"./\\;%".contains(byte));
    let twice = decode_where_possible(&once);
    let is_final = (0..twice.len()).all(|at| escape(&twice[at..]).is_none());
    let is_harmless = hidden.next().is_none() && is_final;
    whole && is_harmless && is_plain(text) && is_plain(&String::from_utf8_lossy(&twice))
}

fn is_plain(text: &str) -> bool {
    const ALIKE: &str = "\\;\u{2024}\u{2044}\u{2215}\u{ff0e}\u{ff0f}\u{ff3c}";
    let is_strange = |c: char| ALIKE.contains(c) || c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c);
    let is_cut = |part: &str| matches!(part.chars().last(), Some('.' | ' '));
    !text.chars().any(is_strange) && !text.contains("::$") && !text.split('/').any(is_cut)
}

/// The byte of an escape at the beginning.
fn escape(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match bytes {
        [b'%', high, low, ..] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

/// Escapes are decoded, all else stays.
fn decode_where_possible(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let found = escape(&bytes[at..]);
        decoded.push(found.unwrap_or(bytes[at]));
        at += if found.is_some() { 3 } else { 1 };
    }
    decoded
}

/// The names of a query's parameters, as Octopus reads them.
fn names(query: &str) -> impl Iterator<Item = String> {
    query.split(['&', ';']).map(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        let name = decode_where_possible(name.as_bytes());
        String::from_utf8_lossy(&name).to_ascii_lowercase().trim().to_owned()
    })
}
