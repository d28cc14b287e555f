//! Request ids and trace contexts: passed on when they are sound, made when not.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hex::{hex, push_hex};

/// `traceparent` of W3C Trace Context.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Its companion, of no use without it.
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// What many platforms call a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a request is found again in logs and traces.
#[derive(Debug)]
pub(super) struct Trace {
    request_id: HeaderValue,
    traceparent: HeaderValue,
    /// False if the context is new, so that the caller's `tracestate` does not belong to it.
    pub(super) is_inherited: bool,
}

impl Trace {
    /// The caller's id and context, or new ones.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let request_id = only(headers, &REQUEST_ID).filter(|id| is_sound(id, is_sound_id));
        let inherited = only(headers, &TRACEPARENT).filter(|id| is_sound(id, is_sound_parent));
        Self {
            request_id: request_id.cloned().unwrap_or_else(|| header_value(random_hex::<16>())),
            is_inherited: inherited.is_some(),
            traceparent: inherited.cloned().unwrap_or_else(made_traceparent),
        }
    }

    pub(super) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    pub(super) fn traceparent(&self) -> &str {
        self.traceparent.to_str().unwrap_or_default()
    }

    /// Writes both into the request that goes out.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.clone());
        headers.insert(TRACEPARENT, self.traceparent.clone());
        if !self.is_inherited {
            headers.remove(TRACESTATE);
        }
    }

    /// Tells the caller the id under which the log has the request. Octopus's own, if it has one,
    /// is about something else and gives way.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.clone());
    }
}

/// A new trace, of which the request is the first span.
fn made_traceparent() -> HeaderValue {
    let (trace, span): ([u8; 16], [u8; 8]) = (random(), random());
    let mut text = String::with_capacity("00--00".len() + 2 * (16 + 8) + 1);
    text.push_str("00-");
    push_hex(&mut text, &trace);
    text.push('-');
    push_hex(&mut text, &span);
    text.push_str("-00");
    header_value(text)
}

/// Of a text that is visible ASCII.
fn header_value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `N` random bytes in hexadecimal.
pub(super) fn random_hex<const N: usize>() -> String {
    hex(&random::<N>())
}

/// `N` random bytes, for what is no secret. Without randomness they are zeros, which name a request
/// badly, and harm nothing.
fn random<const N: usize>() -> [u8; N] {
    DRAWN.with_borrow_mut(Drawn::next)
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; 1024], used: 1024 }) };
}

/// Random bytes, drawn many at a time: a call costs as much for them all as for one id.
struct Drawn {
    bytes: [u8; 1024],
    used: usize,
}

impl Drawn {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            if aws_lc_rs::rand::fill(&mut self.bytes).is_err() {
                return [0; N];
            }
            self.used = 0;
        }
        let next = self.bytes.get(self.used..).and_then(|rest| rest.first_chunk()).copied();
        self.used += N;
        next.unwrap_or([0; N])
    }
}

/// The one value of a header that stands exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    Some(value)
}

fn is_sound(value: &HeaderValue, is_sound_text: impl Fn(&str) -> bool) -> bool {
    value.to_str().is_ok_and(is_sound_text)
}

fn is_sound_id(id: &str) -> bool {
    let is_sound_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    // An id that looks like a key or a token is none: it would be logged.
    let looks_secret = id.starts_with("API-") || id.contains("eyJ");
    (1..=128).contains(&id.len()) && id.bytes().all(is_sound_byte) && !looks_secret
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero (Trace Context 3.2).
fn is_sound_parent(parent: &str) -> bool {
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_some_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = parent.split('-').collect();
    match parts.as_slice() {
        ["00", trace, span, flags] => {
            is_some_id(trace, 32) && is_some_id(span, 16) && is_hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_contexts_are_inherited() {
        let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let rows = [
            (sound, true),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false),
            ("", false),
        ];
        for (parent, is_inherited) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
            let trace = Trace::of(&headers);
            assert_eq!(trace.is_inherited, is_inherited, "{parent}");
            assert!(is_sound_parent(trace.traceparent()));
        }
        let mut twice = HeaderMap::new();
        twice.append(TRACEPARENT, HeaderValue::from_static(sound));
        twice.append(TRACEPARENT, HeaderValue::from_static(sound));
        assert!(!Trace::of(&twice).is_inherited);
    }

    #[test]
    fn ids_that_are_made_are_each_another() {
        let made = || Trace::of(&HeaderMap::new());
        let ids: std::collections::HashSet<_> = (0..1000)
            .flat_map(|_| [made().request_id().to_owned(), made().traceparent().to_owned()])
            .collect();

        assert_eq!(ids.len(), 2000);
        assert!(!ids.contains(&"0".repeat(32)));
    }

    #[test]
    fn a_request_id_that_could_forge_a_line_is_replaced() {
        for (id, is_kept) in [("job-42/a", true), ("a b", false), ("a\"b", false), ("", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            assert_eq!(Trace::of(&headers).request_id() == id, is_kept, "{id}");
        }
    }
}
