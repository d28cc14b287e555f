//! The OIDC identities of an account: which are missing, which say something else, which nobody needs.

use super::Comparison;
use crate::provision::found::FoundIdentity;
use crate::provision::plan::Action;
use crate::provision::wanted::{WantedAccount, WantedIdentity, WantedRule};
use crate::trust::{PlannedSubjects, covers};

impl Comparison<'_> {
    pub(super) fn identities(&mut self) {
        let there = self.there.map(|there| there.identities.as_slice()).unwrap_or_default();
        let id = self.there.map(|there| there.id.as_str());
        let wanted = self.wanted.identities_of(self.account);
        let is_said =
            |wanted: &&WantedIdentity| there.iter().any(|found| wanted.is_said_by(found, id));
        let (_, missing): (Vec<_>, Vec<_>) = wanted.iter().partition(is_said);
        let mut rest = self.unwanted(there, id);
        for identity in missing {
            // One of ours that has its name is the same one, and says something else.
            if let Some(at) = rest.iter().position(|found| found.name == identity.name) {
                let from = rest.remove(at).clone();
                self.change(Action::ChangeIdentity { from, to: identity.clone() });
            } else {
                let unserved = self.unserved(identity, there);
                let identity = identity.clone();
                self.change(Action::CreateIdentity { identity, unserved });
            }
        }
        // What stands in the file several times has one list of identities.
        if self.siblings().next().is_some_and(|first| first.name == self.account.name) {
            for found in rest {
                self.extra(found);
            }
        }
        for rule in self.wanted.rules_of(self.account) {
            match &rule.subjects {
                Ok(planned) => self.tell(rule, planned),
                Err(why) => self.tell_unplannable(rule, why, there),
            }
        }
    }

    /// Those that nothing of the file wants as they are. One of ours that is called as another part of
    /// the file calls its own is that part's to change.
    fn unwanted<'f>(&self, there: &'f [FoundIdentity], id: Option<&str>) -> Vec<&'f FoundIdentity> {
        let is_own = |account: &WantedAccount| account.name == self.account.name;
        let mut rest: Vec<&FoundIdentity> = there.iter().collect();
        for account in self.siblings() {
            let wanted = self.wanted.identities_of(account);
            rest.retain(|found| {
                let is_named = !is_own(account) && wanted.iter().any(|it| it.name == found.name);
                !is_named && !wanted.iter().any(|wanted| wanted.is_said_by(found, id))
            });
        }
        rest
    }

    /// The rules of an identity whose subjects none of those that are there lets in.
    fn unserved(&self, identity: &WantedIdentity, there: &[FoundIdentity]) -> Vec<String> {
        let is_served = there.iter().any(|found| {
            self.is_for(found, (self.account, &identity.issuer))
                && covers(&found.subject, &identity.subject)
        });
        if is_served { Vec::new() } else { identity.rules.clone() }
    }

    /// Whether an identity is for tokens of an issuer with the audience of an account.
    fn is_for(&self, found: &FoundIdentity, (account, issuer): (&WantedAccount, &str)) -> bool {
        let id = self.there.map(|there| there.id.as_str());
        let own = |audience: &Option<String>| {
            audience.clone().filter(|audience| Some(audience.as_str()) != id)
        };
        found.issuer == issuer && own(&found.audience) == own(&account.audience)
    }

    /// An identity that no rule wants as it is.
    fn extra(&mut self, found: &FoundIdentity) {
        let rules: Vec<(&WantedAccount, &WantedRule)> = self
            .siblings()
            .flat_map(|account| self.wanted.rules_of(account).map(move |rule| (account, rule)))
            .filter(|(account, rule)| self.is_for(found, (account, &rule.issuer)))
            .collect();
        let is_used = |rule: &WantedRule| {
            let texts = rule.subjects.as_ref().map(|planned| planned.texts.as_slice());
            texts.unwrap_or_default().iter().any(|text| covers(&found.subject, text))
        };
        let users = rules.iter().filter(|(_, rule)| is_used(rule));
        let users: Vec<&str> = users.map(|(_, rule)| rule.name.as_str()).collect();
        let name = found.name.clone();
        // It may have been made for a rule whose subjects can't be told any more.
        let is_kept = rules.iter().any(|(_, rule)| rule.subjects.is_err())
            || (!found.is_ours() && self.siblings().any(|account| account.is_ambient));
        let is_removed = !is_kept && (found.is_ours() || self.options.prune);
        let advice = if is_removed {
            ""
        } else if is_kept {
            "; it may be the broker's own, or a rule's whose subjects can't be told, so it is kept"
        } else {
            "; `--prune` takes it away"
        };
        if users.is_empty() {
            let text = format!("no rule needs it (subject {}){advice}", found.subject);
            self.remark("identity_unneeded", Some(&name), text);
        } else {
            let text = format!(
                "it lets in more (subject {}) than every rule that uses it: {}{advice}",
                found.subject,
                users.join(", ")
            );
            self.remark("identity_broader", Some(&name), text);
        }
        if is_removed {
            self.change(Action::RemoveIdentity(found.clone()));
        }
    }

    /// What Octopus can't see of a rule.
    fn tell(&mut self, rule: &WantedRule, planned: &PlannedSubjects) {
        if !planned.folded.is_empty() {
            let text = format!(
                "the values of {} are too many for identities of their own, so a wildcard stands \
                 for them: the broker alone tells them apart",
                planned.folded.join(", ")
            );
            self.remark_rule("subject_folded", &rule.name, text);
        }
        let mut claims: Vec<&str> = planned.widened.iter().map(String::as_str).collect();
        claims.extend(planned.unseen.iter().map(String::as_str));
        if !claims.is_empty() {
            let text = format!("the broker alone checks {}", claims.join(", "));
            self.remark_rule("subject_wider", &rule.name, text);
        }
        for form in &planned.left_out {
            let text = format!(
                "tokens whose subject is {} find no identity, for there it would be anybody's: \
                 write {} on the rule, if there are such",
                form.form,
                form.fields.join(" and ")
            );
            self.remark_rule("subject_left_out", &rule.name, text);
        }
    }

    fn tell_unplannable(&mut self, rule: &WantedRule, why: &str, there: &[FoundIdentity]) {
        let mut of_issuer =
            there.iter().filter(|found| self.is_for(found, (self.account, &rule.issuer)));
        let text = match of_issuer.next() {
            Some(found) => {
                format!("whether {} or another identity serves it can't be told: {why}", found.name)
            }
            None => format!(
                "no identity serves it, and none can be planned: {why}. Or make one by hand, as \
                 `octobroker explain` says for a token"
            ),
        };
        self.remark_rule("rule_unserved", &rule.name, text);
    }
}
