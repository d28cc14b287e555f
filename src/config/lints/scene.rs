//! What the lints look at: the tree as written, and what was built of it.

use std::sync::Arc;

use super::table::Lint;
use crate::config::ambient::AmbientConfig;
use crate::config::problem::Problems;
use crate::config::yaml::{Entry, Node, Place, Value};
use crate::identity::Issuer;
use crate::octopus::{Grant, ServiceAccount};
use crate::trust::presets::{self, Preset};
use crate::trust::{Condition, Glob, Rule, Test};

/// A rule as it was built.
pub(super) type BuiltRule = Rule<Arc<Grant>>;

/// A configuration, as far as it could be built.
#[derive(Clone, Copy)]
pub(in crate::config) struct Scene<'a> {
    pub(in crate::config) root: &'a Node,
    pub(in crate::config) issuers: &'a [Issuer],
    pub(in crate::config) accounts: &'a [ServiceAccount],
    pub(in crate::config) rules: &'a [BuiltRule],
    pub(in crate::config) ambient: Option<&'a AmbientConfig>,
}

/// What a lint found, and where.
#[derive(Debug)]
pub(super) struct Found {
    lint: &'static Lint,
    place: Place,
    sentence: String,
}

impl Found {
    pub(super) fn new(lint: &'static Lint, place: &Place, sentence: impl Into<String>) -> Self {
        Self { lint, place: place.clone(), sentence: sentence.into() }
    }

    pub(super) fn report(self, problems: &mut Problems) {
        problems.add_lint(self.lint, &self.place, self.sentence);
    }
}

impl<'a> Scene<'a> {
    pub(super) fn issuer(&self, name: &str) -> Option<&'a Issuer> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }

    /// What is known of the provider whose tokens a rule is for.
    pub(super) fn preset(&self, rule: &BuiltRule) -> Option<&'static Preset> {
        self.issuer(&rule.issuer).and_then(|issuer| presets::find(issuer.provider))
    }

    /// The key of an issuer, or of a service account.
    pub(super) fn named(&self, section: &str, name: &str) -> &'a Place {
        let entry = member(self.root, section).and_then(|node| entry(node, name));
        entry.map_or(&self.root.place, |entry| &entry.place)
    }

    /// A value of an issuer or of a service account; its own place if that is not written.
    pub(super) fn value_of_named(&self, section: &str, name: &str, key: &str) -> &'a Place {
        let node = member(self.root, section).and_then(|node| member(node, name));
        let value = node.and_then(|node| member(node, key));
        value.map_or_else(|| self.named(section, name), |value| &value.place)
    }

    /// Whether an issuer or a service account has this key, read or not.
    pub(super) fn is_written(&self, section: &str, name: &str, key: &str) -> bool {
        let node = member(self.root, section).and_then(|node| member(node, name));
        node.is_some_and(|node| entry(node, key).is_some())
    }

    /// Whether the file has this section, read or not.
    pub(super) fn has_section(&self, section: &str) -> bool {
        entry(self.root, section).is_some()
    }

    /// A rule. Its name is its own: another rule with it is an error.
    pub(super) fn rule(&self, rule: &BuiltRule) -> &'a Place {
        self.rule_node(rule).map_or(&self.root.place, |node| &node.place)
    }

    /// A value of a rule; the rule itself if that is not written.
    pub(super) fn value_of_rule(&self, rule: &BuiltRule, key: &str) -> &'a Place {
        let value = self.rule_node(rule).and_then(|node| member(node, key));
        value.map_or_else(|| self.rule(rule), |value| &value.place)
    }

    /// What a condition is written as; the rule if it is not written there.
    pub(super) fn condition(&self, rule: &BuiltRule, condition: &Condition) -> &'a Place {
        self.condition_node(rule, condition).map_or_else(|| self.rule(rule), |node| &node.place)
    }

    /// Whether the operator wrote the pattern: a field may put a name into one of the preset's.
    pub(super) fn is_pattern_written(&self, rule: &BuiltRule, of: &Condition) -> bool {
        let node = self.written(rule, of);
        node.is_some_and(|node| member(node, operator(&of.test)).is_some())
    }

    /// One pattern of a condition.
    pub(super) fn pattern(&self, rule: &BuiltRule, of: &Condition, at: usize) -> &'a Place {
        let item = match self.condition_node(rule, of).map(|node| &node.value) {
            Some(Value::List(items)) => items.get(at).map(|item| &item.place),
            _ => None,
        };
        item.unwrap_or_else(|| self.condition(rule, of))
    }

    /// Whether all rules that are written were built.
    pub(super) fn has_all_rules(&self) -> bool {
        match member(self.root, "rules").map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes.len() == self.rules.len(),
            Some(_) => false,
            None => true,
        }
    }

    fn condition_node(&self, rule: &BuiltRule, condition: &Condition) -> Option<&'a Node> {
        let value = self.written(rule, condition)?;
        Some(member(value, operator(&condition.test)).unwrap_or(value))
    }

    /// What stands behind the claim, or behind the field that is about it.
    fn written(&self, rule: &BuiltRule, condition: &Condition) -> Option<&'a Node> {
        let node = self.rule_node(rule)?;
        let claim = condition.claim.to_string();
        let value = member(node, "claims").and_then(|claims| member(claims, &claim));
        value.or_else(|| field(node, self.preset(rule)?, &claim))
    }

    fn rule_node(&self, rule: &BuiltRule) -> Option<&'a Node> {
        let Value::List(nodes) = &member(self.root, "rules")?.value else { return None };
        nodes.iter().find(|node| {
            member(node, "name").is_some_and(
                |name| matches!(&name.value, Value::Scalar(scalar) if scalar.text == rule.name),
            )
        })
    }
}

/// The conditions of a rule on a claim, those of the preset among them.
pub(super) fn on<'r>(rule: &'r BuiltRule, claim: &'r str) -> impl Iterator<Item = &'r Condition> {
    rule.conditions.iter().filter(move |condition| condition.claim.to_string() == claim)
}

/// Whether a rule says what one of these claims must be.
pub(super) fn pins(rule: &BuiltRule, claims: &[&str]) -> bool {
    let is_pinned = |claim: &&str| on(rule, claim).any(Condition::is_positive);
    claims.iter().any(is_pinned)
}

/// The values and patterns that a condition accepts.
pub(super) fn accepted(test: &Test) -> Vec<&str> {
    match test {
        Test::Exact(text) => vec![text],
        Test::OneOf(texts) | Test::Contains(texts) => texts.iter().map(String::as_str).collect(),
        Test::Glob(globs) => globs.iter().map(Glob::as_str).collect(),
        Test::AnyCase { lower: test, .. }
        | Test::AbsentOr(test)
        | Test::PartOfSubject { test, .. } => accepted(test),
        _ => Vec::new(),
    }
}

/// The operator that a condition is written with; empty if it needs none, or the preset adds it.
fn operator(test: &Test) -> &'static str {
    match test {
        Test::OneOf(_) => "one_of",
        Test::NotOneOf(_) => "not_one_of",
        Test::Glob(_) => "glob",
        Test::Contains(_) => "contains",
        Test::SameAs(_) => "same_as",
        Test::Absent => "absent",
        Test::AnyCase { lower: test, .. }
        | Test::AbsentOr(test)
        | Test::PartOfSubject { test, .. } => operator(test),
        Test::Exact(_) | Test::NotStartingWith(_) | Test::Empty | Test::Present => "",
    }
}

fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
        Value::Null | Value::Scalar(_) | Value::List(_) | Value::Broken => None,
    }
}

/// The field of a rule that is about a claim.
fn field<'a>(rule: &'a Node, preset: &Preset, claim: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &rule.value else { return None };
    let is_about =
        |entry: &&Entry| preset.field(&entry.key).is_some_and(|field| field.claim == claim);
    entries.iter().find(is_about).map(|entry| &entry.node)
}

fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    entry(node, key).map(|entry| &entry.node)
}
