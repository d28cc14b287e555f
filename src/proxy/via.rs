//! `Via` (RFC 9110 7.6.3): what the broker adds to a request, and by what it knows one that has been
//! here before.

use http::{HeaderMap, HeaderValue, Version, header};

/// The broker's name in `Via`: another for each process.
#[derive(Debug, Clone)]
pub(super) struct Via {
    pseudonym: String,
    http_1_0: HeaderValue,
    http_1_1: HeaderValue,
}

impl Via {
    /// Under this name: a token of RFC 9110.
    pub(super) fn new(pseudonym: String) -> Self {
        let value = |version: &str| {
            let value = HeaderValue::from_str(&format!("{version} {pseudonym}"));
            value.unwrap_or_else(|_| HeaderValue::from_static("1.1 octobroker"))
        };
        let (http_1_0, http_1_1) = (value("1.0"), value("1.1"));
        Self { pseudonym, http_1_0, http_1_1 }
    }

    /// The value for a request that came by this version. HTTP/2 goes on as 1.1.
    pub(super) const fn value(&self, version: Version) -> &HeaderValue {
        if matches!(version, Version::HTTP_10) { &self.http_1_0 } else { &self.http_1_1 }
    }

    /// True if a request came round to us.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let pseudonym = self.pseudonym.as_bytes();
        let is_here = |via: &HeaderValue| {
            via.as_bytes().windows(pseudonym.len()).any(|part| part == pseudonym)
        };
        headers.get_all(header::VIA).iter().any(is_here)
    }
}
