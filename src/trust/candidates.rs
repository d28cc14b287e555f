//! The rules of one issuer and audience, sorted so that a token meets few of them.
//!
//! A broker for many has hundreds of rules that each name one repository, project or namespace. The
//! claim that tells the most of them apart is looked up once for a token; the rules that name another
//! value of it cannot match, and are not tried. Nothing here decides: what is left is judged in full,
//! in the order of the file.

use std::collections::{HashMap, HashSet};

use super::{Condition, Rule, Test};
use crate::identity::{ClaimAddress, Json};

/// Positions of rules, ascending.
#[derive(Debug)]
pub(super) struct Candidates {
    all: Vec<usize>,
    sorted: Option<Sorted>,
}

/// The same positions by what the rules want of one claim.
#[derive(Debug)]
struct Sorted {
    claim: ClaimAddress,
    by_value: HashMap<String, Vec<usize>>,
    /// The rules that do not name the values that they accept of the claim.
    others: Vec<usize>,
}

impl Candidates {
    /// Of all rules those at these positions, which ascend.
    pub(super) fn of<G>(positions: Vec<usize>, rules: &[Rule<G>]) -> Self {
        let sorted = Self::telling(&positions, rules).map(|claim| {
            let mut by_value: HashMap<String, Vec<usize>> = HashMap::new();
            let mut others = Vec::new();
            for at in &positions {
                let named = rules.get(*at).and_then(|rule| values(rule, &claim));
                let Some(named) = named else {
                    others.push(*at);
                    continue;
                };
                // A value that stands twice in a list must not make the rule stand twice.
                for value in named.iter().collect::<HashSet<_>>() {
                    by_value.entry(value.clone()).or_default().push(*at);
                }
            }
            Sorted { claim: claim.clone(), by_value, others }
        });
        Self { all: positions, sorted }
    }

    /// The claim of which the rules name the most different values; `None` if no claim has two.
    fn telling<G>(positions: &[usize], rules: &[Rule<G>]) -> Option<ClaimAddress> {
        let mut named: HashMap<String, (&ClaimAddress, HashSet<&str>)> = HashMap::new();
        let of_group = positions.iter().filter_map(|at| rules.get(*at));
        for condition in of_group.flat_map(|rule| &rule.conditions) {
            for value in texts(condition).into_iter().flatten() {
                let address = condition.claim.to_string();
                let (_, seen) =
                    named.entry(address).or_insert_with(|| (&condition.claim, HashSet::new()));
                seen.insert(value.as_str());
            }
        }
        let most = named.into_iter().max_by(|(one, (_, few)), (other, (_, many))| {
            few.len().cmp(&many.len()).then_with(|| other.cmp(one))
        });
        most.filter(|(_, (_, values))| values.len() > 1).map(|(_, (claim, _))| claim.clone())
    }

    /// Every position.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.all.iter().copied()
    }

    /// The positions of the rules that can match, in order.
    pub(super) fn promising<'a>(
        &self,
        claim: impl Fn(&ClaimAddress) -> Option<&'a Json>,
    ) -> impl Iterator<Item = usize> {
        let (mut named, mut others) = match &self.sorted {
            None => (&[][..], self.all.as_slice()),
            Some(sorted) => {
                let text = claim(&sorted.claim).and_then(Json::canonical);
                let named = text.and_then(|text| sorted.by_value.get(text.as_ref()));
                (named.map(Vec::as_slice).unwrap_or_default(), sorted.others.as_slice())
            }
        };
        std::iter::from_fn(move || {
            let next = match (named.first(), others.first()) {
                (Some(one), Some(other)) if one < other => &mut named,
                (Some(_), None) => &mut named,
                _ => &mut others,
            };
            let (first, rest) = next.split_first()?;
            *next = rest;
            Some(*first)
        })
    }
}

/// The only texts of a claim with which a rule can match, if it names them.
fn values<'a, G>(rule: &'a Rule<G>, claim: &ClaimAddress) -> Option<&'a [String]> {
    rule.conditions.iter().filter(|condition| condition.claim == *claim).find_map(texts)
}

/// The texts that a condition names byte for byte, if it accepts no other and no absence.
fn texts(condition: &Condition) -> Option<&[String]> {
    match &condition.test {
        Test::Exact(wanted) => Some(std::slice::from_ref(wanted)),
        Test::OneOf(wanted) => Some(wanted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trust::Glob;

    fn rule(conditions: Vec<(&str, Test)>) -> Rule<()> {
        let condition =
            |(claim, test)| Condition { claim: ClaimAddress::parse(claim).unwrap(), test };
        Rule {
            name: "rule".to_owned(),
            issuer: "ci".to_owned(),
            service_account: "bot".to_owned(),
            audience: "octobroker".to_owned(),
            conditions: conditions.into_iter().map(condition).collect(),
            grant: (),
        }
    }

    fn exact(text: &str) -> Test {
        Test::Exact(text.to_owned())
    }

    fn promising(rules: &[Rule<()>], claims: &[(&str, Json)]) -> Vec<usize> {
        let claim = |address: &ClaimAddress| {
            let mut claims = claims.iter();
            claims.find(|(name, _)| *name == address.to_string()).map(|(_, value)| value)
        };
        let candidates = Candidates::of((0..rules.len()).collect(), rules);
        let promising = candidates.promising(claim).collect::<Vec<_>>();
        for (at, rule) in rules.iter().enumerate() {
            assert!(promising.contains(&at) || !rule.holds(claim), "{at} could match");
        }
        promising
    }

    fn text(text: &str) -> Json {
        Json::String(text.into())
    }

    #[test]
    fn a_token_meets_the_rules_of_its_value_and_those_that_name_none() {
        let of = |repository, environment| {
            rule(vec![("environment", exact(environment)), ("repository", exact(repository))])
        };
        let any = rule(vec![("repository", Test::Glob(vec![Glob::new("acme/*", "/").unwrap()]))]);
        let several = Test::OneOf(["acme/web", "acme/web", "acme/db"].map(str::to_owned).to_vec());
        let rules = [
            of("acme/db", "production"),
            of("acme/web", "production"),
            any,
            of("acme/web", "test"),
            of("acme/app", "test"),
            rule(vec![("repository", several)]),
        ];

        assert_eq!(promising(&rules, &[("repository", text("acme/web"))]), [1, 2, 3, 5]);
        assert_eq!(promising(&rules, &[("repository", text("acme/new"))]), [2]);
        assert_eq!(promising(&rules, &[]), [2]);
    }

    #[test]
    fn numbers_are_found_by_their_text() {
        let of = |id| rule(vec![("/project/id", exact(id))]);

        assert_eq!(promising(&[of("7"), of("8")], &[("/project/id", Json::Integer(8))]), [1]);
        assert!(promising(&[of("7"), of("8")], &[("/project/id", Json::Float(8.0))]).is_empty());
    }

    #[test]
    fn rules_that_no_claim_tells_apart_are_all_tried() {
        let rules = [
            rule(vec![("sub", exact("job"))]),
            rule(vec![("sub", exact("job"))]),
            rule(vec![("ref", Test::Absent)]),
        ];

        assert_eq!(promising(&rules, &[("sub", text("other"))]), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn no_rule_that_matches_is_left_out(
            wanted in proptest::collection::vec(("[abc]", "[abc]", 0..6_u8), 1..12),
            a in proptest::option::of("[abc]"),
            b in proptest::option::of("[abc]"),
        ) {
            let test = |kind: u8, text: &str| match kind {
                0 => exact(text),
                1 => Test::OneOf(vec![text.to_owned(), "a".to_owned()]),
                2 => Test::NotOneOf(vec![text.to_owned()]),
                3 => Test::AbsentOr(Box::new(exact(text))),
                4 => Test::AnyCase {
                    lower: Box::new(exact(text)),
                    spelled: Box::new(exact(text)),
                },
                _ => Test::Absent,
            };
            let rules: Vec<Rule<()>> = wanted
                .iter()
                .map(|(a, b, kind)| {
                    rule(vec![("a", test(*kind, a)), ("b", test((*kind + 1) % 6, b))])
                })
                .collect();
            let claims: Vec<(&str, Json)> = [("a", a), ("b", b)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, text(&value?))))
                .collect();
            let promising = promising(&rules, &claims);
            prop_assert!(promising.is_sorted());
        }
    }
}
