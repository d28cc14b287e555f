//! The claims of our own token.

use super::IdToken;
use super::claims::{Claims, ClaimsError};

/// What a broker has to know of its own ID token.
#[derive(Debug)]
pub(crate) struct OwnClaims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: f64,
    pub(crate) issued_at: Option<f64>,
}

/// Reads the claims of our own token, strictly but without verifying it.
///
/// They are believed because we fetched the token ourselves from the platform that we run on, and
/// only to say what is wrong with it and when to renew it. Nobody is let in by them: Octopus judges
/// the token. Never call this with a token that somebody presented.
pub(crate) fn own_claims(token: &IdToken) -> Result<OwnClaims, ClaimsError> {
    let undecodable = ClaimsError { claim: "set", fault: "is not base64url" };
    let claims = Claims::parse(&token.payload_json().ok_or(undecodable)?)?;
    Ok(OwnClaims {
        issuer: claims.registered.issuer,
        subject: claims.registered.subject,
        audiences: claims.audience,
        expires: claims.registered.times.expires,
        issued_at: claims.registered.times.issued_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_without_a_signature_but_strictly() {
        // {"iss":"i","sub":"s","aud":["a","b"],"exp":10,"iat":5}
        let payload = "eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6WyJhIiwiYiJdLCJleHAiOjEwLCJpYXQiOjV9";
        let token = IdToken::parse(&format!("e30.{payload}.c2ln"), 1_000).unwrap();
        let claims = own_claims(&token).unwrap();
        assert_eq!((claims.issuer.as_str(), claims.subject.as_str()), ("i", "s"));
        assert_eq!(claims.audiences, ["a", "b"]);
        assert!((claims.expires - 10.0).abs() < 1e-9 && claims.issued_at.is_some());

        for payload in ["e30", "AA", "QR"] {
            let token = IdToken::parse(&format!("e30.{payload}.c2ln"), 1_000).unwrap();
            assert!(own_claims(&token).is_err(), "{payload}");
        }
    }
}
