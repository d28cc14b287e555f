//! The names that are label values: those of the configuration, and for a while those of earlier
//! ones, so that a reload lets no counter jump.

use std::collections::{HashMap, HashSet};

use prometheus::IntCounter;

use super::metrics::Labels;
use crate::limits;

/// The names that are known at a time.
pub(super) struct Known {
    /// By name; several where the rule was for other accounts before.
    rules: HashMap<String, Vec<CountedRule>>,
    pub(super) service_accounts: Names,
    pub(super) issuers: Names,
    pub(super) listeners: Names,
    /// Of the issuers, those that are configured now.
    pub(super) current_issuers: HashSet<String>,
    /// The same names, the least recently configured first.
    history: Labels,
}

/// A rule for one account.
pub(super) struct CountedRule {
    pub(super) service_account: String,
    /// Door `bearer`, code `ok`: the hot path, found without formatting and without a lock.
    pub(super) forwarded: IntCounter,
}

/// Configured names, and what every other name is counted as.
pub(super) struct Names {
    known: HashSet<String>,
    other: &'static str,
}

impl Known {
    /// The names of a configuration after those of `earlier`, and those that are forgotten over
    /// them. `forwarded` makes the counter of a rule.
    pub(super) fn after(
        earlier: Option<&Self>,
        labels: &Labels,
        forwarded: impl Fn(&str, &str) -> IntCounter,
    ) -> (Self, Labels) {
        let empty = Labels::default();
        let before = earlier.map_or(&empty, |earlier| &earlier.history);
        let (issuers, old_issuers) = succeeding(&before.issuers, &labels.issuers);
        let (accounts, old_accounts) =
            succeeding(&before.service_accounts, &labels.service_accounts);
        let (rules, old_rules) = succeeding(&before.rules, &labels.rules);
        let (listeners, _) = succeeding(&before.listeners, &labels.listeners);
        let mut counted: HashMap<String, Vec<CountedRule>> = HashMap::new();
        for (rule, account) in &rules {
            let (service_account, forwarded) = (account.clone(), forwarded(rule, account));
            let of_name = counted.entry(rule.clone()).or_default();
            of_name.push(CountedRule { service_account, forwarded });
        }
        let known = Self {
            rules: counted,
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
