//! OIDC identities and API keys over HTTP, as far as tests and `doctor` commands read them.

use http::Method;
use serde_json::{Value, json};

use super::accounts::Identity;
use super::api::{any_case, collection};
use super::shared::Shared;
use crate::answer::{self, Reply};

impl Shared {
    /// Below `/api/serviceaccounts/{Users-N}/oidcidentities`.
    pub(super) fn identities(
        &self,
        method: &Method,
        user: &str,
        rest: &[&str],
        body: &Value,
    ) -> Reply {
        match (method, rest) {
            (&Method::GET, ["v1"]) => self.list_identities(user),
            (&Method::POST, ["create", "v1"]) => self.create_identity(user, body),
            (&Method::GET, [id, "v1"]) => self.with_identity(user, id, |identities, place| {
                identities.get(place).map(|found| resource(found, user))
            }),
            (&Method::DELETE, [id, "v1"]) => self.with_identity(user, id, |identities, place| {
                identities.remove(place);
                Some(json!({}))
            }),
            (&Method::PUT, [id, "v1"]) => self.with_identity(user, id, |identities, place| {
                identities.get_mut(place)?.update(body)?;
                Some(json!({}))
            }),
            _ => answer::octopus_error(404, "The resource you requested was not found."),
        }
    }

    fn list_identities(&self, user: &str) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user) else {
            return no_such_user();
        };
        let identities: Vec<_> =
            account.identities.iter().map(|identity| resource(identity, user)).collect();
        let list = json!({
            "ServerUrl": self.url,
            "ExternalId": account.public.id,
            "Count": identities.len(),
            "OidcIdentities": identities,
        });
        answer::json_reply(200, &list)
    }

    fn create_identity(&self, user: &str, body: &Value) -> Reply {
        let text = |name| any_case(body, name).and_then(Value::as_str);
        let (Some(issuer), Some(subject)) = (text("Issuer"), text("Subject")) else {
            return answer::octopus_error(400, "Issuer and Subject are needed");
        };
        let who = (issuer, subject, text("Audience"));
        let name = text("Name").unwrap_or_default();
        match self.accounts().add_identity(user, name, who) {
            Some(id) => answer::json_reply(201, &json!({"Id": id})),
            None => no_such_user(),
        }
    }

    fn with_identity(
        &self,
        user: &str,
        id: &str,
        act: impl FnOnce(&mut Vec<Identity>, usize) -> Option<Value>,
    ) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user) else {
            return no_such_user();
        };
        let identities = &mut account.identities;
        let place = identities.iter().position(|identity| identity.id == id);
        match place.map(|place| act(identities, place)) {
            Some(Some(outcome)) => answer::json_reply(200, &outcome),
            Some(None) => answer::octopus_error(400, "Issuer and Subject are needed"),
            None => answer::octopus_error(404, "There is no such identity"),
        }
    }

    /// Below `/api/users/{Users-N}/apikeys`.
    pub(super) fn api_keys(
        &self,
        method: &Method,
        user: &str,
        rest: &[&str],
        body: &Value,
    ) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user).map(|found| found.public.clone()) else {
            return no_such_user();
        };
        match (method, rest) {
            (&Method::POST, []) => {
                let key = accounts.add_api_key(&account);
                let purpose = any_case(body, "Purpose").cloned().unwrap_or_default();
                let made = json!({"Id": "apikeys-1", "ApiKey": key, "Purpose": purpose});
                answer::json_reply(200, &made)
            }
            (&Method::GET, []) => collection(&[]),
            _ => answer::octopus_error(404, "The resource you requested was not found."),
        }
    }
}

impl Identity {
    fn update(&mut self, body: &Value) -> Option<()> {
        let text = |name| any_case(body, name).and_then(Value::as_str).map(str::to_owned);
        self.issuer = text("Issuer")?;
        self.subject = text("Subject")?;
        self.audience = text("Audience");
        Some(())
    }
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

fn no_such_user() -> Reply {
    answer::octopus_error(404, "There is no such user")
}
