//! A plan, done: one change after the other, in its order, up to the first that fails.
//!
//! Each change reads what it is about again before it writes, and a change that was done and whose
//! answer was lost is found by the next run. A key is written down and proven before an older one is
//! revoked; what it says is in its file and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::administrator::{Administrator, AdministratorError};
use super::found::{FoundAccount, FoundIdentity, FoundUser};
use super::key_file::{self, Beside, KeyFileError};
use super::moment;
use super::plan::{Action, Change, Plan};
use super::wanted::WantedIdentity;
use crate::secret::Secret;

/// A change that was made.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The change.
    pub change: &'a Change,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Applied<'a> {
    /// The GUIDs of the accounts that were made, by their names in Octopus.
    pub ids: Vec<(String, String)>,
    /// The change that was not made, and why; what follows it was not tried.
    pub stopped: Option<(&'a Change, ApplyError)>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Octopus did not do it.
    #[error("Octopus did not do it")]
    Octopus(#[from] AdministratorError),
    /// The key can't be kept.
    #[error("the new API key has no place")]
    KeyFile(#[from] KeyFileError),
    /// Octopus does not take the key that it made.
    #[error("Octopus does not take the API key that it has just made; the old one was left alone")]
    NotProven,
    /// The account is not there any more.
    #[error("the account was not made")]
    NoAccount,
}

/// Makes the changes of a plan without problems, up to the first that fails; tells each when it is
/// made. `now` is in Unix seconds.
pub async fn apply<'a>(
    administrator: &Administrator,
    plan: &'a Plan,
    now: u64,
    mut made: impl FnMut(Step<'a>),
) -> Applied<'a> {
    let mut work = Work { administrator, now, users: BTreeMap::new(), ids: Vec::new() };
    for (change, number) in plan.changes.iter().zip(1..) {
        if let Err(error) = work.make(change).await {
            return Applied { ids: work.ids, stopped: Some((change, error)) };
        }
        made(Step { number, of: plan.changes.len(), change });
    }
    Applied { ids: work.ids, stopped: None }
}

struct Work<'a> {
    administrator: &'a Administrator,
    now: u64,
    /// Accounts that were made: their user ids, by their names in lower case.
    users: BTreeMap<String, String>,
    ids: Vec<(String, String)>,
}

impl Work<'_> {
    async fn make(&mut self, change: &Change) -> Result<(), ApplyError> {
        if let Action::CreateAccount { username, display_name, is_agent } = &change.action {
            return self.create_account((username, display_name), *is_agent).await;
        }
        let made = || self.users.get(&change.username.as_ref()?.to_lowercase()).cloned();
        let user = change.user_id.clone().or_else(made).ok_or(ApplyError::NoAccount)?;
        match &change.action {
            Action::CreateAccount { .. } => Ok(()),
            Action::ShowAs { to, .. } => {
                self.change_user(&user, |resource| {
                    resource.insert("DisplayName".to_owned(), json!(to));
                })
                .await
            }
            Action::SetDirectory { entry, display_name, .. } => {
                self.change_user(&user, |resource| {
                    let logins = resource.entry("Identities").or_insert_with(|| json!([]));
                    if let Some(logins) = logins.as_array_mut() {
                        logins.retain(|login| !entry.is_of(login));
                        logins.push(entry.login(display_name));
                    }
                })
                .await
            }
            Action::JoinTeam { id, .. } => self.join(&user, id).await,
            Action::CreateIdentity { identity, .. } => {
                let path = format!("/api/serviceaccounts/{user}/oidcidentities/create/v1");
                self.write(Method::POST, &path, Some(&body(identity, &user))).await
            }
            Action::ChangeIdentity { from, to } => {
                self.write(Method::PUT, &of(from, &user), Some(&body(to, &user))).await
            }
            Action::RemoveIdentity(identity) => {
                self.write(Method::DELETE, &of(identity, &user), None).await
            }
            Action::CreateKey { path, purpose, expires_in, is_agent, .. } => {
                let wish = Wish { purpose, expires_in: *expires_in, is_agent: *is_agent };
                self.create_key(&user, path, &wish).await
            }
            Action::RevokeKey { id, .. } => {
                self.write(Method::DELETE, &format!("/api/users/{user}/apikeys/{id}"), None).await
            }
        }
    }

    async fn create_account(
        &mut self,
        (username, display_name): (&str, &str),
        is_agent: bool,
    ) -> Result<(), ApplyError> {
        let account = json!({
            "Username": username,
            "DisplayName": display_name,
            "IsActive": true,
            "IsService": true,
            "ServiceAccountType": if is_agent { "Agent" } else { "Standard" },
            "Identities": [],
        });
        let made = self.administrator.send(Method::POST, "/api/users", Some(&account)).await?;
        let user = FoundUser::of(&made);
        let what = || AdministratorError::Malformed { what: "POST /api/users".to_owned() };
        let user = user.ok_or_else(what)?;
        self.users.insert(username.to_lowercase(), user.user_id.clone());
        let account = FoundAccount::read(self.administrator, user).await?;
        self.ids.push((username.to_owned(), account.id));
        Ok(())
    }

    /// A user is read whole and handed back whole, so that what is not known here stays.
    async fn change_user(
        &self,
        user: &str,
        change: impl FnOnce(&mut serde_json::Map<String, Value>),
    ) -> Result<(), ApplyError> {
        let path = format!("/api/users/{user}");
        let mut resource = self.administrator.get(&path).await?;
        let Some(members) = resource.as_object_mut() else {
            return Err(AdministratorError::Malformed { what: format!("GET {path}") }.into());
        };
        change(members);
        self.write(Method::PUT, &path, Some(&resource)).await
    }

    /// So is a team.
    async fn join(&self, user: &str, team: &str) -> Result<(), ApplyError> {
        let path = format!("/api/teams/{team}");
        let mut resource = self.administrator.get(&path).await?;
        let Some(members) = resource.get_mut("MemberUserIds").and_then(Value::as_array_mut) else {
            return Err(AdministratorError::Malformed { what: format!("GET {path}") }.into());
        };
        if !members.iter().any(|member| member == user) {
            members.push(json!(user));
        }
        self.write(Method::PUT, &path, Some(&resource)).await
    }

    async fn create_key(&self, user: &str, path: &Path, wish: &Wish<'_>) -> Result<(), ApplyError> {
        if key_file::left_over(self.administrator, path, user).await?.is_none() {
            let beside = Beside::open(path)?;
            let key = match self.new_key(user, wish).await {
                Ok(key) => key,
                Err(error) => {
                    beside.discard();
                    return Err(error);
                }
            };
            beside.keep(&key)?;
            let holder = self.administrator.with(&key).ok_or(ApplyError::NotProven)?;
            let me = match holder.me().await {
                Err(error) if error.is_refusal() => return Err(ApplyError::NotProven),
                answer => answer?,
            };
            if FoundUser::of(&me).is_none_or(|me| me.user_id != user) {
                return Err(ApplyError::NotProven);
            }
        }
        key_file::put_in_place(path)?;
        Ok(())
    }

    async fn new_key(&self, user: &str, wish: &Wish<'_>) -> Result<Secret, ApplyError> {
        #[derive(Deserialize)]
        struct Made {
            #[serde(rename = "ApiKey")]
            key: String,
        }
        let path = format!("/api/users/{user}/apikeys");
        let mut asked = json!({ "UserId": user, "Purpose": wish.purpose });
        if let Some(members) = asked.as_object_mut() {
            if let Some(life) = wish.expires_in {
                let end = moment::written(self.now.saturating_add(life.as_secs()));
                members.insert("Expires".to_owned(), json!(end));
            }
            if wish.is_agent {
                members.insert("ActorType".to_owned(), json!("AiAgent"));
            }
        }
        let made = self.administrator.send(Method::POST, &path, Some(&asked)).await?;
        let made: Made = serde_json::from_value(made)
            .map_err(|_| AdministratorError::Malformed { what: format!("POST {path}") })?;
        Ok(Secret::new(made.key))
    }

    async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), ApplyError> {
        self.administrator.send(method, path, body).await?;
        Ok(())
    }
}

/// What a key is to be.
struct Wish<'a> {
    purpose: &'a str,
    expires_in: Option<Duration>,
    is_agent: bool,
}

/// Where an identity stands.
fn of(identity: &FoundIdentity, user: &str) -> String {
    format!("/api/serviceaccounts/{user}/oidcidentities/{}/v1", identity.id)
}

/// An audience that is not meant is left out: an empty one would be a custom one.
fn body(identity: &WantedIdentity, user: &str) -> Value {
    let mut body = json!({
        "ServiceAccountId": user,
        "Name": identity.name,
        "Issuer": identity.issuer,
        "Subject": identity.subject,
    });
    if let (Some(members), Some(audience)) = (body.as_object_mut(), &identity.audience) {
        members.insert("Audience".to_owned(), json!(audience));
    }
    body
}
