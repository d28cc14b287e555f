//! `/api/users`: people and service accounts. What a user is, is fixed when it is made.

use http::Method;
use serde_json::{Value, json};

use super::super::accounts::{Account, UserKind};
use super::super::shared::Shared;
use super::page::{filter, page};
use super::{Task, invalid, no_such_user, not_found};
use crate::answer::{self, Reply};

const NAME: usize = 64;
const EMAIL: usize = 256;

impl Shared {
    pub(super) fn users(&self, task: &Task<'_>, rest: &[&str]) -> Reply {
        match (&task.method, rest) {
            (&Method::GET, []) => self.list_users(task),
            (&Method::POST, []) => self.create_user(task),
            (&Method::GET, [user]) => match self.user_resource(user) {
                Some(found) => answer::json_reply(200, &found),
                None => no_such_user(),
            },
            (&Method::PUT, [user]) => self.change_user(task, user),
            _ => not_found(),
        }
    }

    /// The user as Octopus shows it; the GUID is not part of it.
    pub(in super::super) fn user_resource(&self, user: &str) -> Option<Value> {
        let mut accounts = self.accounts();
        accounts.by_user_id(user).map(|account| resource(account, &self.virtual_directory))
    }

    fn list_users(&self, task: &Task<'_>) -> Reply {
        let text = filter(task.request, "filter");
        let is_service = filter(task.request, "isServiceAccount");
        let kind = filter(task.request, "serviceAccountType");
        let accounts = self.accounts();
        let is_asked_for = |account: &&Account| {
            let fits = text.as_ref().is_none_or(|text| {
                let of = [&account.public.name, &account.display_name, &account.public.id];
                of.iter().any(|value| value.to_lowercase().contains(text))
            });
            let is_it = account.kind != UserKind::Ordinary;
            let type_fits = kind
                .as_ref()
                .is_none_or(|kind| is_it && kind_name(account.kind).eq_ignore_ascii_case(kind));
            fits && type_fits
                && is_service.as_ref().is_none_or(|wanted| *wanted == is_it.to_string())
        };
        let found = accounts.all.iter().filter(is_asked_for);
        let items: Vec<Value> =
            found.map(|account| resource(account, &self.virtual_directory)).collect();
        drop(accounts);
        page(task.request, &items)
    }

    fn create_user(&self, task: &Task<'_>) -> Reply {
        let mut faults = Vec::new();
        let username = task.needed("Username", NAME, &mut faults);
        let display_name = task.needed("DisplayName", NAME, &mut faults);
        let is_service = task.member("IsService").and_then(Value::as_bool).unwrap_or(false);
        let kind = match (is_service, task.text("ServiceAccountType")) {
            (false, None) => UserKind::Ordinary,
            (true, None | Some("Standard")) => UserKind::Standard,
            (true, Some("Agent")) => UserKind::Agent,
            (_, other) => {
                faults.push(format!("ServiceAccountType {other:?} does not fit"));
                UserKind::Ordinary
            }
        };
        if kind == UserKind::Ordinary && task.text("Password").is_none() && is_service {
            faults.push("A password is required".to_owned());
        }
        let mut accounts = self.accounts();
        let is_taken = accounts.all.iter().any(|it| it.public.name.eq_ignore_ascii_case(&username));
        if is_taken {
            faults.push(format!(
                "A user with username '{username}' already exists. Please choose a different \
                 username."
            ));
        }
        if !faults.is_empty() {
            return invalid(&faults);
        }
        let made = accounts.add(&username, kind);
        let Some(account) = accounts.by_user_id(&made.user_id) else { return no_such_user() };
        account.display_name = display_name;
        account.email = task.text("EmailAddress").map(str::to_owned);
        account.is_active = task.member("IsActive").and_then(Value::as_bool).unwrap_or(true);
        account.logins = logins(task).unwrap_or_default();
        answer::json_reply(201, &resource(account, &self.virtual_directory))
    }

    fn change_user(&self, task: &Task<'_>, user: &str) -> Reply {
        let mut accounts = self.accounts();
        let Some(account) = accounts.by_user_id(user) else { return no_such_user() };
        let mut faults = Vec::new();
        let display_name = task.needed("DisplayName", NAME, &mut faults);
        let username = task.needed("Username", NAME, &mut faults);
        if task.text("Id").is_some_and(|id| id != user) {
            faults.push("The id in the body is another user's".to_owned());
        }
        if username != account.public.name {
            faults.push("This pretend server renames nobody".to_owned());
        }
        let is_service = account.kind != UserKind::Ordinary;
        let was_type = task.member("IsService").is_some_and(|it| it != is_service)
            || (is_service
                && task.text("ServiceAccountType").is_some_and(|it| it != kind_name(account.kind)));
        if was_type {
            faults.push("What a user is can't be changed".to_owned());
        }
        if task.text("EmailAddress").is_some_and(|email| email.chars().count() > EMAIL) {
            faults.push(format!("EmailAddress must be {EMAIL} characters or fewer"));
        }
        let logins = logins(task);
        if task.member("Identities").is_some() && logins.is_none() {
            faults.push("Identities have a provider and claims".to_owned());
        }
        if !faults.is_empty() {
            return invalid(&faults);
        }
        account.display_name = display_name;
        account.email = task.text("EmailAddress").map(str::to_owned);
        // What is left out is taken away, as of any PUT.
        account.is_active = task.member("IsActive").and_then(Value::as_bool).unwrap_or(false);
        account.logins = logins.unwrap_or_default();
        answer::json_reply(200, &resource(account, &self.virtual_directory))
    }
}

/// External logins: each has a provider and claims, at least one of them identifying.
fn logins(task: &Task<'_>) -> Option<Vec<Value>> {
    let all = task.member("Identities")?.as_array()?;
    let is_good = |login: &Value| {
        let claims = login.get("Claims").and_then(Value::as_object);
        login.get("IdentityProviderName").and_then(Value::as_str).is_some_and(|it| !it.is_empty())
            && claims.is_some_and(|claims| {
                let is_identifying = |claim: &Value| {
                    claim.get("Value").and_then(Value::as_str).is_some_and(|it| !it.is_empty())
                        && claim.get("IsIdentifyingClaim").and_then(Value::as_bool) == Some(true)
                };
                claims.values().any(is_identifying)
            })
    };
    all.iter().all(is_good).then(|| all.clone())
}

fn kind_name(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Ordinary | UserKind::Standard => "Standard",
        UserKind::Agent => "Agent",
    }
}

fn resource(account: &Account, virtual_directory: &str) -> Value {
    let user = &account.public.user_id;
    let mut resource = json!({
        "Id": user,
        "Username": account.public.name,
        "DisplayName": account.display_name,
        "EmailAddress": account.email,
        "IsActive": account.is_active,
        "IsService": account.kind != UserKind::Ordinary,
        "Identities": account.logins,
        "IsRequestor": false,
        "CanPasswordBeEdited": account.kind == UserKind::Ordinary,
        "Links": {"Self": format!("{virtual_directory}/api/users/{user}")},
    });
    if account.kind != UserKind::Ordinary
        && let Some(members) = resource.as_object_mut()
    {
        members.insert("ServiceAccountType".to_owned(), kind_name(account.kind).into());
    }
    resource
}
