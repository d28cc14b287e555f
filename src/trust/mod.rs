//! May they: decides which rule, if any, a [`VerifiedToken`] satisfies.
//!
//! Default deny. Candidates are the rules of the token's issuer for the token's audience, and, if
//! the caller named a service account, for that one; they are tried in the order of the file and
//! the first whose conditions all hold decides. Claim values are data: they are compared, never
//! interpolated, and nothing here is a regular expression.
//!
//! The room knows service accounts by name only; what they are, and what a rule grants, is
//! `octopus`'s matter. What is known of each provider of tokens is data, in `presets`.

mod condition;
mod cover;
mod glob;
mod implication;
pub mod presets;
mod rule;
mod trial;

use std::collections::HashMap;

pub use condition::{Condition, Test};
pub use glob::{Glob, GlobError};
pub use rule::Rule;
pub use trial::{Exclusion, Trial};

use crate::identity::VerifiedToken;
use crate::limits;
use crate::telemetry::Missed;

/// The rules, in order, found by issuer and audience.
#[derive(Debug)]
pub struct Policy<G> {
    rules: Vec<Rule<G>>,
    /// Issuer's name, then audience: positions in `rules`, ascending.
    candidates: HashMap<String, HashMap<String, Vec<usize>>>,
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
        let mut candidates: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let of_issuer = candidates.entry(rule.issuer.clone()).or_default();
            of_issuer.entry(rule.audience.clone()).or_default().push(at);
        }
        Self { rules, candidates }
    }

    /// The first rule that the token satisfies, of those for `service_account` if one is named.
    pub fn authorize(
        &self,
        token: &VerifiedToken,
        service_account: Option<&str>,
    ) -> Result<&Rule<G>, Denial> {
        let mut missed = Vec::new();
        let candidates = self.candidates(token.issuer_name(), token.audience());
        for rule in candidates.filter(|rule| rule.is_for(service_account)) {
            match rule.first_miss(|address| token.claim(address)) {
                None => return Ok(rule),
                Some(miss) if missed.len() < limits::LOGGED_MISSES => missed.push(miss),
                Some(_) => {}
            }
        }
        Err(Denial { missed })
    }

    /// The rules that may be tried on a token of this issuer for this audience.
    fn candidates(&self, issuer: &str, audience: &str) -> impl Iterator<Item = &Rule<G>> {
        let of_issuer = self.candidates.get(issuer);
        let positions = of_issuer.and_then(|by_audience| by_audience.get(audience));
        positions.into_iter().flatten().filter_map(|at| self.rules.get(*at))
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[Rule<G>] {
        &self.rules
    }
}
