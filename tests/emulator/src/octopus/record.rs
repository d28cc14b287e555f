//! What arrived, kept for assertions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Request;
use hyper::body::Incoming;

/// One request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The method on the wire; an override is among the headers.
    pub method: String,
    /// The request target, byte for byte.
    pub target: String,
    /// Headers in order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// SHA-256 of the body in lower-case hexadecimal; empty while it has not been read to its end.
    pub body_sha256: String,
    /// Length of the body that has been read.
    pub body_bytes: u64,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Name of the account that it was authenticated as.
    pub credential: Option<String>,
    /// Status of the answer; 0 while there is none.
    pub status: u16,
}

impl Recorded {
    /// All values of a header, in order.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).first().copied()
    }

    /// The target up to the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query of the target, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Takes the request line and the headers from the raw head, which hyper has tidied up.
    pub(super) fn of(request: &Request<Incoming>, raw_head: Option<&str>, connection: u64) -> Self {
        let fallback = || {
            let target = request.uri().to_string();
            let headers = request.headers().iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            });
            (target, headers.collect())
        };
        let (target, headers) = raw_head
            .and_then(|head| read_head(request.method().as_str(), head))
            .unwrap_or_else(fallback);
        Self {
            method: request.method().to_string(),
            target,
            headers,
            connection,
            ..Self::default()
        }
    }
}

/// Target and headers of a raw head; nothing when these bytes are not the head of this request.
fn read_head(method: &str, head: &str) -> Option<(String, Vec<(String, String)>)> {
    // A client may put an empty line before the request line (RFC 9112, section 2.2).
    let mut lines = head.trim_start_matches("\r\n").split("\r\n");
    let mut request_line = lines.next()?.split(' ');
    if request_line.next()? != method {
        return None;
    }
    let target = request_line.next()?.to_owned();
    if !request_line.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()?;
    Some((target, headers))
}

/// All requests in order of arrival.
#[derive(Default)]
pub(super) struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    forgotten: usize,
    kept: Vec<Recorded>,
}

impl Log {
    /// Adds a request; gives its place, which stays valid when the log is cleared.
    pub(super) fn add(&self, request: Recorded) -> usize {
        let mut entries = self.lock();
        entries.kept.push(request);
        entries.forgotten + entries.kept.len() - 1
    }

    pub(super) fn all(&self) -> Vec<Recorded> {
        self.lock().kept.clone()
    }

    pub(super) fn clear(&self) {
        let mut entries = self.lock();
        entries.forgotten += entries.kept.len();
        entries.kept.clear();
    }

    pub(super) fn amend(&self, place: usize, change: impl FnOnce(&mut Recorded)) {
        let mut entries = self.lock();
        let index = place.checked_sub(entries.forgotten);
        if let Some(request) = index.and_then(|index| entries.kept.get_mut(index)) {
            change(request);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
