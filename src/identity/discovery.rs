//! The discovery document of an issuer: the only file that knows `openidconnect`.
//!
//! OpenID Connect Discovery 1.0 §3 makes members mandatory that a verifier of tokens has no use
//! for, and GitHub and Kubernetes leave some of them out. Those are filled in before the crate
//! reads the document, so that it still judges what matters: the issuer and the key set's URL.

use openidconnect::core::CoreProviderMetadata;
use serde_json::{Map, Value, json};
use url::Url;

use super::document::{DocumentFault, read_document, read_value};
use crate::http_client::is_loopback;
use crate::secret::without_tokens;

/// Why a discovery document gives no key set.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    #[error("the discovery document can't be read")]
    Unreadable {
        #[source]
        source: DocumentFault,
    },
    #[error("the discovery document is of the issuer {found:?}, not of {expected:?}")]
    Issuer { expected: String, found: String },
    #[error("the key set's URL must be https, without user and password")]
    KeySetUrl,
}

/// The key set's URL, and whether it is on the issuer's own host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeySetLocation {
    pub(super) url: Url,
    pub(super) is_on_issuer_host: bool,
}

/// Reads the document that `issuer` serves.
pub(super) fn key_set_location(
    document: &[u8],
    issuer: &str,
) -> Result<KeySetLocation, DiscoveryError> {
    let unreadable = |source| DiscoveryError::Unreadable { source };
    let mut members: Map<String, Value> = read_document(document).map_err(unreadable)?;
    // Discovery 4.3: the two MUST be identical; that is, as strings, not as URLs.
    let found = members.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if found != issuer {
        // An issuer may echo the credential that it wants from whoever reads its keys.
        let found = without_tokens(found, "").chars().take(200).collect();
        return Err(DiscoveryError::Issuer { expected: issuer.to_owned(), found });
    }
    for (member, unused) in [
        ("authorization_endpoint", json!(issuer)),
        ("response_types_supported", json!(["id_token"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["RS256"])),
    ] {
        members.entry(member).or_insert(unused);
    }
    let metadata: CoreProviderMetadata = read_value(Value::Object(members)).map_err(unreadable)?;
    let url = metadata.jwks_uri().url().clone();
    let issuer = metadata.issuer().url();
    let is_on_issuer_host =
        url.host() == issuer.host() || (is_loopback(issuer) && is_loopback(&url));
    let is_encrypted = url.scheme() == "https"
        || (url.scheme() == "http" && is_loopback(&url) && is_on_issuer_host);
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !is_encrypted || !is_plain {
        return Err(DiscoveryError::KeySetUrl);
    }
    Ok(KeySetLocation { url, is_on_issuer_host })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    fn located(document: &Value, issuer: &str) -> Result<KeySetLocation, String> {
        key_set_location(document.to_string().as_bytes(), issuer).map_err(|error| error.to_string())
    }

    #[test]
    fn a_document_without_authorization_endpoint_is_read() {
        let document = json!({
            "issuer": GITHUB,
            "jwks_uri": format!("{GITHUB}/.well-known/jwks"),
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256", "ML-DSA-44"],
            "claims_supported": ["sub", "aud"],
            "scopes_supported": ["openid"],
        });

        let location = located(&document, GITHUB).unwrap();

        assert_eq!(location.url.as_str(), format!("{GITHUB}/.well-known/jwks"));
        assert!(location.is_on_issuer_host);
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        for found in ["https://token.actions.githubusercontent.com/", "HTTPS://evil.example", ""] {
            let document = json!({ "issuer": found, "jwks_uri": "https://evil.example/keys" });
            assert!(located(&document, GITHUB).is_err(), "{found}");
        }
    }

    #[test]
    fn key_set_urls_are_https_or_loopback_of_a_loopback_issuer() {
        let local = "http://127.0.0.1:9001";
        let rows = [
            (GITHUB, "https://keys.example/jwks", Some(false)),
            (GITHUB, "http://token.actions.githubusercontent.com/jwks", None),
            (GITHUB, "http://127.0.0.1/jwks", None),
            (GITHUB, "file:///etc/passwd", None),
            (GITHUB, "https://user:secret@token.actions.githubusercontent.com/jwks", None),
            (GITHUB, "/jwks", None),
            (local, "http://127.0.0.1:9001/jwks", Some(true)),
            (local, "http://localhost:9001/jwks", Some(true)),
            (local, "http://10.0.0.1/jwks", None),
        ];
        for (issuer, jwks_uri, expected) in rows {
            let document = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
            let outcome = located(&document, issuer).ok().map(|found| found.is_on_issuer_host);
            assert_eq!(outcome, expected, "{issuer} {jwks_uri}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for document in ["", "[]", "{}", "<html>", "{\"issuer\":1}"] {
            assert!(key_set_location(document.as_bytes(), GITHUB).is_err(), "{document}");
        }
    }
}
