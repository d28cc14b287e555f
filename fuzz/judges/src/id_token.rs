//! Credentials that may be ID tokens.

use octobroker::identity::{IdToken, KeySet};
use octobroker::limits;

/// RFC 7517 A.1: whoever has the private half has not signed this.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// A token is three parts of base64url within the limit, and nothing else is; nobody forges one.
pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let token = IdToken::parse(text, limits::OWN_TOKEN_BYTES);
    assert_eq!(token.is_ok(), has_form(text), "{text:?}");
    let Ok(token) = token else { return };
    assert_eq!(token.expose(), text);
    let shown = format!("{token:?}");
    assert!(text.len() < 12 || !shown.contains(text), "Debug shows the token");
    assert_eq!(token.fingerprint().short().len(), 8);
    let keys = KeySet::parse(KEYS.as_bytes()).expect("a key set");
    assert!(keys.verifies(&token).is_err(), "forged: {text}");
}

fn has_form(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_part = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_'))
    };
    text.len() <= limits::OWN_TOKEN_BYTES && parts.len() == 3 && parts.iter().all(is_part)
}
