//! `/api/users/{Users-N}/apikeys`: the key itself is shown once, later only how it begins.

use http::Method;
use serde_json::{Value, json};

use super::super::accounts::{Account, Key, UserKind};
use super::super::shared::Shared;
use super::page::{filter, page};
use super::{KEY_DAYS, Task, invalid, moment, no_such_user, not_found};
use crate::answer::{self, Reply};

/// Life of a key of which nothing is said, in days.
const DEFAULT_DAYS: u64 = 180;

const DAY: u64 = 86_400;

impl Shared {
    pub(super) fn api_keys(&self, task: &Task<'_>, user: &str, rest: &[&str]) -> Reply {
        if self.accounts().by_user_id(user).is_none() {
            return no_such_user();
        }
        match (&task.method, rest) {
            (&Method::POST, []) => self.create_key(task, user),
            (&Method::GET, []) => {
                let purpose = filter(task.request, "partialPurpose");
                let fits = |key: &&Key| {
                    purpose.as_ref().is_none_or(|it| key.purpose.to_lowercase().contains(it))
                };
                let keys = self.keys_of(user);
                let items: Vec<Value> =
                    keys.iter().filter(fits).map(|key| resource(key, user)).collect();
                page(task.request, &items)
            }
            (&Method::GET, [id]) => {
                let keys = self.keys_of(user);
                let found = keys.iter().find(|key| key.id == *id);
                found.map_or_else(not_found, |key| answer::json_reply(200, &resource(key, user)))
            }
            (&Method::DELETE, [id]) => {
                let keys = self.keys_of(user);
                let Some(key) = keys.iter().find(|key| key.id == *id) else { return not_found() };
                self.accounts().revoke_api_key(&key.text);
                answer::json_reply(200, &json!({}))
            }
            _ => not_found(),
        }
    }

    fn keys_of(&self, user: &str) -> Vec<Key> {
        let mut accounts = self.accounts();
        accounts.by_user_id(user).map(|account| account.keys.clone()).unwrap_or_default()
    }

    fn create_key(&self, task: &Task<'_>, user: &str) -> Reply {
        let now = self.clock.now_unix();
        let mut faults = Vec::new();
        let purpose = task.needed("Purpose", 200, &mut faults);
        if task.text("UserId") != Some(user) {
            faults.push("UserId is not that of the path".to_owned());
        }
        let is_agent = |account: &mut Account| account.kind == UserKind::Agent;
        let actor = task.text("ActorType").unwrap_or("User").to_owned();
        if self.accounts().by_user_id(user).is_some_and(is_agent) != (actor == "AiAgent") {
            faults.push(format!("A key with the ActorType {actor} can't be this account's"));
        }
        let expires = match task.member("Expires") {
            None => Some(now + DEFAULT_DAYS * DAY),
            Some(Value::Null) => Some(now + KEY_DAYS * DAY),
            Some(text) => text.as_str().and_then(moment::read),
        };
        match expires {
            None => faults.push("Expires is no moment".to_owned()),
            Some(end) if end <= now => faults.push("Expires is in the past".to_owned()),
            Some(end) if end > now + KEY_DAYS * DAY => {
                faults.push(format!("API keys must expire within {KEY_DAYS} days"));
            }
            Some(_) => {}
        }
        if !faults.is_empty() {
            return invalid(&faults);
        }
        let key =
            Key { id: String::new(), text: String::new(), purpose, actor, created: now, expires };
        let Some(key) = self.accounts().keep_key(user, key) else { return no_such_user() };
        let mut made = resource(&key, user);
        if let Some(members) = made.as_object_mut() {
            members.insert("ApiKey".to_owned(), key.text.into());
        }
        answer::json_reply(200, &made)
    }
}

fn resource(key: &Key, user: &str) -> Value {
    json!({
        "Id": key.id,
        "UserId": user,
        "Purpose": key.purpose,
        "ApiKey": {
            "HasValue": true,
            "Hint": key.text.get(..8),
            "NewValue": null,
        },
        "Created": moment::written(key.created),
        "Expires": key.expires.map(moment::written),
        "ActorType": key.actor,
        "AccessLevel": "FullAccess",
        "IsLastUsedTimestampKnown": false,
    })
}
