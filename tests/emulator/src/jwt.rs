//! Compact JWS, exactly as the test says, well formed or not.
//!
//! Nothing here adds or checks a member: a test that wants `alg: none`, two `kid`s or broken JSON
//! gets just that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::keys::SigningKey;

/// A token with this header and these claims, signed by `key`.
pub fn encode(header: &Value, claims: &Value, key: &SigningKey) -> String {
    encode_raw(header.to_string().as_bytes(), claims.to_string().as_bytes(), key)
}

/// A token around any bytes, for malformed or ambiguous JSON.
pub fn encode_raw(header_json: &[u8], payload_json: &[u8], key: &SigningKey) -> String {
    let signing_input = format!("{}.{}", b64(header_json), b64(payload_json));
    let signature = b64(key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

/// Base64url without padding (RFC 7515, section 2).
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes behind [`b64`], or nothing when they are not in that form.
pub(crate) fn from_b64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A token taken apart, with nothing believed.
pub(crate) struct Parts<'a> {
    pub(crate) header: Value,
    pub(crate) payload: Value,
    pub(crate) signing_input: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a compact JWS apart; nothing when it is not one.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        let (signing_input, signature) = token.rsplit_once('.')?;
        let (header, payload) = signing_input.split_once('.')?;
        let json = |part| serde_json::from_slice(&from_b64(part)?).ok();
        Some(Self { header: json(header)?, payload: json(payload)?, signing_input, signature })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::Algorithm;

    #[test]
    fn adds_nothing_to_header_and_claims() {
        let key = SigningKey::shared(Algorithm::Es256);

        let token = encode(&json!({}), &json!({"a": 1}), &key);

        assert!(token.starts_with("e30.eyJhIjoxfQ."), "{token}");
    }

    #[test]
    fn wraps_any_bytes() {
        let key = SigningKey::shared(Algorithm::EdDsa);

        let token = encode_raw(b"{", b"\xff", &key);

        assert!(token.starts_with("ew._w."), "{token}");
        assert!(Parts::read(&token).is_none());
    }

    #[test]
    fn takes_a_token_apart() {
        let key = SigningKey::shared(Algorithm::Es256);
        let token = encode(&json!({"kid": "a"}), &json!({"sub": "b"}), &key);

        let parts = Parts::read(&token).unwrap();

        assert_eq!(parts.header["kid"], "a");
        assert_eq!(parts.payload["sub"], "b");
        assert!(Parts::read("only.two").is_none());
    }
}
