//! An issuer that the operator trusts, and where its keys are.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::algorithm::Algorithm;
use crate::http_client::TlsRoots;

/// A trusted signer of ID tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The operator's name for it: a label in logs and metrics.
    pub name: String,
    /// What the operator calls its provider: the name of a preset.
    pub provider: &'static str,
    /// The `iss` of its tokens, compared byte for byte; of SPIFFE `spiffe://` and the trust domain.
    pub url: String,
    /// How its tokens are read, and which of them are its own.
    pub kind: TokenKind,
    /// The algorithms that it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub key_source: KeySource,
    /// Roots for reading its documents.
    pub tls_roots: TlsRoots,
    /// A file with a bearer token for reading its documents, read anew each time.
    pub jwks_token: Option<PathBuf>,
    /// Longest accepted `exp - iat`.
    pub max_token_lifetime: Duration,
    /// Longest accepted `now - iat`, if limited.
    pub max_token_age: Option<Duration>,
    /// Whether a token may name audiences beside ours.
    pub extra_audiences: bool,
    /// How often each of its tokens serves.
    pub replay: Replay,
}

impl Issuer {
    /// True if keys that were fetched for the one are those of the other. Only what says which
    /// tokens are believed may differ.
    pub(super) fn has_keys_of(&self, other: &Self) -> bool {
        let Self { max_token_lifetime, max_token_age, extra_audiences, replay, .. } = *self;
        let algorithms = self.algorithms.clone();
        let judged_alike = Self {
            algorithms,
            max_token_lifetime,
            max_token_age,
            extra_audiences,
            replay,
            ..other.clone()
        };
        *self == judged_alike
    }
}

/// How often a token serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Until it expires.
    Reuse,
    /// For one login or one request.
    Once,
}

/// What kind of token an issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An ID token: its `iss` says whose it is.
    IdToken,
    /// A JWT-SVID: the trust domain in its `sub` says whose it is, and `iss` says nothing.
    JwtSvid,
}

/// Where an issuer's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Its discovery document says (OpenID Connect Discovery 1.0 §4).
    Discovery {
        /// `{issuer}/.well-known/openid-configuration`
        document: Url,
        /// Whose document it has to be, byte for byte.
        issuer: String,
    },
    /// At a URL that the operator wrote down.
    Url(Url),
    /// In a file: pinned keys, no network.
    File(PathBuf),
}

#[cfg(test)]
impl Issuer {
    /// `https://ci.example` with RS256 and no key file to speak of.
    pub(crate) fn for_tests() -> Self {
        Self {
            name: "ci".to_owned(),
            provider: "custom",
            url: "https://ci.example".to_owned(),
            kind: TokenKind::IdToken,
            algorithms: vec![Algorithm::Rs256],
            key_source: KeySource::File(PathBuf::new()),
            tls_roots: TlsRoots::system(),
            jwks_token: None,
            max_token_lifetime: Duration::from_secs(3600),
            max_token_age: None,
            extra_audiences: false,
            replay: Replay::Reuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_another_issuer_s_when_they_come_from_elsewhere() {
        let issuer = Issuer::for_tests();
        let source = KeySource::File(PathBuf::from("other.json"));
        let rows = [
            (Issuer { algorithms: vec![Algorithm::Es256], ..issuer.clone() }, true),
            (Issuer { max_token_lifetime: Duration::from_secs(1), ..issuer.clone() }, true),
            (Issuer { max_token_age: Some(Duration::from_secs(1)), ..issuer.clone() }, true),
            (Issuer { extra_audiences: true, ..issuer.clone() }, true),
            (Issuer { replay: Replay::Once, ..issuer.clone() }, true),
            (Issuer { name: "other".to_owned(), ..issuer.clone() }, false),
            (Issuer { url: "https://other.example".to_owned(), ..issuer.clone() }, false),
            (Issuer { key_source: source, ..issuer.clone() }, false),
        ];
        for (other, has_keys) in rows {
            assert_eq!(other.has_keys_of(&issuer), has_keys, "{other:?}");
            assert_ne!(other, issuer);
        }
    }
}
