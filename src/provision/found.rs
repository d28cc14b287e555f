//! What stands in Octopus. All of it is read before anything is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::administrator::{Administrator, AdministratorError};
use super::wanted::{Wanted, WantedAccount};
use super::{key_file, moment};
use crate::secret::Secret;

/// All that was read.
#[derive(Debug, Default)]
pub struct Found {
    /// Every user, people included.
    pub users: Vec<FoundUser>,
    /// The service accounts that were looked at closely.
    pub accounts: Vec<FoundAccount>,
    /// Every team.
    pub teams: Vec<FoundTeam>,
    /// What is in the files that keys are to stand in, by the configured names of their accounts.
    pub held: BTreeMap<String, HeldKey>,
    /// Keys of a run that was cut off, which stand beside these files and are good; by the same names.
    pub left_over: BTreeMap<String, Secret>,
}

/// A user, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    /// `Users-21`
    pub user_id: String,
    /// The name to log in with.
    pub username: String,
    /// The name that people see.
    pub display_name: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// Whether it is a service account.
    pub is_service: bool,
    /// Whether it is an agent's.
    pub is_agent: bool,
    /// External logins, as Octopus writes them.
    pub logins: Vec<Value>,
}

/// A service account, with what belongs to it.
#[derive(Debug, Clone)]
pub struct FoundAccount {
    /// The user.
    pub user: FoundUser,
    /// The GUID.
    pub id: String,
    /// Its OIDC identities.
    pub identities: Vec<FoundIdentity>,
    /// Its API keys, if they were asked for.
    pub keys: Vec<FoundKey>,
}

/// An OIDC identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIdentity {
    /// `ServiceAccountOidcIdentitys-5`
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `iss`
    pub issuer: String,
    /// With wildcards.
    pub subject: String,
    /// None if it is the account's id.
    pub audience: Option<String>,
}

/// An API key, as far as Octopus shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// `apikeys-7`
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// How it begins.
    pub hint: String,
    /// Unix seconds.
    pub expires: Option<u64>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTeam {
    /// `Teams-41`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Ids of users.
    pub members: Vec<String>,
}

/// What is in the file that a key is to stand in.
#[derive(Debug, Clone)]
pub enum HeldKey {
    /// There is no file.
    Missing,
    /// A key of this account that Octopus takes.
    Good(Secret),
    /// A key that Octopus does not take.
    Refused,
    /// A key of another user.
    OfAnother(String),
    /// Something that is no key, or can't be read: why.
    Unusable(String),
}

impl Found {
    /// Reads what the wanted has to do with.
    pub async fn read(
        administrator: &Administrator,
        wanted: &Wanted,
    ) -> Result<Self, AdministratorError> {
        let mut found = Self::users(administrator).await?;
        let of = |user: &FoundUser| wanted.accounts.iter().find(|it| user.is_called(it));
        // One that is known by its id alone may be any of them: only its identities show the id.
        let is_lost = |account: &WantedAccount| {
            account.id.is_some() && !found.users.iter().any(|user| user.is_called(account))
        };
        let has_lost = wanted.accounts.iter().any(is_lost);
        let services: Vec<FoundUser> =
            found.users.iter().filter(|user| user.is_service).cloned().collect();
        for user in services {
            if of(&user).is_none() && !has_lost {
                continue;
            }
            let mut account = FoundAccount::read(administrator, user).await?;
            if wanted.accounts.iter().any(|it| it.key.is_some() && account.is(it)) {
                account.read_keys(administrator).await?;
            }
            found.accounts.push(account);
        }
        for account in &wanted.accounts {
            let Some(key) = &account.key else { continue };
            let user_id = found.account(account).map(|it| it.user.user_id.as_str());
            let user_id = user_id.unwrap_or_default();
            let held = key_file::look(administrator, &key.path, user_id).await?;
            let left_over = key_file::left_over(administrator, &key.path, user_id).await?;
            found.held.insert(account.name.clone(), held);
            if let Some(key) = left_over {
                found.left_over.insert(account.name.clone(), key);
            }
        }
        found.read_teams(administrator).await?;
        Ok(found)
    }

    /// Reads every service account, and the teams; no keys.
    pub async fn read_services(administrator: &Administrator) -> Result<Self, AdministratorError> {
        let mut found = Self::users(administrator).await?;
        let services: Vec<FoundUser> =
            found.users.iter().filter(|user| user.is_service).cloned().collect();
        for user in services {
            found.accounts.push(FoundAccount::read(administrator, user).await?);
        }
        found.read_teams(administrator).await?;
        Ok(found)
    }

    async fn read_teams(
        &mut self,
        administrator: &Administrator,
    ) -> Result<(), AdministratorError> {
        let teams = administrator.items("/api/teams", COLLECTION).await?.0;
        self.teams = all(&teams, FoundTeam::of, "GET /api/teams")?;
        Ok(())
    }

    async fn users(administrator: &Administrator) -> Result<Self, AdministratorError> {
        let users = administrator.items("/api/users", COLLECTION).await?.0;
        let users = all(&users, FoundUser::of, "GET /api/users")?;
        Ok(Self { users, ..Self::default() })
    }

    /// The account that is meant.
    pub fn account(&self, wanted: &WantedAccount) -> Option<&FoundAccount> {
        let by_name = self.accounts.iter().find(|account| account.user.is_called(wanted));
        by_name.or_else(|| self.accounts.iter().find(|account| account.is(wanted)))
    }
}

/// Where a collection has its items, and their number.
const COLLECTION: (&str, &str) = ("Items", "TotalResults");

impl FoundUser {
    pub(super) fn of(resource: &Value) -> Option<Self> {
        let kind = text(resource, "ServiceAccountType");
        Some(Self {
            user_id: text(resource, "Id")?,
            username: text(resource, "Username")?,
            display_name: text(resource, "DisplayName").unwrap_or_default(),
            is_active: flag(resource, "IsActive"),
            is_service: flag(resource, "IsService"),
            is_agent: kind.as_deref() == Some("Agent"),
            logins: resource
                .get("Identities")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        })
    }

    /// Octopus does not know case here.
    pub(super) fn is_called(&self, wanted: &WantedAccount) -> bool {
        let name = wanted.username.as_deref();
        name.is_some_and(|name| name.eq_ignore_ascii_case(&self.username))
    }
}

impl FoundAccount {
    /// The service account that is meant, with its identities; no keys and no teams.
    pub async fn find(
        administrator: &Administrator,
        wanted: &WantedAccount,
    ) -> Result<Option<Self>, AdministratorError> {
        let mut users = Found::users(administrator).await?.users;
        users.retain(|user| user.is_service);
        // Only its identities show the id of an account, so the one of its name comes first.
        users.sort_by_key(|user| !user.is_called(wanted));
        for user in users {
            let account = Self::read(administrator, user).await?;
            if account.is(wanted) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// Reads the identities of a service account.
    pub(super) async fn read(
        administrator: &Administrator,
        user: FoundUser,
    ) -> Result<Self, AdministratorError> {
        let path = format!("/api/serviceaccounts/{}/oidcidentities/v1", user.user_id);
        let (identities, page) = administrator.items(&path, ("OidcIdentities", "Count")).await?;
        let id = text(&page, "ExternalId");
        let id = id.ok_or_else(|| AdministratorError::Malformed { what: format!("GET {path}") })?;
        Ok(Self {
            user,
            id,
            identities: all(&identities, FoundIdentity::of, &format!("GET {path}"))?,
            keys: Vec::new(),
        })
    }

    async fn read_keys(&mut self, administrator: &Administrator) -> Result<(), AdministratorError> {
        let path = format!("/api/users/{}/apikeys", self.user.user_id);
        let keys = administrator.items(&path, COLLECTION).await?.0;
        self.keys = all(&keys, FoundKey::of, &format!("GET {path}"))?;
        Ok(())
    }

    /// Whether it is the one that is meant, by its id.
    fn is(&self, wanted: &WantedAccount) -> bool {
        let by_id = wanted.id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(&self.id));
        by_id || self.user.is_called(wanted)
    }
}

impl FoundIdentity {
    fn of(resource: &Value) -> Option<Self> {
        Some(Self {
            id: text(resource, "Id")?,
            name: text(resource, "Name").unwrap_or_default(),
            issuer: text(resource, "Issuer")?,
            subject: text(resource, "Subject")?,
            audience: text(resource, "Audience").filter(|audience| !audience.is_empty()),
        })
    }

    /// Whether this program made it.
    pub fn is_ours(&self) -> bool {
        self.name.starts_with(super::OURS)
    }
}

impl FoundKey {
    fn of(resource: &Value) -> Option<Self> {
        let hint = resource.get("ApiKey").and_then(|key| text(key, "Hint"));
        Some(Self {
            id: text(resource, "Id")?,
            purpose: text(resource, "Purpose").unwrap_or_default(),
            hint: hint.unwrap_or_default(),
            expires: text(resource, "Expires").and_then(|moment| moment::read(&moment)),
        })
    }

    /// Whether it may be this key: Octopus shows how each begins, perhaps with dots behind. One of
    /// which nothing is shown may be any.
    pub(super) fn may_be(&self, key: &Secret) -> bool {
        let is_of_key = |character: char| character.is_ascii_alphanumeric() || character == '-';
        let start = self.hint.split(|character| !is_of_key(character)).next().unwrap_or_default();
        key.expose().starts_with(start)
    }
}

impl FoundTeam {
    fn of(resource: &Value) -> Option<Self> {
        let members = resource.get("MemberUserIds").and_then(Value::as_array);
        let members = members.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text(resource, "Id")?,
            name: text(resource, "Name")?,
            members: members.collect(),
        })
    }
}

/// Every item, read; one that lacks what all of its kind have is no less there for that.
fn all<T>(
    items: &[Value],
    read: fn(&Value) -> Option<T>,
    what: &str,
) -> Result<Vec<T>, AdministratorError> {
    let read: Option<Vec<T>> = items.iter().map(read).collect();
    read.ok_or_else(|| AdministratorError::Malformed { what: what.to_owned() })
}

fn text(resource: &Value, name: &str) -> Option<String> {
    resource.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn flag(resource: &Value, name: &str) -> bool {
    resource.get(name).and_then(Value::as_bool).unwrap_or(false)
}
