//! The JOSE header: what it may say, and what is refused.

use super::algorithm::Algorithm;
use super::issuer::TokenKind;
use super::json::{Json, Members, Text};
use super::verifier::VerifyError;

/// A header of an accepted form. `jku`, `jwk`, `x5u` and `x5c` may stand in it and are never used:
/// a token does not say with which key it is to be verified (RFC 8725 3.10).
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Text>,
    members: Members,
}

impl Header {
    /// Reads the form and the algorithm. What else stands in it is judged by [`Header::check`],
    /// after the issuer's list of algorithms.
    pub(super) fn parse(json: &[u8]) -> Result<Self, VerifyError> {
        let Ok(Json::Object(members)) = Json::parse(json) else {
            return Err(VerifyError::Malformed);
        };
        let Some(Json::String(name)) = members.get("alg") else {
            return Err(VerifyError::Malformed);
        };
        let key_id = match members.get("kid") {
            None => None,
            Some(Json::String(id)) => Some(id.clone()),
            Some(_) => return Err(VerifyError::Malformed),
        };
        let algorithm = Algorithm::from_name(name).ok_or(VerifyError::Algorithm)?;
        Ok(Self { algorithm, key_id, members })
    }

    /// Refuses what would change the token's meaning, or makes it another kind of token.
    pub(super) fn check(&self, kind: TokenKind) -> Result<(), VerifyError> {
        let members = &self.members;
        let refused = |member| Err(VerifyError::Header { member });
        // RFC 7515 4.1.11: an extension that is not understood must be refused; none is.
        if members.contains("crit") {
            return refused("crit");
        }
        // RFC 7797: an unencoded payload. Without `crit` it is meant to be ignored, which is how
        // two readers come to see two payloads.
        if members.get("b64").is_some_and(|b64| *b64 != Json::Bool(true)) {
            return refused("b64");
        }
        // A nested, compressed or encrypted token is not an ID token.
        for member in ["cty", "zip", "enc"] {
            if members.contains(member) {
                return refused(member);
            }
        }
        // RFC 8725 3.11: another kind of token (`at+jwt`, `logout+jwt`) must not stand in for one.
        let typ_is_jwt = members.get("typ").is_none_or(|typ| {
            typ.as_str().is_some_and(|typ| match kind {
                TokenKind::IdToken => {
                    typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt")
                }
                // SPIFFE JWT-SVID 2.3: if there, one of these two.
                TokenKind::JwtSvid => typ == "JWT" || typ == "JOSE",
            })
        });
        if typ_is_jwt { Ok(()) } else { refused("typ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Code;

    #[test]
    fn hostile_headers_are_refused() {
        let rows = [
            (r#"{"alg":"RS256"}"#, None),
            (r#"{"alg":"RS256","typ":"jwt","kid":"a","x5t":"b"}"#, None),
            (r#"{"alg":"RS256","typ":"application/JWT"}"#, None),
            (r#"{"alg":"Ed25519","b64":true}"#, None),
            (r#"{"alg":"RS256","jwk":{},"jku":"http://x","x5u":"file:/etc/passwd"}"#, None),
            (r#"{"alg":"none"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"noNe"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":""}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"HS256"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"rs256"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"RS256 "}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"ES512"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"alg":"ES256K"}"#, Some(Code::AlgorithmRefused)),
            (r#"{"typ":"JWT"}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":null}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":["RS256"]}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":"RS256","alg":"RS256"}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":"RS256","kid":7}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":"RS256","kid":null}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":"none","kid":7}"#, Some(Code::TokenMalformed)),
            (r#"{"alg":"RS256","crit":["x"]}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","crit":[]}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","crit":null}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","b64":false}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","cty":"JWT"}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","zip":"DEF"}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","enc":"A128GCM"}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","typ":"dpop+jwt"}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","typ":1}"#, Some(Code::TokenHeaderRefused)),
            (r#"{"alg":"RS256","typ":null}"#, Some(Code::TokenHeaderRefused)),
            ("[]", Some(Code::TokenMalformed)),
            ("{}", Some(Code::TokenMalformed)),
            ("", Some(Code::TokenMalformed)),
            ("{\"alg\":\"RS256\"}x", Some(Code::TokenMalformed)),
        ];
        for (json, expected) in rows {
            let outcome =
                Header::parse(json.as_bytes()).and_then(|header| header.check(TokenKind::IdToken));
            assert_eq!(outcome.err().map(|error| error.code()), expected, "{json}");
        }
    }

    #[test]
    fn an_svid_may_say_jose() {
        let rows = [
            (r#"{"alg":"ES256"}"#, true, true),
            (r#"{"alg":"ES256","typ":"JWT"}"#, true, true),
            (r#"{"alg":"ES256","typ":"JOSE"}"#, true, false),
            (r#"{"alg":"ES256","typ":"at+jwt"}"#, false, false),
            (r#"{"alg":"ES256","typ":"jose"}"#, false, false),
            (r#"{"alg":"ES256","typ":null}"#, false, false),
        ];
        for (json, of_svid, of_id_token) in rows {
            let header = Header::parse(json.as_bytes()).unwrap();
            assert_eq!(header.check(TokenKind::JwtSvid).is_ok(), of_svid, "{json}");
            assert_eq!(header.check(TokenKind::IdToken).is_ok(), of_id_token, "{json}");
        }
    }
}
