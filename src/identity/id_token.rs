//! The compact JWT as it was received: believed by nobody.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::{memchr, memrchr};

use crate::hex::hex;
use crate::secret::Secret;

/// An ID token in JWS compact form (RFC 7515 7.1), of bounded size. Nothing in it was checked.
/// Clones share the text.
#[derive(Debug, Clone)]
pub struct IdToken {
    text: Arc<Secret>,
    /// Where the payload starts.
    payload: usize,
    /// Where the signature starts.
    signature: usize,
    fingerprint: Fingerprint,
}

/// Why a text is no ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Longer than the limit.
    #[error("the token is too large")]
    TooLarge,
    /// Not three non-empty parts of base64url.
    #[error("the token is not a JWS in compact form")]
    Malformed,
}

impl IdToken {
    /// Takes a text of at most `bytes_max` bytes that has the form of a compact JWS: three
    /// non-empty parts of `A-Z a-z 0-9 - _` (RFC 8725bis: the form is checked before any decoding).
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, IdTokenError> {
        if text.len() > bytes_max {
            return Err(IdTokenError::TooLarge);
        }
        Self::unseen(text, Fingerprint::of(text))
    }

    /// The same, of a text whose size and fingerprint are known.
    pub(crate) fn unseen(text: &str, fingerprint: Fingerprint) -> Result<Self, IdTokenError> {
        let token = Self::unchecked(text, fingerprint).ok_or(IdTokenError::Malformed)?;
        let parts = [token.header(), token.payload(), Some(token.signature())];
        // A fourth part would have a dot before it, which is no base64url either.
        let is_well_formed = |part: Option<&str>| part.is_some_and(is_base64url);
        if !parts.into_iter().all(is_well_formed) {
            return Err(IdTokenError::Malformed);
        }
        Ok(token)
    }

    /// A text of which only the dots are looked for. It is to have the fingerprint of an earlier token,
    /// so that its form need not be checked.
    pub(crate) fn unchecked(text: &str, fingerprint: Fingerprint) -> Option<Self> {
        let (first, last) = (memchr(b'.', text.as_bytes())?, memrchr(b'.', text.as_bytes())?);
        let (payload, signature) = (first + 1, last + 1);
        Some(Self { text: Arc::new(Secret::new(text)), payload, signature, fingerprint })
    }

    /// SHA-256 of the whole token: names it in caches and logs without holding it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The token itself, for the exchange call.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    pub(super) fn header_json(&self) -> Option<Vec<u8>> {
        decode(self.header()?)
    }

    pub(super) fn payload_json(&self) -> Option<Vec<u8>> {
        decode(self.payload()?)
    }

    /// What the signature covers, and the signature in base64url.
    pub(super) fn signed(&self) -> Option<(&[u8], &str)> {
        let input = self.expose().get(..self.signature.checked_sub(1)?)?;
        Some((input.as_bytes(), self.signature()))
    }

    fn header(&self) -> Option<&str> {
        self.expose().get(..self.payload.checked_sub(1)?)
    }

    /// `None` if there is but one dot.
    fn payload(&self) -> Option<&str> {
        self.expose().get(self.payload..self.signature.checked_sub(1)?)
    }

    fn signature(&self) -> &str {
        self.expose().get(self.signature..).unwrap_or_default()
    }
}

/// Whether a part holds nothing but `A-Z a-z 0-9 - _`. No byte ends the search early: so the compiler
/// looks at many at once.
fn is_base64url(part: &str) -> bool {
    let is_one = |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !part.is_empty() && part.bytes().fold(true, |are_all, byte| are_all & is_one(byte))
}

/// Base64url without padding; unused bits must be zero (RFC 7515 2).
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// SHA-256 of an ID token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of any text: one that is no token has one too.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The first 8 hex digits: enough to follow a token through the log.
    pub fn short(&self) -> String {
        hex(self.0.first_chunk::<4>().map_or(&[], |four| four))
    }

    /// A fraction of one that is evenly spread over tokens: spreads renewals without a random
    /// source.
    pub fn spread(&self) -> f64 {
        f64::from(self.0.first().copied().unwrap_or_default()) / 256.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_non_empty_base64url_parts_are_a_token() {
        let rows = [
            ("a.b.c", true),
            ("eyJ-_0.A.z9", true),
            ("", false),
            ("a", false),
            ("a.b", false),
            ("a.b.c.d", false),
            ("a.b.c.d.e", false),
            ("..", false),
            (".b.c", false),
            ("a..c", false),
            ("a.b.", false),
            ("a.b.c.", false),
            (".a.b.c", false),
            ("a.b.c=", false),
            ("a.b+.c", false),
            ("a/.b.c", false),
            ("a.b .c", false),
            ("a.b\n.c", false),
            ("a%2Eb%2Ec", false),
            ("a.b.ç", false),
            ("{\"a\":\"x.y.z\"}", false),
        ];
        for (text, is_token) in rows {
            assert_eq!(IdToken::parse(text, 100).is_ok(), is_token, "{text:?}");
        }
        assert_eq!(IdToken::parse(&".".repeat(1000), 2000).err(), Some(IdTokenError::Malformed));
    }

    #[test]
    fn the_size_limit_holds_to_the_byte() {
        let text = format!("a.b.{}", "c".repeat(12));

        assert!(IdToken::parse(&text, 16).is_ok());
        assert_eq!(IdToken::parse(&text, 15).err(), Some(IdTokenError::TooLarge));
    }

    #[test]
    fn unused_bits_and_padding_are_refused() {
        assert_eq!(decode("QQ").as_deref(), Some(&b"A"[..]));
        assert_eq!(decode("QR"), None, "the last four bits of R are not zero");
        assert_eq!(decode("QQ=="), None);
    }

    #[test]
    fn debug_output_does_not_hold_the_token() {
        let token = IdToken::parse("canary.canary.canary", 100).unwrap();

        assert!(!format!("{token:?} {:?}", token.fingerprint()).contains("canary"));
    }
}
