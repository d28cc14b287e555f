//! `service_accounts:` — whom workloads act as.

use std::cell::RefCell;
use std::path::Path;

use serde_json::{Value, json};

use super::expand::Environment;
use super::lints::{SEC1, warn_of_unknown_readers};
use super::problem::Problems;
use super::provisions::{self, Ids, Provision};
use super::reader::{Named, Section, check_name, entries, refuse, refuse_for, scalar, text};
use super::schema::{Form, Key, Shape, names};
use super::secret::{self, SecretSource};
use super::values::flag;
use super::yaml::{Entry, Node};
use crate::octopus::{ApiKey, ServiceAccount};
use crate::provision::{WantedAccount, WantedKey};
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
            "username",
            Shape::Text,
            "Its name in Octopus, by which `octobroker apply` finds or makes it; it has no id before.",
        )
        .example("svc-release"),
        Key::new("display_name", Shape::Text, "The name that people see in Octopus.")
            .example("Release bot"),
        Key::new(
            "teams",
            Shape::List(&Shape::Text),
            "Teams in Octopus that it is to belong to, by names or ids.",
        )
        .example("[\"Deployers\"]"),
        Key::new(
            "active_directory",
            Shape::Form(&provisions::DIRECTORY_FORM),
            "Its login in Active Directory, whose groups decide its teams.",
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
        "anyOf": [
            { "required": ["id"] },
            { "required": ["api_key"] },
            { "required": ["username"] },
        ],
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
    pub(super) ids: Ids,
}

/// An account, and what Octopus is to know of it.
pub(super) type Read = (ServiceAccount, WantedAccount);

/// Reads the section.
pub(super) fn read(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> (Named<ServiceAccount>, Vec<WantedAccount>) {
    let mut accounts = Named::none();
    let mut wanted = Vec::new();
    let entries = entries(node, problems).unwrap_or_default();
    for entry in entries {
        accounts.names.push(entry.key.clone());
        if let Some((account, of_octopus)) = account(entry, surroundings, problems) {
            check_twin(&account, &accounts.built, entry, problems);
            check_username(&of_octopus, &wanted, entry, problems);
            check_key_file(&of_octopus, &wanted, entry, problems);
            accounts.built.push(account);
            wanted.push(of_octopus);
        }
    }
    (accounts, wanted)
}

fn account(entry: &Entry, surroundings: Surroundings<'_>, problems: &mut Problems) -> Option<Read> {
    let is_named = check_name(&entry.key, &entry.place, problems);
    let section = Section::open(&entry.node, KEYS, problems)?;
    let custom = match section.value("audience") {
        Some(node) => Some(audience(node, problems)?),
        None => None,
    };
    let mut provision = provisions::read(&section, problems)?;
    let api_key = match section.value("api_key") {
        Some(node) => {
            let (key, made) = api_key(node, surroundings, problems)?;
            provision.key = made;
            Some(key)
        }
        None => None,
    };
    let written = match section.value("id") {
        Some(node) => Some(guid(node, problems)?),
        None => None,
    };
    let is_agent = match section.value("agent") {
        Some(node) => flag(node, problems)?,
        None => false,
    };
    let parts = Parts { provision: &provision, api_key: api_key.as_ref(), written, is_agent };
    let id = parts.id(surroundings.ids).map_err(|fault| problems.add(&entry.place, fault)).ok()?;
    let wanted = WantedAccount {
        name: entry.key.clone(),
        id: id.clone(),
        is_agent,
        is_keyed: api_key.is_some(),
        audience: custom.clone().filter(|audience| Some(audience) != id.as_ref()),
        is_ambient: false,
        username: provision.username,
        display_name: provision.display_name,
        teams: provision.teams,
        active_directory: provision.active_directory,
        key: provision.key,
    };
    let is_awaited = id.is_none() && api_key.is_none();
    let later = || is_awaited.then(|| format!("(the id of {})", entry.key));
    let account = ServiceAccount {
        name: entry.key.clone(),
        audience: custom.or_else(|| id.clone()).or_else(later),
        id,
        api_key,
        is_agent,
    };
    is_named.then_some((account, wanted))
}

/// What says who an account is.
struct Parts<'a> {
    provision: &'a Provision,
    api_key: Option<&'a ApiKey>,
    written: Option<String>,
    is_agent: bool,
}

impl Parts<'_> {
    /// The id, if there is one or none is needed; else what to write.
    fn id(self, ids: Ids) -> Result<Option<String>, String> {
        let username = self.provision.username.as_deref();
        let sentence = if self.is_agent && self.api_key.is_none() {
            "agent service accounts of Octopus have API keys only; write `api_key: { file: … }`"
                .to_owned()
        } else if let (None, None, Some(key)) =
            (&self.written, username, self.provision.first_key())
        {
            format!("has `{key}` and says not of whom; write `username:`, its name in Octopus")
        } else if self.written.is_some() || self.api_key.is_some() {
            return Ok(self.written);
        } else {
            match (ids, username) {
                (_, None) => "has neither `id` nor `api_key`; write `id:` and the GUID that Octopus \
                              shows on the service account's page under OpenID Connect"
                    .to_owned(),
                (Ids::Awaited, Some(_)) => return Ok(None),
                (Ids::Written, Some(_)) => "has no `id` yet; `octobroker plan` prints the id of an \
                                            account that is in Octopus, and `octobroker apply` makes \
                                            one that is not and prints its id, to write here"
                    .to_owned(),
            }
        };
        Err(sentence)
    }
}

/// The key, and what is to be made of it.
fn api_key(
    node: &Node,
    surroundings: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<(ApiKey, Option<WantedKey>)> {
    let (source, made) = secret::read(node, surroundings, problems)?;
    let is_awaited = matches!(surroundings.ids, Ids::Awaited);
    if let SecretSource::File(path) = &source {
        warn_of_unknown_readers(path, node, problems);
    }
    let key = match source {
        SecretSource::Known(secret) => {
            ApiKey::fixed(secret).ok_or_else(|| "is no key: it holds a line break".to_owned())
        }
        SecretSource::File(path) if is_awaited => {
            ApiKey::awaited(path).ok_or_else(|| "is no file".to_owned())
        }
        SecretSource::File(path) => {
            let read = ApiKey::from_file(path.clone());
            if let Err(error @ SecretFileError::Mode { .. }) = read {
                let sentence = format!("the file {} {error}", path.display());
                refuse_for(&SEC1, node, sentence, problems);
                return None;
            }
            let advice = if made.is_some() { "; `octobroker apply` makes the key" } else { "" };
            read.map_err(|error| format!("the file {} {error}{advice}", path.display()))
        }
    };
    let key = key.map_err(|sentence| refuse(node, sentence, problems)).ok()?;
    Some((key, made))
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

/// Two accounts of the file are two in Octopus.
fn check_username(
    account: &WantedAccount,
    others: &[WantedAccount],
    entry: &Entry,
    problems: &mut Problems,
) {
    let Some(username) = &account.username else { return };
    let is_twin = |other: &&WantedAccount| {
        let is_same = other.username.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(username));
        is_same && other.audience == account.audience
    };
    if let Some(twin) = others.iter().find(is_twin) {
        let sentence = format!("has the username of {}; keep one, or write another", twin.name);
        problems.add(&entry.place, sentence);
    }
}

/// A file has the key of one account: a second one's would take its place.
fn check_key_file(
    account: &WantedAccount,
    others: &[WantedAccount],
    entry: &Entry,
    problems: &mut Problems,
) {
    let Some(key) = &account.key else { return };
    let is_twin = |other: &&WantedAccount| other.key.as_ref().is_some_and(|it| it.path == key.path);
    if let Some(twin) = others.iter().find(is_twin) {
        let sentence = format!("has the `api_key.file` of {}; write another", twin.name);
        problems.add(&entry.place, sentence);
    }
}
