//! Every rule tried on a claim set, for whoever wants to know why none matches, or which one.
//!
//! A trial admits nobody: it works on bare [`Claims`], which prove nothing. It judges by the same
//! candidates and conditions as [`Policy::authorize`].

use super::{Policy, Rule};
use crate::identity::Claims;
use crate::telemetry::Missed;

/// How one rule fares with a claim set.
#[derive(Debug)]
pub struct Trial<'a, G> {
    /// The rule.
    pub rule: &'a Rule<G>,
    /// Why the rule is not tried at all, if it is not.
    pub exclusion: Option<Exclusion>,
    /// The conditions that fail, in order; all of them, also where the rule would not be tried for
    /// its audience or its account. Empty for a rule of another issuer: its claims mean other things.
    pub missed: Vec<Missed>,
}

/// Why a rule is not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// It is for tokens of another issuer.
    Issuer,
    /// It is for tokens with another audience.
    Audience,
    /// The caller named another service account.
    ServiceAccount,
}

impl Exclusion {
    /// What is another one, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::ServiceAccount => "service account",
        }
    }
}

impl<G> Trial<'_, G> {
    /// Whether the rule accepts the claims.
    pub fn is_match(&self) -> bool {
        self.exclusion.is_none() && self.missed.is_empty()
    }
}

impl<G> Policy<G> {
    /// Tries every rule, in the order of the file: the first that matches is the one that decides.
    /// Without `audience` the token has none of ours, and no rule is a candidate.
    pub fn trials(
        &self,
        issuer_name: &str,
        audience: Option<&str>,
        claims: &Claims,
        service_account: Option<&str>,
    ) -> Vec<Trial<'_, G>> {
        let candidates = audience.map(|audience| self.candidates(issuer_name, audience));
        let candidates: Vec<&Rule<G>> = candidates.into_iter().flatten().collect();
        let is_candidate = |rule: &Rule<G>| candidates.iter().any(|one| std::ptr::eq(*one, rule));
        let trials = self.rules.iter().map(|rule| {
            let exclusion = if rule.issuer != issuer_name {
                Some(Exclusion::Issuer)
            } else if !is_candidate(rule) {
                Some(Exclusion::Audience)
            } else if !rule.is_for(service_account) {
                Some(Exclusion::ServiceAccount)
            } else {
                None
            };
            let missed = match exclusion {
                Some(Exclusion::Issuer) => Vec::new(),
                _ => rule.misses(|address| claims.at(address)).collect(),
            };
            Trial { rule, exclusion, missed }
        });
        trials.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ClaimAddress, Json};
    use crate::trust::{Condition, Test};

    fn rule(name: &str, party: (&str, &str, &str), claims: &[(&str, &str)]) -> Rule<()> {
        let (issuer, service_account, audience) = party;
        let condition = |(claim, wanted): &(&str, &str)| Condition {
            claim: ClaimAddress::parse(claim).unwrap(),
            test: Test::Exact((*wanted).to_owned()),
        };
        Rule {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            service_account: service_account.to_owned(),
            audience: audience.to_owned(),
            conditions: claims.iter().map(condition).collect(),
            grant: (),
        }
    }

    fn policy() -> Policy<()> {
        Policy::new(vec![
            rule("foreign", ("gitlab", "bot", "guid"), &[("sub", "job")]),
            rule("elsewhere", ("ci", "bot", "other"), &[("sub", "job")]),
            rule("far", ("ci", "bot", "guid"), &[("sub", "x"), ("ref", "y"), ("env", "z")]),
            rule("near", ("ci", "bot", "guid"), &[("sub", "job"), ("ref", "y")]),
            rule("fits", ("ci", "bot", "guid"), &[("sub", "job")]),
            rule("fits-too", ("ci", "deployer", "guid"), &[("env", "prod")]),
        ])
    }

    fn claims() -> Claims {
        let json = br#"{"iss":"i","sub":"job","aud":"guid","exp":1,"env":"prod"}"#;
        Claims::of(Json::parse(json).unwrap()).unwrap()
    }

    fn told(account: Option<&str>, audience: Option<&str>) -> Vec<String> {
        let (policy, claims) = (policy(), claims());
        let trials = policy.trials("ci", audience, &claims, account);
        let told = |trial: &Trial<'_, ()>| match (trial.exclusion, trial.missed.len()) {
            (None, 0) => format!("{} matches", trial.rule.name),
            (None, count) => format!("{} misses {count}", trial.rule.name),
            (Some(exclusion), _) => format!("{} {exclusion:?}", trial.rule.name),
        };
        trials.iter().map(told).collect()
    }

    #[test]
    fn every_rule_is_told_with_all_that_it_misses() {
        assert_eq!(
            told(None, Some("guid")),
            [
                "foreign Issuer",
                "elsewhere Audience",
                "far misses 3",
                "near misses 1",
                "fits matches",
                "fits-too matches"
            ]
        );
    }

    #[test]
    fn a_named_account_leaves_only_its_rules() {
        let told = told(Some("deployer"), Some("guid"));
        assert_eq!(told.last().unwrap(), "fits-too matches");
        assert_eq!(told.iter().filter(|line| line.ends_with("ServiceAccount")).count(), 3);
    }

    #[test]
    fn without_an_audience_of_ours_no_rule_is_tried() {
        assert!(told(None, None).iter().skip(1).all(|line| line.ends_with("Audience")));
    }

    #[test]
    fn what_is_missing_is_told_as_nothing() {
        let (policy, claims) = (policy(), claims());
        let trials = policy.trials("ci", Some("guid"), &claims, None);
        let missed = &trials[3].missed[0];
        assert_eq!((missed.claim.as_str(), missed.actual.as_str()), ("ref", "nothing"));
        assert_eq!(missed.expected, "\"y\"");
    }
}
