//! What is known of a token that is believed.

use std::sync::Arc;

use super::claims::Registered;
use super::issuer::{Issuer, Replay};
use super::times::{self, Times};

/// A token whose form, algorithm, header, issuer, key, signature, times and audience were checked.
///
/// It lasts as long as it is remembered, and has what each request asks for. The other claims are
/// many times as large, and are read from the ID token when rules are to be tried.
#[derive(Debug)]
pub struct VerifiedToken {
    pub(super) issuer: Arc<Issuer>,
    pub(super) audience: Arc<str>,
    pub(super) times: Times,
    /// The key set that verified it.
    pub(super) key_generation: u64,
    /// `sub`, `jti`, and `iss` if it is not the issuer's URL: one after the other, for there are many
    /// tokens, and each request looks at most of this.
    text: Box<str>,
    /// How long the first two are.
    subject_bytes: usize,
    token_id_bytes: Option<usize>,
}

impl VerifiedToken {
    /// For the verifier, which has checked it all.
    pub(super) fn new(
        issuer: Arc<Issuer>,
        audience: Arc<str>,
        claims: &Registered,
        key_generation: u64,
    ) -> Self {
        let Registered { issuer: named, subject, times, token_id } = claims;
        let token_id = token_id.as_deref();
        let other_name = Some(&**named).filter(|named| *named != issuer.url);
        let text = [subject, token_id.unwrap_or_default(), other_name.unwrap_or_default()].concat();
        Self {
            issuer,
            audience,
            times: *times,
            key_generation,
            text: text.into(),
            subject_bytes: subject.len(),
            token_id_bytes: token_id.map(str::len),
        }
    }

    /// The operator's name of the issuer.
    pub fn issuer_name(&self) -> &str {
        &self.issuer.name
    }

    /// `iss`
    pub fn issuer(&self) -> &str {
        let start = self.subject_bytes + self.token_id_bytes.unwrap_or_default();
        let other_name = self.text.get(start..).filter(|name| !name.is_empty());
        other_name.unwrap_or(&self.issuer.url)
    }

    /// `sub`
    pub fn subject(&self) -> &str {
        self.text.get(..self.subject_bytes).unwrap_or_default()
    }

    /// The one audience of ours that the token names.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// `jti`, if there is one.
    pub fn token_id(&self) -> Option<&str> {
        self.text.get(self.subject_bytes..self.subject_bytes + self.token_id_bytes?)
    }

    /// How long its own texts are, together.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Which token it is, if each of its issuer's serves once.
    pub fn single_use(&self) -> Option<SingleUse<'_>> {
        let token_id = self.token_id().filter(|_| self.issuer.replay == Replay::Once)?;
        Some(SingleUse { issuer: &self.issuer.url, token_id, expires: self.times.expires })
    }

    /// True once `exp` is past, with the leeway: from then on it is not believed.
    pub fn has_ended_at(&self, unix_seconds: f64) -> bool {
        !times::is_before_end(&self.times, unix_seconds)
    }

    /// False once `exp` is past, without any leeway: Octopus need not forgive what we do.
    pub fn is_live_at(&self, unix_seconds: f64) -> bool {
        unix_seconds < self.times.expires
    }
}

/// What tells a token that serves once from every other.
#[derive(Debug, Clone, Copy)]
pub struct SingleUse<'a> {
    /// The issuer, as it is configured.
    pub issuer: &'a str,
    /// `jti`
    pub token_id: &'a str,
    /// `exp`, in seconds since 1970.
    pub expires: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_one_piece_is_told_apart() {
        let url = Issuer::for_tests().url;
        let names = [url.as_str(), "https://another.example"];
        for (name, id) in
            names.into_iter().flat_map(|name| [(name, None), (name, Some("")), (name, Some("7"))])
        {
            let times = Times { expires: 1.0, not_before: None, issued_at: None };
            let claims = Registered {
                issuer: name.into(),
                subject: "job".into(),
                times,
                token_id: id.map(str::to_owned),
            };

            let token = VerifiedToken::new(Arc::new(Issuer::for_tests()), "us".into(), &claims, 1);

            assert_eq!((token.issuer(), token.subject(), token.token_id()), (name, "job", id));
        }
    }
}
