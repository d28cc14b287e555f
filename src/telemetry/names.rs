//! The names that are label values: those of the configuration, and for a while those of earlier
//! ones, so that a reload lets no counter jump.

use std::collections::HashSet;

use fnv::FnvHashMap;
use prometheus::IntCounter;

use super::metrics::Labels;
use super::outcomes::Verification;
use super::series::{RequestSeries, TokenSeries, UpstreamSeries};
use crate::limits;

/// The names that are known at a time.
pub(super) struct Known {
    /// By name; several where the rule was for other accounts before.
    rules: FnvHashMap<String, Vec<CountedRule>>,
    pub(super) service_accounts: Names,
    pub(super) issuers: Names,
    /// By service account: Octopus's answers by class.
    responses: FnvHashMap<String, [IntCounter; 5]>,
    /// By issuer: tokens that had been verified before.
    cached: FnvHashMap<String, IntCounter>,
    pub(super) listeners: Names,
    /// Of the issuers, those that are configured now.
    pub(super) current_issuers: HashSet<String>,
    /// The same names, the least recently configured first.
    history: Labels,
}

/// A rule for one account.
pub(super) struct CountedRule {
    pub(super) service_account: String,
    /// Door `bearer`, code `ok`.
    pub(super) forwarded: IntCounter,
}

/// The families whose series are found here on the hot path: without formatting, hashing labels or a
/// lock.
pub(super) struct Families<'a> {
    pub(super) requests: &'a RequestSeries,
    pub(super) upstream: &'a UpstreamSeries,
    pub(super) tokens: &'a TokenSeries,
}

/// Configured names, and what every other name is counted as.
pub(super) struct Names {
    known: HashSet<String>,
    other: &'static str,
}

impl Known {
    /// The names of a configuration after those of `earlier`, and those that are forgotten over
    /// them.
    pub(super) fn after(
        earlier: Option<&Self>,
        labels: &Labels,
        families: &Families<'_>,
    ) -> (Self, Labels) {
        let empty = Labels::default();
        let before = earlier.map_or(&empty, |earlier| &earlier.history);
        let (issuers, old_issuers) = succeeding(&before.issuers, &labels.issuers);
        let (accounts, old_accounts) =
            succeeding(&before.service_accounts, &labels.service_accounts);
        let (rules, old_rules) = succeeding(&before.rules, &labels.rules);
        let (listeners, _) = succeeding(&before.listeners, &labels.listeners);
        let mut counted: FnvHashMap<String, Vec<CountedRule>> = FnvHashMap::default();
        for (rule, account) in &rules {
            let forwarded = families.requests.forwarded(rule, account);
            let service_account = account.clone();
            let of_name = counted.entry(rule.clone()).or_default();
            of_name.push(CountedRule { service_account, forwarded });
        }
        let nobody = String::new();
        let known = Self {
            rules: counted,
            responses: by_name(accounts.iter().chain([&nobody]), |account| {
                families.upstream.responses(account)
            }),
            cached: by_name(&issuers, |issuer| {
                let outcome = Verification::Cached.as_str();
                families.tokens.verifications.with_label_values(&[issuer, outcome])
            }),
            service_accounts: Names::new(&accounts, ""),
            issuers: Names::new(&issuers, "unknown"),
            listeners: Names::new(&listeners, ""),
            current_issuers: labels.issuers.iter().cloned().collect(),
            history: Labels { issuers, service_accounts: accounts, rules, listeners },
        };
        let forgotten = Labels {
            issuers: old_issuers,
            service_accounts: old_accounts,
            rules: old_rules,
            listeners: Vec::new(),
        };
        (known, forgotten)
    }

    /// What a request through a rule is counted as: under the account that the rule is for; or was
    /// for, when the request began.
    pub(super) fn rule<'a>(
        &'a self,
        name: Option<&'a str>,
        account: Option<&str>,
    ) -> Option<(&'a str, &'a CountedRule)> {
        let (name, rules) = name.and_then(|name| self.rules.get_key_value(name))?;
        let of_account = rules.iter().find(|rule| Some(&*rule.service_account) == account);
        Some((name, of_account.or_else(|| rules.last())?))
    }

    /// The counters of Octopus's answers to an account, by class; of nobody's if it has none.
    pub(super) fn responses(&self, account: Option<&str>) -> Option<&[IntCounter; 5]> {
        let own = account.and_then(|account| self.responses.get(account));
        own.or_else(|| self.responses.get(""))
    }

    /// The counter of an issuer's tokens that had been verified before.
    pub(super) fn cached(&self, issuer: Option<&str>) -> Option<&IntCounter> {
        issuer.and_then(|issuer| self.cached.get(issuer))
    }
}

fn by_name<'a, T>(
    names: impl IntoIterator<Item = &'a String>,
    of: impl Fn(&str) -> T,
) -> FnvHashMap<String, T> {
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}

impl Names {
    fn new(known: &[String], other: &'static str) -> Self {
        Self { known: known.iter().cloned().collect(), other }
    }

    /// `name`, if it is configured, or was.
    pub(super) fn known<'a>(&self, name: Option<&'a str>) -> &'a str {
        name.filter(|name| self.known.contains(*name)).unwrap_or(self.other)
    }
}

/// What is kept of `before`, then `now`; and the oldest, for which there is no room.
fn succeeding<T: Clone + Eq + std::hash::Hash>(before: &[T], now: &[T]) -> (Vec<T>, Vec<T>) {
    let current: HashSet<&T> = now.iter().collect();
    let mut retired: Vec<T> =
        before.iter().filter(|name| !current.contains(name)).cloned().collect();
    let kept = retired.split_off(retired.len().saturating_sub(limits::RETIRED_NAMES));
    (kept.into_iter().chain(now.iter().cloned()).collect(), retired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_earlier_configurations_are_kept_up_to_a_bound() {
        let mut names: Vec<usize> = vec![0];
        for now in 1..=limits::RETIRED_NAMES {
            let (kept, forgotten) = succeeding(&names, &[now]);
            assert_eq!((kept.len(), forgotten.len()), (now + 1, 0));
            names = kept;
        }

        let (kept, forgotten) = succeeding(&names, &[1, usize::MAX]);

        assert_eq!(kept.last_chunk(), Some(&[1, usize::MAX]));
        assert_eq!(kept.len(), limits::RETIRED_NAMES + 2);
        assert_eq!(forgotten, Vec::<usize>::new());
        let (kept, forgotten) = succeeding(&kept, &[2]);
        assert_eq!((kept.len(), forgotten), (limits::RETIRED_NAMES + 1, vec![0]));
    }
}
