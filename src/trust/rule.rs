//! One rule: whose token, with which claims, may act as which service account.

use super::condition::Condition;
use crate::identity::{ClaimAddress, Json};
use crate::telemetry::Missed;

/// A rule. All its conditions must hold. `G` is what it grants, which this room only hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<G> {
    /// The operator's name for it: a label in logs and metrics.
    pub name: String,
    /// The issuer, by its configured name.
    pub issuer: String,
    /// The service account, by its configured name.
    pub service_account: String,
    /// The audience that tokens for this service account carry.
    pub audience: String,
    /// What the claims must be; at least one of them positive.
    pub conditions: Vec<Condition>,
    /// What whoever satisfies it may do.
    pub grant: G,
}

impl<G> Rule<G> {
    /// Whether it may be tried when the caller names this account, or none.
    pub(super) fn is_for(&self, service_account: Option<&str>) -> bool {
        service_account.is_none_or(|named| named == self.service_account)
    }

    /// Whether every condition holds for the claims that `claim` finds. Those that ask for one text
    /// come first, whatever their place: they cost a comparison, and most rules fail by one.
    pub fn holds<'a>(&self, claim: impl Fn(&ClaimAddress) -> Option<&'a Json>) -> bool {
        let (exact, others) = (Condition::is_exact, |one: &Condition| !one.is_exact());
        let hold = |which: fn(&Condition) -> bool| {
            self.conditions.iter().filter(|one| which(one)).all(|one| one.holds(&claim))
        };
        hold(exact) && hold(others)
    }

    /// The first condition that does not hold for the claims that `claim` finds. It is for the
    /// operator: it goes to the log, never to the caller.
    pub fn first_miss<'a>(
        &self,
        claim: impl Fn(&ClaimAddress) -> Option<&'a Json>,
    ) -> Option<Missed> {
        self.misses(claim).next()
    }

    /// Every condition that does not hold, in order.
    pub fn misses<'a>(
        &self,
        claim: impl Fn(&ClaimAddress) -> Option<&'a Json>,
    ) -> impl Iterator<Item = Missed> {
        self.conditions.iter().filter_map(move |condition| {
            if condition.holds(&claim) {
                return None;
            }
            let actual = claim(&condition.claim);
            Some(Missed {
                rule: self.name.clone(),
                claim: condition.claim.to_string(),
                expected: condition.test.to_string(),
                actual: actual.map_or_else(|| "nothing".to_owned(), Json::to_string),
            })
        })
    }
}
