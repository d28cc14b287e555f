//! Which condition says more: whether all that one lets through, another lets through as well.
//!
//! The answers are sound, not complete: `true` is proven, `false` may mean that nothing was
//! found. They warn about rules that can never be reached; nobody is let in by them.

use super::condition::{Condition, Test};
use super::glob::Glob;
use super::rule::Rule;

impl<G> Rule<G> {
    /// Whether every token that satisfies `other` satisfies this rule: each condition here is
    /// implied by one there. Issuer, audience and service account are not looked at.
    pub fn covers<H>(&self, other: &Rule<H>) -> bool {
        let is_implied =
            |wanted: &Condition| other.conditions.iter().any(|condition| condition.implies(wanted));
        self.conditions.iter().all(is_implied)
    }
}

impl Condition {
    /// Whether `other` holds wherever this holds.
    pub fn implies(&self, other: &Self) -> bool {
        if let (Test::SameAs(one), Test::SameAs(two)) = (&self.test, &other.test) {
            let is_same = self.claim == other.claim && one == two;
            // What is the same one way is the same the other way.
            return is_same || (self.claim == *two && *one == other.claim);
        }
        self.claim == other.claim && self.test.implies(&other.test)
    }
}

impl Test {
    fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (one, other) if one == other => true,
            (Self::Exact(text), _) => other.accepts(text),
            (Self::OneOf(texts), _) => texts.iter().all(|text| other.accepts(text)),
            (Self::AbsentOr(one), Self::AbsentOr(other))
            | (Self::AnyCase { lower: one, .. }, Self::AnyCase { lower: other, .. }) => {
                one.implies(other)
            }
            (one, Self::AbsentOr(other)) => *one == Self::Absent || one.implies(other),
            (
                Self::PartOfSubject { key, test },
                Self::PartOfSubject { key: other, test: wanted },
            ) => key == other && test.implies(wanted),
            (Self::Glob(globs), _) => globs.iter().all(|glob| other.accepts_all_of(glob)),
            (Self::NotOneOf(more), Self::NotOneOf(fewer))
            | (Self::NotStartingWith(more), Self::NotStartingWith(fewer))
            | (Self::Contains(more), Self::Contains(fewer)) => {
                fewer.iter().all(|text| more.contains(text))
            }
            _ => false,
        }
    }

    /// Whether every text that a pattern matches passes by itself.
    fn accepts_all_of(&self, glob: &Glob) -> bool {
        match self {
            Self::Glob(wider) => wider.iter().any(|wider| wider.covers(glob)),
            Self::NotOneOf(unwanted) => !unwanted.iter().any(|text| glob.matches(text)),
            Self::NotStartingWith(starts) => {
                let beginning: String = glob.beginning().into_iter().collect();
                let may_start = |start: &String| {
                    beginning.starts_with(start.as_str()) || start.starts_with(&beginning)
                };
                !starts.iter().any(may_start)
            }
            // No pattern matches nothing.
            Self::Present => true,
            Self::AbsentOr(test) => test.accepts_all_of(glob),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ClaimAddress;

    fn condition(claim: &str, test: Test) -> Condition {
        Condition { claim: ClaimAddress::parse(claim).unwrap(), test }
    }

    fn exact(text: &str) -> Test {
        Test::Exact(text.to_owned())
    }

    fn texts(texts: &str) -> Vec<String> {
        texts.split(' ').map(str::to_owned).collect()
    }

    fn globs(patterns: &str) -> Test {
        Test::Glob(patterns.split(' ').map(|text| Glob::new(text, "/").unwrap()).collect())
    }

    fn same_as(claim: &str) -> Test {
        Test::SameAs(ClaimAddress::parse(claim).unwrap())
    }

    #[test]
    fn what_lets_less_through_implies_what_lets_more_through() {
        let one_of = |words: &str| Test::OneOf(texts(words));
        let none_of = |words: &str| Test::NotOneOf(texts(words));
        let contains = |words: &str| Test::Contains(texts(words));
        let none_starting = |words: &str| Test::NotStartingWith(texts(words));
        let maybe = |test: Test| Test::AbsentOr(Box::new(test));
        let any_case =
            |test: Test| Test::AnyCase { lower: Box::new(test.clone()), spelled: Box::new(test) };
        let rows = [
            (exact("a"), exact("a"), true),
            (exact("a"), exact("b"), false),
            (exact("a"), one_of("a b"), true),
            (exact("c"), one_of("a b"), false),
            (exact("ab"), globs("x* a*"), true),
            (exact("a/b"), globs("a*"), false),
            (exact("a"), none_of("b c"), true),
            (exact("b"), none_of("b c"), false),
            (exact("a"), contains("a"), false),
            (exact("a"), Test::Absent, false),
            (exact("a"), same_as("b"), false),
            (one_of("a b"), one_of("c b a"), true),
            (one_of("a b"), one_of("a c"), false),
            (one_of("a a"), exact("a"), true),
            (one_of("a b"), exact("a"), false),
            (one_of("ab ac"), globs("a*"), true),
            (one_of("ab x"), globs("a*"), false),
            (globs("ab*"), globs("a*"), true),
            (globs("a*"), globs("ab*"), false),
            (globs("ab* ac*"), globs("x a*"), true),
            (globs("ab* x*"), globs("a*"), false),
            (globs("a*"), exact("ab"), false),
            (globs("a*"), none_of("b c"), true),
            (globs("a*"), none_of("b ac"), false),
            (none_of("a b"), none_of("a"), true),
            (none_of("a"), none_of("a b"), false),
            (none_of("a"), exact("b"), false),
            (contains("a b"), contains("b"), true),
            (contains("b"), contains("a b"), false),
            (Test::Absent, Test::Absent, true),
            (Test::Absent, none_of("a"), false),
            (same_as("b"), same_as("b"), true),
            (same_as("b"), same_as("c"), false),
            (exact("a"), Test::Present, true),
            (exact(""), Test::Present, false),
            (globs("a*"), Test::Present, true),
            (exact("a"), maybe(one_of("a b")), true),
            (Test::Absent, maybe(exact("a")), true),
            (maybe(exact("a")), maybe(one_of("a b")), true),
            (maybe(exact("a")), exact("a"), false),
            (any_case(exact("a")), any_case(one_of("a b")), true),
            (any_case(exact("a")), exact("a"), false),
            (exact("A"), any_case(exact("a")), true),
            (globs("refs/heads/*"), none_starting("refs/pull/"), true),
            (globs("refs/*"), none_starting("refs/pull/"), false),
            (globs("refs/pull/1/*"), none_starting("refs/pull/"), false),
            (none_starting("a b"), none_starting("a"), true),
        ];
        for (narrow, wide, expected) in rows {
            let shown = format!("{narrow} implies {wide}");
            let (narrow, wide) = (condition("x", narrow), condition("x", wide));
            assert_eq!(narrow.implies(&wide), expected, "{shown}");
        }
    }

    #[test]
    fn only_the_same_claim_counts_and_sameness_goes_both_ways() {
        assert!(!condition("x", exact("a")).implies(&condition("y", exact("a"))));
        assert!(condition("x", same_as("y")).implies(&condition("y", same_as("x"))));
    }
}
