//! The claims of a token whose signature holds, read strictly (RFC 7519 4.1).

use std::fmt;

use super::json::{Json, Members};
use super::times::Times;
use crate::limits;

/// All claims; the registered ones with the types that RFC 7519 gives them.
///
/// They prove nothing: a claim set can be written by anybody. Proof is a
/// [`VerifiedToken`](super::VerifiedToken), which has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    pub(super) registered: Registered,
    pub(super) audience: Vec<String>,
    all: Members,
}

/// The registered claims but `aud` (RFC 7519 4.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registered {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) times: Times,
    pub(super) token_id: Option<String>,
}

/// Whether claims must say when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As every token must.
    Required,
    /// Claims that were written by hand need no `exp`, where times don't count.
    Optional,
}

/// A claim that is missing or has the wrong type. Names the claim, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the claim {claim} {fault}")]
pub struct ClaimsError {
    pub(super) claim: &'static str,
    pub(super) fault: &'static str,
}

impl ClaimsError {
    /// The claim that it is about.
    pub const fn claim(&self) -> &'static str {
        self.claim
    }
}

impl Claims {
    /// Reads a payload.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ClaimsError> {
        Self::of(Json::parse(payload).unwrap_or(Json::Null))
    }

    /// The claims of a payload that was read.
    pub fn of(payload: Json) -> Result<Self, ClaimsError> {
        Self::read(payload, None, End::Required)
    }

    /// Reads a payload that may lack `iss`, which then is this one, or `exp`. Nothing is added to
    /// the claims.
    pub(super) fn read(
        payload: Json,
        usual_issuer: Option<&str>,
        end: End,
    ) -> Result<Self, ClaimsError> {
        let Json::Object(all) = payload else {
            return Err(ClaimsError { claim: "set", fault: "is not one strict JSON object" });
        };
        let subject = required_text(&all, "sub")?;
        if subject.len() > limits::SUBJECT_BYTES {
            return Err(ClaimsError { claim: "sub", fault: "is too long" });
        }
        let issuer = match usual_issuer {
            Some(usual) if !all.contains("iss") => usual.to_owned(),
            _ => required_text(&all, "iss")?,
        };
        let audience = audience(&all)?;
        let expires = match (numeric_date(&all, "exp")?, end) {
            (Some(expires), _) => expires,
            // Nobody asks whether it is past.
            (None, End::Optional) => f64::INFINITY,
            (None, End::Required) => {
                return Err(ClaimsError { claim: "exp", fault: "is missing" });
            }
        };
        let registered = Registered {
            issuer,
            subject,
            times: Times {
                expires,
                not_before: numeric_date(&all, "nbf")?,
                issued_at: numeric_date(&all, "iat")?,
            },
            token_id: all.get("jti").and_then(Json::as_str).map(str::to_owned),
        };
        Ok(Self { registered, audience, all })
    }

    /// `iss`
    pub fn issuer(&self) -> &str {
        &self.registered.issuer
    }

    /// `sub`
    pub fn subject(&self) -> &str {
        &self.registered.subject
    }

    /// Every claim, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.all.iter()
    }

    /// The value at an address, if there is one.
    pub fn at(&self, address: &ClaimAddress) -> Option<&Json> {
        match address {
            ClaimAddress::Name(name) => self.all.get(name),
            ClaimAddress::Pointer { steps, .. } => {
                let (first, rest) = steps.split_first()?;
                rest.iter().try_fold(self.all.get(first)?, |value, step| match value {
                    Json::Object(members) => members.get(step),
                    Json::Array(items) => items.get(array_index(step)?),
                    _ => None,
                })
            }
        }
    }
}

fn required_text(all: &Members, claim: &'static str) -> Result<String, ClaimsError> {
    match all.get(claim) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text.as_str().to_owned()),
        Some(_) => Err(ClaimsError { claim, fault: "is not a non-empty string" }),
        None => Err(ClaimsError { claim, fault: "is missing" }),
    }
}

/// A string, or an array of strings; empty when missing, which no audience check accepts.
fn audience(all: &Members) -> Result<Vec<String>, ClaimsError> {
    let wrong = || ClaimsError { claim: "aud", fault: "is not a string or an array of strings" };
    match all.get("aud") {
        None => Ok(Vec::new()),
        Some(Json::String(audience)) => Ok(vec![audience.as_str().to_owned()]),
        Some(Json::Array(items)) => {
            items.iter().map(|item| Ok(item.as_str().ok_or_else(wrong)?.to_owned())).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Seconds since 1970, a fraction allowed: finite, not negative, exact in 53 bits.
fn numeric_date(all: &Members, claim: &'static str) -> Result<Option<f64>, ClaimsError> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are refused below")]
    let seconds = match all.get(claim) {
        None => return Ok(None),
        Some(Json::Integer(number)) => *number as f64,
        Some(Json::Float(number)) => *number,
        Some(_) => return Err(ClaimsError { claim, fault: "is not a number" }),
    };
    if (0.0..EXACT).contains(&seconds) {
        Ok(Some(seconds))
    } else {
        Err(ClaimsError { claim, fault: "is not a time" })
    }
}

/// Where a claim stands: a literal name at the top level, or, starting with `/`, a JSON Pointer
/// (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimAddress {
    /// A claim at the top level.
    Name(String),
    /// A value inside a claim.
    Pointer {
        /// As written.
        text: String,
        /// The members, unescaped; at least one.
        steps: Vec<String>,
    },
}

impl ClaimAddress {
    /// Reads an address; `None` if a pointer has a `~` that is not `~0` or `~1`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(pointer) = text.strip_prefix('/') else {
            return Some(Self::Name(text.to_owned()));
        };
        let steps = pointer.split('/').map(unescape).collect::<Option<Vec<_>>>()?;
        Some(Self::Pointer { text: text.to_owned(), steps })
    }
}

impl fmt::Display for ClaimAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Pointer { text, .. } => formatter.write_str(text),
        }
    }
}

/// RFC 6901 4: `~1` is `/`, `~0` is `~`.
fn unescape(step: &str) -> Option<String> {
    let mut text = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

/// RFC 6901 4: digits without a leading zero.
fn array_index(step: &str) -> Option<usize> {
    let is_plain = step == "0" || !step.starts_with(['0', '+']);
    if is_plain { step.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(payload: &str) -> Option<&'static str> {
        Claims::parse(payload.as_bytes()).err().map(|error| error.claim)
    }

    #[test]
    fn claims_of_the_wrong_type_are_refused() {
        let with = |more: &str| format!(r#"{{"iss":"i","sub":"s","aud":"a","exp":1{more}}}"#);
        let rows = [
            (with(""), None),
            (with(r#","nbf":1.5,"iat":0,"jti":7"#), None),
            (with(r#","nbf":"1""#), Some("nbf")),
            (with(r#","iat":null"#), Some("iat")),
            (with(r#","iat":-1"#), Some("iat")),
            (with(r#","exp":1"#), Some("set")),
            (r#"{"sub":"s","aud":"a","exp":1}"#.to_owned(), Some("iss")),
            (r#"{"iss":["i"],"sub":"s","aud":"a","exp":1}"#.to_owned(), Some("iss")),
            (r#"{"iss":"i","aud":"a","exp":1}"#.to_owned(), Some("sub")),
            (r#"{"iss":"i","sub":"","aud":"a","exp":1}"#.to_owned(), Some("sub")),
            (r#"{"iss":"i","sub":7,"aud":"a","exp":1}"#.to_owned(), Some("sub")),
            (format!(r#"{{"iss":"i","sub":"{}","exp":1}}"#, "s".repeat(1025)), Some("sub")),
            (r#"{"iss":"i","sub":"s","aud":7,"exp":1}"#.to_owned(), Some("aud")),
            (r#"{"iss":"i","sub":"s","aud":["a",7],"exp":1}"#.to_owned(), Some("aud")),
            (r#"{"iss":"i","sub":"s","aud":[["a"]],"exp":1}"#.to_owned(), Some("aud")),
            (r#"{"iss":"i","sub":"s","aud":"a"}"#.to_owned(), Some("exp")),
            (r#"{"iss":"i","sub":"s","aud":"a","exp":"1"}"#.to_owned(), Some("exp")),
            (r#"{"iss":"i","sub":"s","aud":"a","exp":-1}"#.to_owned(), Some("exp")),
            (r#"{"iss":"i","sub":"s","aud":"a","exp":9007199254740993}"#.to_owned(), Some("exp")),
            (r#"{"iss":"i","sub":"s","aud":"a","exp":1e400}"#.to_owned(), Some("set")),
            ("[]".to_owned(), Some("set")),
        ];
        for (payload, expected) in rows {
            assert_eq!(fault(&payload), expected, "{payload:.80}");
        }
    }

    #[test]
    fn an_address_finds_its_claim_and_nothing_else() {
        let payload = br#"{"iss":"i","sub":"s","exp":1,"a/b":"slash","~":"tilde",
            "o":{"x":{"y":"deep"}},"l":["zero","one"]}"#;
        let claims = Claims::parse(payload).unwrap();
        let rows = [
            ("a/b", Some("slash")),
            ("/a~1b", Some("slash")),
            ("/~0", Some("tilde")),
            ("/o/x/y", Some("deep")),
            ("/l/1", Some("one")),
            ("/l/01", None),
            ("/l/+1", None),
            ("/l/2", None),
            ("/o/x/z", None),
            ("/o/x/y/z", None),
            ("o.x.y", None),
            ("/", None),
        ];
        for (address, expected) in rows {
            let address = ClaimAddress::parse(address).unwrap();
            assert_eq!(claims.at(&address).and_then(Json::as_str), expected, "{address}");
        }
        assert_eq!(ClaimAddress::parse("/a~2"), None);
        assert_eq!(ClaimAddress::parse("/a~"), None);
    }
}
