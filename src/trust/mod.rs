//! May they: decides which rule, if any, a [`VerifiedToken`] satisfies.
//!
//! Default deny. Candidates are the rules of the token's issuer for the token's audience, and, if
//! the caller named a service account, for that one; they are tried in the order of the file and
//! the first whose conditions all hold decides. Claim values are data: they are compared, never
//! interpolated, and nothing here is a regular expression.
//!
//! The room knows service accounts by name only; what they are, and what a rule grants, is
//! `octopus`'s matter. What is known of each provider of tokens is data, in `presets`.

mod candidates;
mod condition;
mod cover;
mod glob;
mod implication;
mod planned_subjects;
pub mod presets;
mod rule;
mod trial;
mod wildcards;

use std::collections::HashMap;
use std::sync::Arc;

pub use condition::{Condition, Test};
pub use glob::{Glob, GlobError};
pub use planned_subjects::{PlannedSubjects, Unnamed, Unplannable};
pub use rule::Rule;
pub use trial::{Exclusion, Trial};
pub use wildcards::{Wildcards, covers};

use candidates::Candidates;

use crate::identity::{ClaimAddress, Claims, VerifiedToken};
use crate::limits;
use crate::telemetry::Missed;

/// The rules, in order, found by issuer and audience.
#[derive(Debug)]
pub struct Policy<G> {
    /// Shared with those whom they let in.
    rules: Vec<Arc<Rule<G>>>,
    /// Issuer's name, then audience.
    candidates: HashMap<String, HashMap<String, Candidates>>,
}

/// No rule matched: for each candidate, the first condition that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// In the order of the rules, the first few of them. Empty if no rule was for this issuer,
    /// audience and account.
    pub missed: Vec<Missed>,
}

impl<G> Policy<G> {
    /// A policy of these rules, tried in this order.
    pub fn new(rules: Vec<Rule<G>>) -> Self {
        let mut groups: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let of_issuer = groups.entry(rule.issuer.clone()).or_default();
            of_issuer.entry(rule.audience.clone()).or_default().push(at);
        }
        let sorted = |positions| Candidates::of(positions, &rules);
        let by_audience = |of_issuer: HashMap<String, Vec<usize>>| {
            of_issuer.into_iter().map(|(audience, at)| (audience, sorted(at))).collect()
        };
        let candidates =
            groups.into_iter().map(|(issuer, group)| (issuer, by_audience(group))).collect();
        Self { rules: rules.into_iter().map(Arc::new).collect(), candidates }
    }

    /// The first rule that the token satisfies, of those for `service_account` if one is named.
    pub fn authorize(
        &self,
        (token, claims): (&VerifiedToken, &Claims),
        service_account: Option<&str>,
    ) -> Result<&Arc<Rule<G>>, Denial> {
        let claim = |address: &ClaimAddress| claims.at(address);
        let Some(group) = self.group(token.issuer_name(), token.audience()) else {
            return Err(Denial { missed: Vec::new() });
        };
        let mut promising = group.promising(claim).filter_map(|at| self.rules.get(at));
        let decides = |rule: &&Arc<Rule<G>>| rule.is_for(service_account) && rule.holds(claim);
        promising.find(decides).ok_or_else(|| {
            // What each rule misses takes words, so that it is asked for only now.
            let tried = group.all().filter_map(|at| self.rules.get(at));
            let tried = tried.filter(|rule| rule.is_for(service_account));
            let missed = tried.filter_map(|rule| rule.first_miss(claim));
            Denial { missed: missed.take(limits::LOGGED_MISSES).collect() }
        })
    }

    /// The rules that may be tried on a token of this issuer for this audience.
    fn candidates(&self, issuer: &str, audience: &str) -> impl Iterator<Item = &Rule<G>> {
        let group = self.group(issuer, audience);
        let rules = group.into_iter().flat_map(Candidates::all).filter_map(|at| self.rules.get(at));
        rules.map(|rule| &**rule)
    }

    fn group(&self, issuer: &str, audience: &str) -> Option<&Candidates> {
        self.candidates.get(issuer)?.get(audience)
    }

    /// All rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule<G>> {
        self.rules.iter().map(|rule| &**rule)
    }
}
