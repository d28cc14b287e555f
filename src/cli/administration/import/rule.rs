//! An OIDC identity as a rule. Each is tried on the configuration's own reader, and stands in the file
//! as a rule only if it is one there that wants this very identity; else as a comment that says why.

use std::fmt::Write as _;
use std::path::Path;

use super::github::repository;
use super::issuer::IssuerEntry;
use super::words::{plain, quoted};
use crate::config::{self, Config};
use crate::limits;
use crate::provision::FoundIdentity;
use crate::telemetry::escaped;
use crate::trust::presets::{Basis, Preset};

/// An entry under `service_accounts:`.
pub(super) struct AccountEntry {
    pub(super) name: String,
    /// The GUID.
    pub(super) id: String,
    /// As it stands in the file.
    pub(super) text: String,
}

/// What a rule is made of.
pub(super) struct Draft<'a> {
    /// The server.
    pub(super) base: &'a str,
    pub(super) name: &'a str,
    pub(super) identity: &'a FoundIdentity,
    /// All of the account.
    pub(super) identities: &'a [FoundIdentity],
    pub(super) issuer: &'a IssuerEntry,
    /// Whatever other issuers the file has, as they stand there.
    pub(super) other_issuers: &'a str,
    /// How many rules the file has.
    pub(super) rules: usize,
    pub(super) account: &'a AccountEntry,
}

/// A rule as it stands in the file.
pub(super) struct RuleEntry {
    pub(super) text: String,
    /// Whether it is one, and no comment.
    pub(super) is_rule: bool,
    /// The ids of the identities that it stands for.
    pub(super) identities: Vec<String>,
}

impl Draft<'_> {
    /// The rule in the provider's own fields, if all the identities that it wants are there.
    pub(super) fn by_fields(&self) -> Option<RuleEntry> {
        let fields = repository(self.issuer.preset, &self.identity.subject)?.fields()?;
        let text = format!("{}{fields}", self.start());
        let identities = self.trial(&text).ok()?;
        let is_meant = identities.contains(&self.identity.id);
        is_meant.then(|| self.finish(&text, identities, &[]))
    }

    /// The rule on the subject, if it is one by ids or by names; else a comment.
    pub(super) fn by_subject(&self) -> RuleEntry {
        let plain = self.text(false);
        match self.trial(&plain) {
            Ok(identities) => self.finish(&plain, identities, &self.remarks()),
            Err(fault) => {
                let by_names = self.text(true);
                match self.trial(&by_names) {
                    Ok(identities) => self.finish(&by_names, identities, &self.remarks()),
                    Err(_) => self.comment(&plain, &fault),
                }
            }
        }
    }

    fn start(&self) -> String {
        format!(
            "- name: {}\n  issuer: {}\n  service_account: {}\n",
            plain(self.name),
            self.issuer.name,
            plain(&self.account.name),
        )
    }

    fn text(&self, is_by_names: bool) -> String {
        let subject = &self.identity.subject;
        let condition = if has_wildcard(subject) {
            format!("{{ glob: {} }}", quoted(&pattern(subject)))
        } else {
            quoted(subject)
        };
        let mut text = format!("{}  claims:\n    sub: {condition}\n", self.start());
        if let Some(repository) = repository(self.issuer.preset, subject) {
            let _ = writeln!(text, "  repository_id: {}", repository.id);
        } else if is_by_names {
            for id in ids(self.issuer.preset) {
                let _ = writeln!(text, "  # FILL IN, and take the last line away: {id}");
            }
            text.push_str("  accept_recyclable_names: true\n");
        }
        text
    }

    fn remarks(&self) -> Vec<String> {
        let subject = &self.identity.subject;
        let mut remarks = Vec::new();
        if has_wildcard(subject) {
            remarks.push(
                "In Octopus, wildcards cross every `/` and `:`, so this lets in more than a good \
                 rule: write what is meant, in fields."
                    .to_owned(),
            );
        }
        if self.issuer.preset.name == "github-actions" && subject.ends_with(":pull_request") {
            remarks.push(
                "FILL IN `events: [pull_request]` if jobs of pull requests are meant, which run what \
                 their authors wrote: the rule refuses them else."
                    .to_owned(),
            );
        }
        remarks
    }

    fn finish(&self, text: &str, identities: Vec<String>, remarks: &[String]) -> RuleEntry {
        let is_these = |found: &&FoundIdentity| identities.contains(&found.id);
        let mut text = indented("  ", text);
        text.insert_str(0, &head(self.identities.iter().filter(is_these), remarks));
        RuleEntry { text, is_rule: true, identities }
    }

    fn comment(&self, text: &str, fault: &str) -> RuleEntry {
        let mut remarks = vec![format!("It is no rule as it stands: {fault}.")];
        remarks.extend(ids(self.issuer.preset).into_iter().map(|id| format!("FILL IN: {id}")));
        if self.identity.is_ours() {
            let sentence = "octobroker made it for a rule that it can't tell from the subject, so \
                            `apply` takes it away unless you write that rule.";
            remarks.push(sentence.to_owned());
        }
        let text = format!("{}{}", head([self.identity], &remarks), indented("  # ", text));
        RuleEntry { text, is_rule: false, identities: vec![self.identity.id.clone()] }
    }

    /// The identities that the rule wants, by their ids, if the reader takes it and all of them are
    /// there; else why not.
    fn trial(&self, rule: &str) -> Result<Vec<String>, String> {
        if self.rules >= limits::RULES {
            return Err(format!("at most {} rules are taken", limits::RULES));
        }
        let text = format!(
            "octopus: {{ url: {} }}\nissuers:\n{}{}service_accounts:\n{}rules:\n{}",
            quoted(self.base),
            self.other_issuers,
            self.issuer.text(),
            self.account.text,
            indented("  ", rule),
        );
        match config::parse(&text, Path::new("import"), &|_| None) {
            Ok(config) => {
                let wanted = self.wanted(&config);
                wanted.ok_or_else(|| "it would want more of Octopus than stands there".to_owned())
            }
            Err(error) => {
                let problem = error.problems().first();
                Err(problem.map_or_else(String::new, |problem| problem.sentence.clone()))
            }
        }
    }

    fn wanted(&self, config: &Config) -> Option<Vec<String>> {
        let wanted = config.wanted();
        let account = wanted.accounts.first()?;
        let mut ids = Vec::new();
        for wanted in wanted.identities_of(account) {
            let is_said = |found: &&FoundIdentity| wanted.is_said_by(found, Some(&self.account.id));
            let said = self.identities.iter().filter(is_said);
            let before = ids.len();
            ids.extend(said.map(|found| found.id.clone()));
            if ids.len() == before {
                return None;
            }
        }
        (!ids.is_empty()).then_some(ids)
    }
}

/// What stands above a rule.
fn head<'a>(identities: impl IntoIterator<Item = &'a FoundIdentity>, remarks: &[String]) -> String {
    let mut head = String::new();
    for FoundIdentity { name, id, .. } in identities {
        let _ = writeln!(head, "  # OIDC identity {} ({})", quoted(name), escaped(id));
    }
    for remark in remarks {
        let _ = writeln!(head, "  # {}", escaped(remark));
    }
    head
}

/// Whether Octopus takes more than one subject by it.
pub(super) fn has_wildcard(subject: &str) -> bool {
    subject.contains(['*', '?'])
}

/// A subject of Octopus's as a pattern of ours that means the same.
pub(super) fn pattern(subject: &str) -> String {
    let mut pattern = String::new();
    for character in subject.chars() {
        match character {
            '*' => pattern.push_str("**"),
            '\\' => pattern.push_str("\\\\"),
            other => pattern.push(other),
        }
    }
    pattern
}

/// The ids that a rule for the provider pins, and where to find them.
fn ids(preset: &Preset) -> Vec<String> {
    let pins = preset.pins.iter().find(|pins| pins.basis == Basis::Ids);
    let pins = pins.into_iter().flat_map(|pins| pins.always);
    pins.map(|pin| format!("`{}:` ({})", pin.field, pin.advice)).collect()
}

fn indented(indent: &str, text: &str) -> String {
    text.lines().fold(String::new(), |mut lines, line| {
        let _ = writeln!(lines, "{indent}{line}");
        lines
    })
}
