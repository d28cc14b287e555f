//! What a provider's subjects look like, for whoever has a rule and no token yet.

use super::super::condition::{Condition, Test};

/// One form of `sub`: a run of parts.
#[derive(Debug, Clone, Copy)]
pub struct SubjectTemplate {
    /// In this order.
    pub parts: &'static [Part],
    /// Whose tokens have this form, as far as the rule and the issuer's URL tell.
    pub when: fn(&Asked<'_>) -> bool,
    /// The claims that say whose job it is: of one of these sets the rule must pin all. What an
    /// issuer of many customers signs would else let strangers in.
    pub names: &'static [&'static [&'static str]],
}

/// One part of a subject.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// As it stands here.
    Text(&'static str),
    /// The value of a claim.
    Claim(&'static str),
    /// The same, with colons as GitHub writes them in names of environments.
    Escaped(&'static str),
    /// The half of `OWNER/NAME` before the slash.
    Owner(&'static str),
    /// The half behind it.
    Name(&'static str),
    /// `branch` or `tag`, as a claim with a whole ref says.
    RefType(&'static str),
    /// The branch or the tag by its name, of a claim with a whole ref.
    RefName(&'static str),
    /// Anything.
    Any,
}

/// A rule, as far as the form of its subjects depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub(in crate::trust) conditions: &'a [Condition],
    pub(in crate::trust) issuer: &'a str,
}

impl Asked<'_> {
    /// Whether the rule says what a claim must be.
    pub(super) fn pins(&self, claim: &str) -> bool {
        self.tests(claim).any(|test| test.wildcards().is_some())
    }

    /// Whether the rule accepts one of these values of a claim, by name.
    pub(super) fn names_any(&self, claim: &str, values: &[&str]) -> bool {
        self.tests(claim).flat_map(Test::values).any(|value| values.contains(&value.as_str()))
    }

    /// Whether it accepts no others.
    pub(super) fn names_only(&self, claim: &str, values: &[&str]) -> bool {
        let mut named = self.tests(claim).flat_map(Test::values).peekable();
        named.peek().is_some() && named.all(|value| values.contains(&value.as_str()))
    }

    /// The `iss` of the tokens.
    pub(super) const fn issuer(&self) -> &str {
        self.issuer
    }

    fn tests(&self, claim: &str) -> impl Iterator<Item = &Test> {
        let of_claim = self.conditions.iter().filter(move |it| it.claim.to_string() == claim);
        of_claim.map(|condition| &condition.test)
    }
}

impl SubjectTemplate {
    /// The form of all tokens.
    pub(super) const fn of(
        parts: &'static [Part],
        names: &'static [&'static [&'static str]],
    ) -> Self {
        Self { parts, when: |_| true, names }
    }

    /// The same, of some tokens only.
    pub(super) const fn when(self, when: fn(&Asked<'_>) -> bool) -> Self {
        Self { when, ..self }
    }

    /// The form as text, with the claims in braces.
    pub fn form(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Any => "*".to_owned(),
            _ => format!("{{{}}}", part.claim().unwrap_or_default()),
        });
        parts.collect()
    }
}

impl Part {
    /// The claim that it shows.
    pub const fn claim(&self) -> Option<&'static str> {
        match self {
            Self::Text(_) | Self::Any => None,
            Self::Claim(claim)
            | Self::Escaped(claim)
            | Self::Owner(claim)
            | Self::Name(claim)
            | Self::RefType(claim)
            | Self::RefName(claim) => Some(claim),
        }
    }

    /// What stands in its place where the claim is this, or anything.
    pub fn written(&self, value: Option<&str>) -> String {
        const REFS: [(&str, &str); 2] = [("refs/heads/", "branch"), ("refs/tags/", "tag")];
        let of_ref = |value: &str| {
            let found = REFS.iter().find_map(|(prefix, kind)| {
                value.strip_prefix(prefix).map(|name| ((*kind).to_owned(), name.to_owned()))
            });
            found.unwrap_or_else(any_two)
        };
        let halves = |value: &str| {
            let split = value.split_once('/');
            split.map_or_else(any_two, |(one, other)| (one.to_owned(), other.to_owned()))
        };
        let Some(value) = value else {
            return if let Self::Text(text) = self { (*text).to_owned() } else { any() };
        };
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Any => any(),
            Self::Claim(_) => value.to_owned(),
            Self::Escaped(_) => value.replace(':', "%3A"),
            Self::Owner(_) => halves(value).0,
            Self::Name(_) => halves(value).1,
            Self::RefType(_) => of_ref(value).0,
            Self::RefName(_) => of_ref(value).1,
        }
    }
}

fn any() -> String {
    "*".to_owned()
}

fn any_two() -> (String, String) {
    (any(), any())
}
