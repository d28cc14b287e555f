//! Conditions on claims.

use std::fmt;

use super::glob::Glob;
use crate::identity::{ClaimAddress, Json};

/// A claim, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Where the claim stands.
    pub claim: ClaimAddress,
    /// What it must be.
    pub test: Test,
}

/// What a claim must be. Strings, whole numbers and booleans compare by their canonical text,
/// byte for byte; numbers with a fraction, `null`, arrays and objects equal nothing. A claim that
/// is missing fails every test but [`Test::Absent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// This very text.
    Exact(String),
    /// One of these texts.
    OneOf(Vec<String>),
    /// None of these texts. Not positive: it says who may not.
    NotOneOf(Vec<String>),
    /// One of these patterns matches.
    Glob(Vec<Glob>),
    /// An array that holds every one of these texts.
    Contains(Vec<String>),
    /// The same text as another claim.
    SameAs(ClaimAddress),
    /// Not there. Not positive.
    Absent,
}

impl Condition {
    /// Whether it holds for the claims that `claim` finds.
    pub fn holds<'a>(&self, claim: impl Fn(&ClaimAddress) -> Option<&'a Json>) -> bool {
        let value = claim(&self.claim);
        if let Test::Absent = self.test {
            return value.is_none();
        }
        let Some(value) = value else {
            return false;
        };
        if let Test::Contains(wanted) = &self.test {
            return contains_all(value, wanted);
        }
        let Some(text) = value.canonical() else {
            return false;
        };
        match &self.test {
            Test::Exact(wanted) => *wanted == text,
            Test::OneOf(wanted) => wanted.iter().any(|wanted| *wanted == text),
            Test::NotOneOf(unwanted) => unwanted.iter().all(|unwanted| *unwanted != text),
            Test::Glob(globs) => globs.iter().any(|glob| glob.matches(&text)),
            Test::SameAs(other) => {
                claim(other).and_then(Json::canonical).is_some_and(|other| other == text)
            }
            Test::Contains(_) | Test::Absent => false,
        }
    }

    /// True if it says who may, not only who may not.
    pub const fn is_positive(&self) -> bool {
        !matches!(self.test, Test::NotOneOf(_) | Test::Absent)
    }
}

fn contains_all(value: &Json, wanted: &[String]) -> bool {
    let Json::Array(items) = value else {
        return false;
    };
    let holds = |wanted: &String| {
        items.iter().any(|item| item.canonical().is_some_and(|text| *wanted == text))
    };
    wanted.iter().all(holds)
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(wanted) => write!(formatter, "{wanted:?}"),
            Self::OneOf(wanted) => write!(formatter, "one of {wanted:?}"),
            Self::NotOneOf(unwanted) => write!(formatter, "none of {unwanted:?}"),
            Self::Glob(globs) => {
                let patterns: Vec<&str> = globs.iter().map(Glob::as_str).collect();
                write!(formatter, "a match of {patterns:?}")
            }
            Self::Contains(wanted) => write!(formatter, "an array with {wanted:?}"),
            Self::SameAs(other) => write!(formatter, "the same as {other}"),
            Self::Absent => formatter.write_str("absent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ClaimAddress;

    fn holds(test: Test, value: Option<&str>) -> bool {
        let value = value.map(|json| Json::parse(json.as_bytes()).unwrap());
        let other = Json::String("acme".to_owned());
        let claim = ClaimAddress::parse("claim").unwrap();
        let condition = Condition { claim: claim.clone(), test };
        condition.holds(|address| if *address == claim { value.as_ref() } else { Some(&other) })
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn exact_means_byte_for_byte() {
        let rows = [
            (r#""acme/web""#, true),
            (r#""acme\/web""#, true),
            (r#""Acme/web""#, false),
            (r#""acme/web ""#, false),
            (r#"" acme/web""#, false),
            (r#""acme/web2""#, false),
            (r#""acme%2Fweb""#, false),
            ("\"acme/we\u{200b}b\"", false),
            ("\"acme\u{2215}web\"", false),
            (r#"["acme/web"]"#, false),
            (r#"{"acme/web":1}"#, false),
            ("null", false),
        ];
        for (value, expected) in rows {
            let outcome = holds(Test::Exact("acme/web".to_owned()), Some(value));
            assert_eq!(outcome, expected, "{value}");
        }
        assert!(!holds(Test::Exact("acme/web".to_owned()), None));
    }

    #[test]
    fn numbers_and_booleans_compare_by_canonical_text() {
        let rows = [
            ("812345678", "812345678", true),
            ("812345678", "\"812345678\"", true),
            ("812345678", "812345678.0", false),
            ("812345678", "8.12345678e8", false),
            ("007", "7", false),
            ("true", "true", true),
            ("true", "\"true\"", true),
            ("true", "\"True\"", false),
            ("null", "null", false),
            ("", "\"\"", true),
        ];
        for (wanted, value, expected) in rows {
            let outcome = holds(Test::Exact(wanted.to_owned()), Some(value));
            assert_eq!(outcome, expected, "{wanted:?} {value}");
        }
    }

    #[test]
    fn every_operator_fails_closed() {
        let glob = || Test::Glob(vec![Glob::new("ac*", "/").unwrap()]);
        let rows = [
            (Test::OneOf(texts(&["push", "tag"])), Some("\"tag\""), true),
            (Test::OneOf(texts(&["push", "tag"])), Some("\"pull_request\""), false),
            (Test::OneOf(Vec::new()), Some("\"tag\""), false),
            (Test::OneOf(texts(&["push"])), Some("[\"push\"]"), false),
            (Test::NotOneOf(texts(&["fork"])), Some("\"main\""), true),
            (Test::NotOneOf(texts(&["fork"])), Some("\"fork\""), false),
            (Test::NotOneOf(texts(&["fork"])), Some("[\"main\"]"), false),
            (Test::NotOneOf(texts(&["fork"])), None, false),
            (glob(), Some("\"acme\""), true),
            (glob(), Some("\"ac\""), false),
            (glob(), Some("[\"acme\"]"), false),
            (glob(), None, false),
            (Test::Contains(texts(&["a"])), Some("[\"b\",\"a\"]"), true),
            (Test::Contains(texts(&["a", "b"])), Some("[\"a\"]"), false),
            (Test::Contains(texts(&["1"])), Some("[1]"), true),
            (Test::Contains(texts(&["a"])), Some("\"a\""), false),
            (Test::Contains(texts(&["a"])), Some("[[\"a\"]]"), false),
            (Test::SameAs(ClaimAddress::parse("other").unwrap()), Some("\"acme\""), true),
            (Test::SameAs(ClaimAddress::parse("other").unwrap()), Some("\"evil\""), false),
            (Test::SameAs(ClaimAddress::parse("other").unwrap()), None, false),
            (Test::Absent, None, true),
            (Test::Absent, Some("\"\""), false),
            (Test::Absent, Some("null"), false),
        ];
        for (test, value, expected) in rows {
            let shown = format!("{test} {value:?}");
            assert_eq!(holds(test, value), expected, "{shown}");
        }
    }

    #[test]
    fn a_pattern_in_the_token_is_data() {
        assert!(!holds(Test::Exact("acme".to_owned()), Some("\"*\"")));
        assert!(!holds(Test::Glob(vec![Glob::new("ac?e", "/").unwrap()]), Some("\".*\"")));
    }
}
