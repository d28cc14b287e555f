//! `rules:` — who may act as whom, tried in the order of the file.

use std::sync::Arc;

use super::conditions;
use super::grants;
use super::lints::AUD1;
use super::nearest::suggestion;
use super::problem::Problems;
use super::reader::{Named, Section, check_name, items, refuse, text};
use super::schema::presets::of_rules;
use super::schema::{Form, Key, Shape, names};
use super::yaml::{Entry, Node, Value};
use crate::identity::Issuer;
use crate::limits;
use crate::octopus::{Grant, ServiceAccount};
use crate::trust::Rule;

/// One rule.
pub(super) const FORM: Form = Form::with(
    &[
        Key::new("name", Shape::Name, "Shown in logs and metrics.")
            .required()
            .example("web-production"),
        Key::new("issuer", Shape::Text, "Whose tokens: a name under `issuers`.").required(),
        Key::new(
            "audience",
            Shape::Text,
            "The `aud` of its tokens, for a service account with neither id nor audience.",
        ),
        Key::new(
            "claims",
            Shape::Claims,
            "What the token must say; all must hold, and a missing claim never does.",
        )
        .example("{\"repository_id\": 812345678}"),
        Key::new("service_account", Shape::Text, "As whom: a name under `service_accounts`.")
            .required(),
        Key::new(
            "accept_recyclable_names",
            Shape::Flag,
            "Names are enough, though somebody else may take them one day.",
        )
        .default("false"),
        grants::ALLOW,
        grants::SPACES,
        grants::PROJECTS,
        grants::ENVIRONMENTS,
    ],
    of_rules,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// What a rule may name.
pub(super) struct Parties<'a> {
    pub(super) issuers: &'a Named<Issuer>,
    pub(super) accounts: &'a Named<ServiceAccount>,
}

/// Reads the section.
pub(super) fn read(
    node: &Node,
    parties: &Parties<'_>,
    problems: &mut Problems,
) -> Vec<Rule<Arc<Grant>>> {
    if is_empty(node) {
        let sentence = "has no rule, so nobody could do anything; write one, with `name:`, \
                        `issuer:`, `claims:` and `service_account:`";
        problems.add(&node.place, sentence);
        return Vec::new();
    }
    let nodes = items(node, problems).unwrap_or_default();
    if let Some(beyond) = nodes.get(limits::RULES) {
        let sentence =
            format!("at most {} rules are taken; remove this and what follows", limits::RULES);
        problems.add(&beyond.place, sentence);
    }
    let mut names = Vec::new();
    let nodes = nodes.iter().take(limits::RULES);
    nodes.filter_map(|node| rule(node, parties, &mut names, problems)).collect()
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Scalar(_) | Value::Map(_) | Value::Broken => false,
    }
}

fn rule<'a>(
    node: &'a Node,
    parties: &Parties<'_>,
    names: &mut Vec<&'a str>,
    problems: &mut Problems,
) -> Option<Rule<Arc<Grant>>> {
    let (section, others) = Section::open_with_others(node, KEYS, problems)?;
    check_claims(&section, &others, problems);
    let name = name(&section, names, problems);
    let advice = advice("issuer", &parties.issuers.names);
    let issuer = section
        .required("issuer", &advice, problems)
        .and_then(|node| configured(node, &parties.issuers.names, "issuers", problems));
    let built = parties.issuers.built.iter().find(|built| Some(built.name.as_str()) == issuer);
    let conditions = conditions::read(&section, &others, built, problems);
    let advice = self::advice("service_account", &parties.accounts.names);
    let account = section
        .required("service_account", &advice, problems)
        .and_then(|node| configured(node, &parties.accounts.names, "service_accounts", problems));
    // One that could not be built was reported where it stands.
    let account = parties.accounts.built.iter().find(|built| Some(built.name.as_str()) == account);
    let grant = grants::read(&section, account, problems);
    let account = account?;
    let audience = audience(&section, account, problems)
        .filter(|audience| conditions::check_audience(&section, built, audience, problems));

    Some(Rule {
        name: name?.to_owned(),
        issuer: issuer?.to_owned(),
        service_account: account.name.clone(),
        audience: audience?,
        conditions: conditions?,
        grant: Arc::new(grant?),
    })
}

/// Claims that stand in the column of `claims:` itself are fields, and perhaps not meant so.
fn check_claims(section: &Section<'_>, others: &[&Entry], problems: &mut Problems) {
    let claims = section.value("claims");
    if let Some(node) =
        claims.filter(|node| matches!(node.value, Value::Null) && !others.is_empty())
    {
        let sentence = "has no value; what belongs to it is indented deeper; remove it if the keys \
                        below are fields of the rule";
        problems.add(&node.place, sentence);
    }
}

/// What to write where a name is missing.
fn advice(key: &str, names: &[String]) -> String {
    let example = names.first().map(|name| format!(", such as `{key}: {name}`"));
    format!("write the name of one under `{key}s:`{}", example.unwrap_or_default())
}

/// The audience of tokens for the rule: its own, or its service account's.
fn audience(
    section: &Section<'_>,
    account: &ServiceAccount,
    problems: &mut Problems,
) -> Option<String> {
    let Some(node) = section.value("audience") else {
        if account.audience.is_none() {
            let advice = "the service account has neither id nor audience, so write which `aud` \
                          tokens must have, such as `audience: octobroker`";
            let sentence = format!("`audience` is missing; {advice}");
            problems.add_lint(&AUD1, section.place(), sentence);
        }
        return account.audience.clone();
    };
    let audience = text(node, problems)?;
    if audience.is_empty() {
        refuse(node, "is empty; write the `aud` that tokens must have", problems);
        return None;
    }
    // Octopus judges by the audience too: another one would never be exchanged.
    if account.api_key.is_none() && account.audience.as_deref() != Some(audience) {
        let sentence = "is not the service account's audience, so Octopus would refuse the token; \
                        remove it, or write it at the service account";
        refuse(node, sentence, problems);
        return None;
    }
    Some(audience.to_owned())
}

fn name<'a>(
    section: &Section<'a>,
    names: &mut Vec<&'a str>,
    problems: &mut Problems,
) -> Option<&'a str> {
    let advice = "write one, such as `name: web-production`; logs and metrics show it";
    let node = section.required("name", advice, problems)?;
    let name = text(node, problems)?;
    if !check_name(name, &node.place, problems) {
        return None;
    }
    if names.contains(&name) {
        refuse(node, "another rule above has this name; write another", problems);
        return None;
    }
    names.push(name);
    Some(name)
}

/// A name that must be among those that are configured.
pub(super) fn configured<'a>(
    node: &'a Node,
    names: &[String],
    section: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    if let Value::List(_) = node.value {
        problems.add(&node.place, "must be one name, not a list; write a rule for each");
        return None;
    }
    let name = text(node, problems)?;
    if names.iter().any(|configured| configured == name) {
        return Some(name);
    }
    // Without any, that is what was reported.
    if !names.is_empty() {
        let names = names.iter().map(String::as_str);
        let near = suggestion(name, names.clone());
        let list: Vec<&str> = names.take(10).collect();
        let known = if near.is_empty() { format!("; known are {}", list.join(", ")) } else { near };
        let is_id = name.len() == 36 && name.matches('-').count() == 4;
        let id = if is_id { ", for it is an id, and a name is meant" } else { "" };
        refuse(node, format!("is not one of those under `{section}:`{id}{known}"), problems);
    }
    None
}
