//! Users and service accounts, their OIDC identities, their teams and their credentials.

use std::collections::HashMap;

use aws_lc_rs::rand::{self, SystemRandom};
use serde_json::Value;

use crate::body::sha256_hex;

/// A service account, as its owner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The GUID that is the `audience` of exchanges.
    pub id: String,
    /// The user id, `Users-21`.
    pub user_id: String,
    /// The name, also in [`Recorded::credential`](crate::Recorded::credential).
    pub name: String,
}

/// Who may become a service account.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: Option<String>,
}

/// What a user is. Octopus decides it when the user is made, and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// A person.
    Ordinary,
    /// A service account.
    Standard,
    /// A service account of an AI agent.
    Agent,
}

/// A user, as its owner sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `Users-21`
    pub user_id: String,
    /// The GUID of a service account.
    pub external_id: String,
    /// The name to log in with.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// What it is.
    pub kind: UserKind,
    /// External logins, as Octopus writes them.
    pub logins: Vec<Value>,
    /// Issuer, subject and custom audience of each OIDC identity, with its name in front.
    pub identities: Vec<[String; 4]>,
    /// Purposes of its API keys that live.
    pub key_purposes: Vec<String>,
}

/// An API key. Octopus shows the key itself once.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) purpose: String,
    pub(super) actor: String,
    pub(super) created: u64,
    pub(super) expires: Option<u64>,
}

/// One account with all that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) public: ServiceAccount,
    pub(super) kind: UserKind,
    pub(super) display_name: String,
    pub(super) email: Option<String>,
    pub(super) is_active: bool,
    pub(super) is_administrator: bool,
    pub(super) logins: Vec<Value>,
    pub(super) identities: Vec<Identity>,
    pub(super) keys: Vec<Key>,
}

/// All accounts, teams and live credentials.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) all: Vec<Account>,
    pub(super) teams: Vec<Team>,
    identities_made: usize,
    keys_made: usize,
    revoked_keys: Vec<String>,
    access_tokens: HashMap<String, Issued>,
    issued_tokens: Vec<String>,
}

/// A team, by which permissions are given.
#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) members: Vec<String>,
    /// What a client must hand back as it came.
    pub(super) description: String,
}

struct Issued {
    account: ServiceAccount,
    expires_at: u64,
}

impl Accounts {
    pub(super) fn add(&mut self, name: &str, kind: UserKind) -> ServiceAccount {
        let number = self.all.len() + 21;
        let digest = sha256_hex(format!("{name}/{number}").as_bytes());
        let account = ServiceAccount {
            id: as_guid(&digest),
            user_id: format!("Users-{number}"),
            name: name.to_owned(),
        };
        self.all.push(Account {
            public: account.clone(),
            kind,
            display_name: name.to_owned(),
            email: None,
            is_active: true,
            is_administrator: false,
            logins: Vec::new(),
            identities: Vec::new(),
            keys: Vec::new(),
        });
        account
    }

    pub(super) fn add_team(&mut self, name: &str) -> String {
        let id = format!("Teams-{}", self.teams.len() + 41);
        self.teams.push(Team {
            id: id.clone(),
            name: name.to_owned(),
            members: Vec::new(),
            description: format!("The team {name}"),
        });
        id
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Account> {
        self.all.iter().find(|account| account.public.id == id)
    }

    pub(super) fn by_user_id(&mut self, user_id: &str) -> Option<&mut Account> {
        self.all.iter_mut().find(|account| account.public.user_id == user_id)
    }

    /// Adds an identity to the account of this user; gives its id.
    pub(super) fn add_identity(
        &mut self,
        user_id: &str,
        name: &str,
        (issuer, subject, audience): (&str, &str, Option<&str>),
    ) -> Option<String> {
        self.identities_made += 1;
        let id = format!("ServiceAccountOidcIdentitys-{}", self.identities_made);
        self.by_user_id(user_id)?.identities.push(Identity {
            id: id.clone(),
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.map(str::to_owned),
        });
        Some(id)
    }

    /// A new key of the account, with the id and the text that it is given here.
    pub(super) fn keep_key(&mut self, user_id: &str, key: Key) -> Option<Key> {
        self.keys_made += 1;
        let key = Key { id: format!("apikeys-{}", self.keys_made), text: new_api_key(), ..key };
        self.by_user_id(user_id)?.keys.push(key.clone());
        Some(key)
    }

    pub(super) fn add_api_key(&mut self, account: &ServiceAccount, created: u64) -> String {
        let key = Key {
            id: String::new(),
            text: String::new(),
            purpose: "by the test".to_owned(),
            actor: "User".to_owned(),
            created,
            expires: None,
        };
        self.keep_key(&account.user_id, key).map(|key| key.text).unwrap_or_default()
    }

    pub(super) fn revoke_api_key(&mut self, key: &str) {
        for account in &mut self.all {
            account.keys.retain(|held| held.text != key);
        }
        self.revoked_keys.push(key.to_owned());
    }

    /// Whether the key is or was one of this server.
    pub(super) fn knows_api_key(&self, key: &str) -> bool {
        let mut keys = self.all.iter().flat_map(|account| &account.keys);
        keys.any(|held| held.text == key) || self.revoked_keys.iter().any(|known| known == key)
    }

    pub(super) fn keep_token(&mut self, token: &str, account: &ServiceAccount, expires_at: u64) {
        let issued = Issued { account: account.clone(), expires_at };
        self.access_tokens.insert(token.to_owned(), issued);
        self.issued_tokens.push(token.to_owned());
    }

    pub(super) fn issued_tokens(&self) -> Vec<String> {
        self.issued_tokens.clone()
    }

    pub(super) fn revoke_tokens(&mut self) {
        self.access_tokens.clear();
    }

    pub(super) fn by_token(&self, token: &str, now: u64) -> Option<&ServiceAccount> {
        let issued = self.access_tokens.get(token)?;
        (now < issued.expires_at).then_some(&issued.account)
    }

    pub(super) fn by_api_key(&self, key: &str, now: u64) -> Option<&ServiceAccount> {
        let is_it = |held: &Key| held.text == key && held.expires.is_none_or(|end| now < end);
        let account =
            self.all.iter().find(|account| account.is_active && account.keys.iter().any(is_it))?;
        Some(&account.public)
    }
}

impl Account {
    /// As its owner sees it.
    pub(super) fn shown(&self) -> User {
        let identity = |it: &Identity| {
            let audience = it.audience.clone().unwrap_or_default();
            [it.name.clone(), it.issuer.clone(), it.subject.clone(), audience]
        };
        User {
            user_id: self.public.user_id.clone(),
            external_id: self.public.id.clone(),
            username: self.public.name.clone(),
            display_name: self.display_name.clone(),
            is_active: self.is_active,
            kind: self.kind,
            logins: self.logins.clone(),
            identities: self.identities.iter().map(identity).collect(),
            key_purposes: self.keys.iter().map(|key| key.purpose.clone()).collect(),
        }
    }
}

impl Identity {
    /// Exact issuer, wildcard subject, and the account's id or the identity's own audience.
    pub(super) fn matches(&self, claims: &Claims<'_>, account_id: &str) -> bool {
        let audience = self.audience.as_deref().unwrap_or(account_id);
        self.issuer == claims.issuer
            && matches_wildcards(&self.subject, claims.subject)
            && claims.audiences.contains(&audience)
    }
}

/// The claims of a verified subject token that identities look at.
pub(super) struct Claims<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) audiences: Vec<&'a str>,
}

/// `*` is any run of characters, also none; `?` is exactly one; case matters.
pub(super) fn matches_wildcards(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // ends[j]: the pattern so far matches the first j characters.
    let mut ends = vec![false; text.len() + 1];
    if let Some(first) = ends.first_mut() {
        *first = true;
    }
    for symbol in pattern {
        let mut next = vec![false; ends.len()];
        let mut reached = false;
        for (position, end) in next.iter_mut().enumerate() {
            let here = ends.get(position).copied().unwrap_or(false);
            reached |= here;
            let before = position.checked_sub(1);
            let came = before.and_then(|before| ends.get(before)).copied();
            let character = before.and_then(|before| text.get(before));
            *end = match symbol {
                '*' => reached,
                '?' => came.unwrap_or(false),
                literal => came.unwrap_or(false) && character == Some(&literal),
            };
        }
        ends = next;
    }
    ends.last().copied().unwrap_or(false)
}

/// `API-` and 32 characters of RFC 4648 base32.
fn new_api_key() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random: [u8; 32] =
        rand::generate(&SystemRandom::new()).expect("the system gives random bytes").expose();
    let letters = random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter));
    "API-".chars().chain(letters).collect()
}

fn as_guid(digest: &str) -> String {
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_anchored_and_case_sensitive() {
        for (pattern, text, expected) in [
            ("repo:acme/shop", "repo:acme/shop", true),
            ("repo:acme/shop", "repo:acme/shop2", false),
            ("repo:acme/shop", "Repo:acme/shop", false),
            ("repo:acme/*", "repo:acme/", true),
            ("repo:acme/*:ref:*", "repo:acme/shop:ref:refs/heads/main", true),
            ("repo:acme/*", "xrepo:acme/shop", false),
            ("job-??", "job-42", true),
            ("job-??", "job-4", false),
            ("job-?", "job-42", false),
            ("*", "", true),
            ("?", "", false),
            ("", "", true),
            ("", "x", false),
            ("a**b", "ab", true),
            ("*a*a*b", "aaaaaaaaaaaaaaaaaaaaac", false),
            ("h?llo", "hällo", true),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches_wildcards(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn ids_have_the_shapes_of_octopus() {
        let mut accounts = Accounts::default();

        let account = accounts.add("deployer", UserKind::Standard);
        let key = accounts.add_api_key(&account, 0);

        assert_eq!(account.user_id, "Users-21");
        assert_eq!(account.id.len(), 36);
        assert_eq!(key.len(), 36);
        assert!(key.starts_with("API-"));
        assert_ne!(accounts.add("deployer", UserKind::Standard).id, account.id);
    }
}
