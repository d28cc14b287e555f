//! `/api/serviceaccounts/{Users-N}/oidcidentities`: who may become a service account. This list
//! alone shows the account's GUID.

use http::Method;
use serde_json::{Value, json};

use super::super::accounts::{Account, Identity, UserKind};
use super::super::shared::Shared;
use super::page::window;
use super::{Task, invalid, no_such_user, not_found};
use crate::answer::{self, Reply};
use crate::body;

impl Shared {
    pub(super) fn identities(&self, task: &Task<'_>, user: &str, rest: &[&str]) -> Reply {
        let is_service = |account: &mut Account| account.kind != UserKind::Ordinary;
        if !self.accounts().by_user_id(user).is_some_and(is_service) {
            return no_such_user();
        }
        match (&task.method, rest) {
            (&Method::GET, ["v1"]) => self.list_identities(task, user),
            (&Method::POST, ["create", "v1"]) => self.create_identity(task, user),
            (&Method::GET, [id, "v1"]) => self.with_identity(user, id, |identities, place| {
                let found = identities.get(place).map(|found| resource(found, user));
                found.map_or_else(not_found, |found| answer::json_reply(200, &found))
            }),
            (&Method::DELETE, [id, "v1"]) => self.with_identity(user, id, |identities, place| {
                identities.remove(place);
                answer::json_reply(200, &json!({}))
            }),
            (&Method::PUT, [id, "v1"]) => self.change_identity(task, user, id),
            _ => not_found(),
        }
    }

    fn list_identities(&self, task: &Task<'_>, user: &str) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user) else {
            return no_such_user();
        };
        let (skip, take) = window(task.request);
        let identities: Vec<_> = account
            .identities
            .iter()
            .skip(skip)
            .take(take)
            .map(|identity| resource(identity, user))
            .collect();
        let list = json!({
            "ServerUrl": self.url,
            "ExternalId": account.public.id,
            "Count": account.identities.len(),
            "OidcIdentities": identities,
        });
        answer::json_reply(200, &list)
    }

    fn create_identity(&self, task: &Task<'_>, user: &str) -> Reply {
        let is_agent = |account: &mut Account| account.kind == UserKind::Agent;
        let mut faults = Vec::new();
        if self.accounts().by_user_id(user).is_some_and(is_agent) {
            faults.push("Agent service accounts have API keys only".to_owned());
        }
        let identity = read(task, user, &mut faults);
        if !faults.is_empty() {
            return invalid(&faults);
        }
        let who =
            (identity.issuer.as_str(), identity.subject.as_str(), identity.audience.as_deref());
        match self.accounts().add_identity(user, &identity.name, who) {
            Some(id) => answer::json_reply(201, &json!({"Id": id})),
            None => no_such_user(),
        }
    }

    fn change_identity(&self, task: &Task<'_>, user: &str, id: &str) -> Reply {
        let mut faults = Vec::new();
        let identity = read(task, user, &mut faults);
        if !faults.is_empty() {
            return invalid(&faults);
        }
        self.with_identity(user, id, |identities, place| {
            if let Some(found) = identities.get_mut(place) {
                *found = Identity { id: found.id.clone(), ..identity };
            }
            // To see it, it is read again.
            answer::bare(200, body::full(""))
        })
    }

    fn with_identity(
        &self,
        user: &str,
        id: &str,
        act: impl FnOnce(&mut Vec<Identity>, usize) -> Reply,
    ) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user) else {
            return no_such_user();
        };
        let identities = &mut account.identities;
        match identities.iter().position(|identity| identity.id == id) {
            Some(place) => act(identities, place),
            None => answer::octopus_error(404, "There is no such identity"),
        }
    }
}

/// What a client wants an identity to be. An audience that is not meant is left out, not empty.
fn read(task: &Task<'_>, user: &str, faults: &mut Vec<String>) -> Identity {
    let name = task.needed("Name", 200, faults);
    let issuer = task.needed("Issuer", 2_000, faults);
    let subject = task.needed("Subject", 2_000, faults);
    let is_url = ["https://", "http://127.0.0.1:"].iter().any(|start| issuer.starts_with(start));
    if !issuer.is_empty() && !is_url {
        faults.push("Issuer must be an https URL".to_owned());
    }
    if task.text("ServiceAccountId") != Some(user) {
        faults.push("ServiceAccountId is not that of the path".to_owned());
    }
    let audience = task.member("Audience");
    if audience.is_some_and(|it| it.as_str().is_none_or(str::is_empty)) {
        faults.push("Audience is empty".to_owned());
    }
    let audience = audience.and_then(Value::as_str).map(str::to_owned);
    Identity { id: String::new(), name, issuer, subject, audience }
}

fn resource(identity: &Identity, user: &str) -> Value {
    let mut resource = json!({
        "Id": identity.id,
        "ServiceAccountId": user,
        "Name": identity.name,
        "Issuer": identity.issuer,
        "Subject": identity.subject,
    });
    if let (Some(members), Some(audience)) = (resource.as_object_mut(), &identity.audience) {
        members.insert("Audience".to_owned(), audience.as_str().into());
    }
    resource
}
