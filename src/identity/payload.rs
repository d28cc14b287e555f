//! The payload of a token that nobody has verified.

use std::borrow::Cow;

use serde::Deserialize;

use super::json::Json;

/// A payload. It is read once: what it claims is looked at to choose the keys, and believed when the
/// signature holds.
#[derive(Debug)]
pub(super) enum Payload {
    Read(Json),
    /// It is not strict JSON.
    Unread(Vec<u8>),
}

impl Payload {
    /// Reads what was decoded.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        match Json::parse(&bytes) {
            Ok(json) => Self::Read(json),
            Err(_) => Self::Unread(bytes),
        }
    }

    /// What it holds; `null`, which is no set of claims either, if that is not strict JSON.
    pub(super) fn into_json(self) -> Json {
        if let Self::Read(json) = self { json } else { Json::Null }
    }

    /// The payload, if it is strict JSON, for who looks at it.
    pub(super) fn json(&self) -> Option<&Json> {
        if let Self::Read(json) = self { Some(json) } else { None }
    }

    /// `iss`, only to choose the issuer whose keys may verify it. `None` if there is no such string,
    /// or if two of them could be meant. A fault elsewhere in the payload is not looked at yet: a
    /// wrong signature is said first.
    pub(super) fn unverified_issuer(&self) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct Peek<'a> {
            #[serde(borrow)]
            iss: Cow<'a, str>,
        }
        self.member("iss", |bytes| serde_json::from_slice(bytes).ok().map(|it: Peek<'_>| it.iss))
    }

    /// The same of `sub`, whose trust domain chooses the keys.
    pub(super) fn unverified_subject(&self) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct Peek<'a> {
            #[serde(borrow)]
            sub: Cow<'a, str>,
        }
        self.member("sub", |bytes| serde_json::from_slice(bytes).ok().map(|it: Peek<'_>| it.sub))
    }

    fn member<'a>(
        &'a self,
        name: &str,
        peek: impl FnOnce(&'a [u8]) -> Option<Cow<'a, str>>,
    ) -> Option<Cow<'a, str>> {
        match self {
            Self::Read(Json::Object(members)) => {
                members.get(name).and_then(Json::as_str).map(Into::into)
            }
            Self::Read(_) => None,
            Self::Unread(bytes) => peek(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_issuer_is_seen_or_none() {
        let rows = [
            (r#"{"iss":"i","x":1}"#, Some("i")),
            (r#"{"iss":"\u0069"}"#, Some("i")),
            // Not strict, which is a fault of the claims: that is said of a token that is genuine.
            (r#"{"iss":"i","x":1,"x":2}"#, Some("i")),
            (r#"{"\u0069ss":"i","x":1,"x":2}"#, Some("i")),
            (r#"{"iss":"i","iss":"j"}"#, None),
            (r#"{"iss":"i","\u0069ss":"i"}"#, None),
            (r#"{"iss":["i"]}"#, None),
            (r#"{"iss":"i"} {}"#, None),
            (r#"["i"]"#, None),
            (r#""i""#, None),
            ("{}", None),
            ("", None),
        ];
        for (payload, issuer) in rows {
            let payload = Payload::of(payload.into());
            assert_eq!(payload.unverified_issuer().as_deref(), issuer, "{payload:?}");
        }
    }
}
