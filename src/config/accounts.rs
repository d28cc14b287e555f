//! `service_accounts:` — whom workloads act as.

use std::cell::RefCell;
use std::path::Path;

use serde_json::{Value, json};

use super::expand::Environment;
use super::lints::SEC1;
use super::problem::Problems;
use super::reader::{Named, Section, check_name, entries, refuse, refuse_for, scalar, text};
use super::schema::{Form, Key, Shape, names};
use super::secret::{self, SecretSource};
use super::values::flag;
use super::yaml::{Entry, Node};
use crate::octopus::{ApiKey, ServiceAccount};
use crate::secret::SecretFileError;

/// One service account.
pub(super) const FORM: Form = Form::with(
    &[
        Key::new(
            "id",
            Shape::Guid,
            "The GUID that Octopus shows on the account's page under OpenID Connect.",
        )
        .example("5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33"),
        Key::new("audience", Shape::Text, "The `aud` of tokens for it; the id if not written.")
            .example("octobroker"),
        Key::new(
            "api_key",
            Shape::Form(&secret::FORM),
            "Where its API key is, for servers and accounts without OIDC.",
        ),
        Key::new(
            "agent",
            Shape::Flag,
            "An agent service account, by API key; it may read, no more.",
        )
        .default("false"),
    ],
    needs,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

fn needs() -> Value {
    json!({
        "anyOf": [{ "required": ["id"] }, { "required": ["api_key"] }],
        "if": { "properties": { "agent": { "const": true } }, "required": ["agent"] },
        "then": { "required": ["api_key"] },
    })
}

/// The parts of a GUID, in hexadecimal digits.
const GUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Where secrets are looked for.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) folder: &'a Path,
    pub(super) environment: Environment<'a>,
    /// The variables in which secrets were found.
    pub(super) secret_variables: &'a RefCell<Vec<String>>,
}

/// Reads the section.
pub(super) fn read(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Named<ServiceAccount> {
    let mut accounts = Named::none();
    let entries = entries(node, problems).unwrap_or_default();
    for entry in entries {
        accounts.names.push(entry.key.clone());
        if let Some(account) = account(entry, surroundings, problems) {
            check_twin(&account, &accounts.built, entry, problems);
            accounts.built.push(account);
        }
    }
    accounts
}

fn account(
    entry: &Entry,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<ServiceAccount> {
    let is_named = check_name(&entry.key, &entry.place, problems);
    let section = Section::open(&entry.node, KEYS, problems)?;
    let audience = match section.value("audience") {
        Some(node) => Some(audience(node, problems)?),
        None => None,
    };
    let api_key = match section.value("api_key") {
        Some(node) => Some(api_key(node, surroundings, problems)?),
        None => None,
    };
    let id = match section.value("id") {
        Some(node) => Some(guid(node, problems)?),
        None => None,
    };
    if id.is_none() && api_key.is_none() {
        let sentence = "has neither `id` nor `api_key`; write `id:` and the GUID that Octopus \
                        shows on the service account's page under OpenID Connect";
        problems.add(&entry.place, sentence);
        return None;
    }
    let is_agent = match section.value("agent") {
        Some(node) => flag(node, problems)?,
        None => false,
    };
    if is_agent && api_key.is_none() {
        let sentence = "agent service accounts of Octopus have API keys only; write `api_key: { \
                        file: … }`";
        problems.add(&entry.place, sentence);
        return None;
    }
    is_named.then(|| ServiceAccount {
        name: entry.key.clone(),
        audience: audience.or_else(|| id.clone()),
        id,
        api_key,
        is_agent,
    })
}

fn api_key(node: &Node, surroundings: Surroundings<'_>, problems: &mut Problems) -> Option<ApiKey> {
    let key = match secret::read(node, surroundings, problems)? {
        SecretSource::Known(secret) => {
            ApiKey::fixed(secret).ok_or_else(|| "is no key: it holds a line break".to_owned())
        }
        SecretSource::File(path) => {
            let read = ApiKey::from_file(path.clone());
            if let Err(error @ SecretFileError::Mode { .. }) = read {
                let sentence = format!("the file {} {error}", path.display());
                refuse_for(&SEC1, node, sentence, problems);
                return None;
            }
            read.map_err(|error| format!("the file {} {error}", path.display()))
        }
    };
    key.map_err(|sentence| refuse(node, sentence, problems)).ok()
}

fn audience(node: &Node, problems: &mut Problems) -> Option<String> {
    if scalar(node, problems)?.text.is_empty() {
        let sentence = "is empty; write the audience that the OIDC identity in Octopus has, or \
                        remove the key to use the id";
        refuse(node, sentence, problems);
        return None;
    }
    text(node, problems).map(str::to_owned)
}

fn guid(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = text(node, problems)?;
    let mut lengths = text.split('-').map(str::len);
    let is_hexadecimal = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_hexadecimal && lengths.by_ref().eq(GUID) {
        return Some(text.to_owned());
    }
    let sentence = if text.starts_with("Users-") {
        "is the user's id, not the GUID; write the service account id that Octopus shows on the \
         account's page under OpenID Connect, such as 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33"
    } else {
        "must be a GUID, such as 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33: Octopus shows it on the \
         service account's page under OpenID Connect (`ExternalId` in its API)"
    };
    refuse(node, sentence, problems);
    None
}

/// One account under two names would leave open which of them a token is for.
fn check_twin(
    account: &ServiceAccount,
    others: &[ServiceAccount],
    entry: &Entry,
    problems: &mut Problems,
) {
    let Some(id) = &account.id else { return };
    let twin = others.iter().find(|other| {
        other.id.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(id))
            && other.audience == account.audience
    });
    if let Some(twin) = twin {
        let sentence =
            format!("is the same account as {}; keep one, or give them audiences", twin.name);
        problems.add(&entry.place, sentence);
    }
}
