//! What stands on a rule in the words of its provider: `repository: acme/web`, `branch: main`.
//!
//! A field takes what a condition of `claims:` takes, where that makes sense, and becomes
//! conditions on claims. What a preset refuses unless asked for is `denials`' matter.

use super::claims::{self, OfClaim};
use super::nearest::nearest;
use super::problem::Problems;
use super::reader::{Section, near};
use super::reading;
use super::rules;
use super::syntax::touching_key;
use super::values::flag;
use super::yaml::{Entry, Node, Value};
use crate::identity::ClaimAddress;
use crate::trust::presets::{ALL, Field, Preset, Reading};
use crate::trust::{Condition, Test};

/// The fields that stand on a rule.
pub(super) struct Fields {
    written: Vec<Written>,
}

/// One field, as written.
struct Written {
    field: Field,
    tests: Vec<Test>,
    /// What a switch says.
    switch: Option<bool>,
}

impl Fields {
    /// As conditions, in the order of the file.
    pub(super) fn conditions(&self) -> impl Iterator<Item = Condition> {
        self.written.iter().flat_map(Written::conditions)
    }

    /// True if the field stands there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.written.iter().any(|written| written.field.name == name)
    }

    /// What a switch says, if it stands there.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.written.iter().find(|written| written.field.name == name)?.switch
    }

    /// The values that a field accepts.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.written.iter().filter(move |written| written.field.name == name);
        of_name.flat_map(|written| &written.tests).flat_map(Test::values).map(String::as_str)
    }
}

impl Written {
    fn conditions(&self) -> impl Iterator<Item = Condition> {
        let claim = ClaimAddress::parse(self.field.claim);
        let own = self
            .tests
            .iter()
            .filter_map(move |test| Some(Condition { claim: claim.clone()?, test: test.clone() }));
        let with = self.field.with.iter().filter_map(|(claim, value)| {
            let test = Test::Exact((*value).to_owned());
            Some(Condition { claim: ClaimAddress::parse(claim)?, test })
        });
        let without = self.field.without.iter().filter_map(|claim| {
            Some(Condition { claim: ClaimAddress::parse(claim)?, test: Test::Empty })
        });
        own.chain(with).chain(without)
    }
}

/// Reads what stands on a rule beside the keys of every rule. `None` if something is wrong.
pub(super) fn read(
    entries: &[&Entry],
    preset: &Preset,
    rule: &Section<'_>,
    problems: &mut Problems,
) -> Option<Fields> {
    let read = entries.iter().map(|entry| {
        let Some(field) = preset.field(&entry.key) else {
            problems.add(&entry.place, unknown(&entry.key, preset, rule));
            return None;
        };
        if field.reading == Reading::Switch {
            let switch = Some(flag(&entry.node, problems)?);
            return Some(Written { field, tests: Vec::new(), switch });
        }
        let tests = tests(&entry.node, field, preset, problems)?;
        Some(Written { field, tests, switch: None })
    });
    let written: Vec<Option<Written>> = read.collect();
    Some(Fields { written: written.into_iter().collect::<Option<_>>()? })
}

/// Reports the keys that are fields of no provider, of a rule whose provider is not known.
pub(super) fn report_of_nobody(entries: &[&Entry], rule: &Section<'_>, problems: &mut Problems) {
    let is_of_nobody =
        |entry: &&&Entry| ALL.iter().all(|preset| preset.field(&entry.key).is_none());
    for entry in entries.iter().filter(is_of_nobody) {
        let keys = rules::KEYS.iter().copied().filter(|key| !rule.has(key));
        let fields = ALL.iter().flat_map(|preset| preset.field_names());
        let near = near(&entry.key, &keys.chain(fields).collect::<Vec<_>>());
        let rest = if near.is_empty() { ", and a field of no provider" } else { &near };
        problems.add(&entry.place, format!("unknown key{rest}"));
    }
}

/// The sentence on a key that is neither of every rule nor of the provider.
fn unknown(word: &str, preset: &Preset, rule: &Section<'_>) -> String {
    let fields: Vec<&str> = preset.field_names().collect();
    let title = preset.title;
    if preset.claims.iter().any(|claim| claim.name == word) {
        return format!("is a claim of {title} and no field; write it under `claims:`");
    }
    let others: Vec<&str> =
        ALL.iter().filter(|other| other.field(word).is_some()).map(|other| other.name).collect();
    let known: Vec<&str> = rules::KEYS.iter().chain(&fields).copied().collect();
    if touching_key(word).is_some_and(|key| known.contains(&key)) {
        return format!("unknown key{}", near(word, &known));
    }
    // What stands there already was hardly meant.
    let free = rules::KEYS.iter().filter(|key| !rule.has(key)).chain(&fields).copied();
    let meant = nearest(word, free).or_else(|| nearest(word, rules::KEYS.iter().copied()));
    // Of a field of others only one letter more or less is a slip: `project` for `projects`.
    let is_slip = |near: &str| {
        let is_longer = near.starts_with(word) || word.starts_with(near);
        is_longer && near.len().abs_diff(word.len()) == 1
    };
    if let Some(near) = meant.filter(|near| others.is_empty() || is_slip(near)) {
        return format!("unknown key; did you mean `{near}`?");
    }
    let whose = if others.is_empty() {
        String::new()
    } else {
        format!(", but a field of {}", others.join(", "))
    };
    if fields.is_empty() {
        let known = rules::KEYS.join(", ");
        return format!(
            "unknown key{whose}; known here are {known}; a claim is written under `claims:`"
        );
    }
    format!(
        "unknown key{whose}; the fields of {title} are {}; any other claim is written under \
         `claims:`",
        fields.join(", ")
    )
}

fn tests(node: &Node, field: Field, preset: &Preset, problems: &mut Problems) -> Option<Vec<Test>> {
    let separators = preset.separators(field.claim);
    let prefix = if let Reading::Prefixed(prefix) = field.reading { prefix } else { "" };
    let of_claim = OfClaim { name: field.claim, separators, prefix };
    let tests = match (&node.value, field.reading) {
        // YAML takes the braces of a UUID for those of a map.
        (Value::Map(entries), Reading::Braced)
            if entries.iter().any(|entry| !claims::OPERATORS.contains(&entry.key.as_str())) =>
        {
            let sentence = "is a map because of its braces; leave them out, or quote the value";
            problems.add(&node.place, sentence);
            return None;
        }
        (Value::List(_), Reading::Listed | Reading::Held) => {
            vec![Test::OneOf(claims::listed(node, problems)?)]
        }
        _ => claims::tests(node, of_claim, problems)?,
    };
    let read = tests.into_iter().map(|test| {
        reading::check_form(&test, field)
            .and_then(|()| reading::condition(test, field, separators))
            .map_err(|fault| problems.add(&node.place, fault))
            .ok()
    });
    let read: Vec<Option<Test>> = read.collect();
    read.into_iter().collect()
}
