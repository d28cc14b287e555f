//! `service_accounts:` — whom workloads act as.

use super::problem::Problems;
use super::reader::{Named, Section, check_name, entries, refuse, scalar, text};
use super::yaml::{Entry, Node};
use crate::octopus::ServiceAccount;

/// The keys of one service account.
pub(super) const KEYS: &[&str] = &["id", "audience"];

/// The parts of a GUID, in hexadecimal digits.
const GUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Reads the section.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Named<ServiceAccount> {
    let mut accounts = Named::none();
    let entries = entries(node, problems).unwrap_or_default();
    for entry in entries {
        accounts.names.push(entry.key.clone());
        if let Some(account) = account(entry, problems) {
            check_twin(&account, &accounts.built, entry, problems);
            accounts.built.push(account);
        }
    }
    accounts
}

fn account(entry: &Entry, problems: &mut Problems) -> Option<ServiceAccount> {
    let is_named = check_name(&entry.key, &entry.place, problems);
    let section = Section::open(&entry.node, KEYS, problems)?;
    let audience = match section.value("audience") {
        Some(node) => Some(audience(node, problems)?),
        None => None,
    };
    let advice = "write `id:` and the GUID that Octopus shows on the service account's page under \
                  OpenID Connect";
    let id = guid(section.required("id", advice, problems)?, problems)?;
    is_named.then(|| ServiceAccount {
        name: entry.key.clone(),
        audience: audience.unwrap_or_else(|| id.clone()),
        id,
    })
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
    let twin = others.iter().find(|other| {
        other.id.eq_ignore_ascii_case(&account.id) && other.audience == account.audience
    });
    if let Some(twin) = twin {
        let sentence =
            format!("is the same account as {}; keep one, or give them audiences", twin.name);
        problems.add(&entry.place, sentence);
    }
}
