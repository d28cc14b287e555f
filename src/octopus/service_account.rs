//! A service account of the Octopus server.

use super::api_key::ApiKey;

/// Whom workloads act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The operator's name for it: a label in logs and metrics, and what
    /// `Octobroker-Service-Account` names.
    pub name: String,
    /// The GUID that Octopus shows on the account's OpenID Connect page (`ExternalId` in its API).
    /// An account with an API key may have none.
    pub id: Option<String>,
    /// The audience of ID tokens for it: the id, unless the identity in Octopus has a custom one.
    /// An account without id may have none; its rules then say theirs.
    pub audience: Option<String>,
    /// An API key that is used instead of exchanges.
    pub api_key: Option<ApiKey>,
    /// Whether it is an agent service account: AI agents act as it.
    pub is_agent: bool,
}

impl ServiceAccount {
    /// True if both are one account of Octopus, asked for by the same credential, whatever the
    /// operator calls them. Where an API key alone says who it is, key and name must be the same.
    pub fn is_same_account(&self, other: &Self) -> bool {
        let has_key = self.api_key.is_some();
        let is_same = match (&self.id, &other.id) {
            (Some(id), Some(other)) => id.eq_ignore_ascii_case(other),
            (None, None) => self.name == other.name && self.api_key == other.api_key,
            _ => false,
        };
        is_same && self.audience == other.audience && has_key == other.api_key.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn account() -> ServiceAccount {
        ServiceAccount {
            name: "bot".to_owned(),
            id: Some("5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33".to_owned()),
            audience: Some("octopus".to_owned()),
            api_key: None,
            is_agent: false,
        }
    }

    fn key(text: &str) -> Option<ApiKey> {
        ApiKey::fixed(Secret::new(text))
    }

    #[test]
    fn an_account_is_known_by_its_id_and_audience() {
        let rows = [
            (account(), true),
            (ServiceAccount { name: "other".to_owned(), ..account() }, true),
            (ServiceAccount { is_agent: true, ..account() }, true),
            (ServiceAccount { id: account().id.map(|id| id.to_uppercase()), ..account() }, true),
            (ServiceAccount { id: Some("5f2c8c0e".to_owned()), ..account() }, false),
            (ServiceAccount { id: None, ..account() }, false),
            (ServiceAccount { audience: None, ..account() }, false),
            (ServiceAccount { api_key: key("API-A"), ..account() }, false),
        ];
        for (other, is_same) in rows {
            assert_eq!(account().is_same_account(&other), is_same, "{other:?}");
            assert_eq!(other.is_same_account(&account()), is_same, "{other:?}");
        }
    }

    #[test]
    fn without_an_id_it_is_known_by_its_name_and_key() {
        let keyed = ServiceAccount { id: None, api_key: key("API-A"), ..account() };
        let rows = [
            (ServiceAccount { api_key: key("API-A"), ..keyed.clone() }, true),
            (ServiceAccount { api_key: key("API-B"), ..keyed.clone() }, false),
            (ServiceAccount { name: "other".to_owned(), ..keyed.clone() }, false),
        ];
        for (other, is_same) in rows {
            assert_eq!(keyed.is_same_account(&other), is_same, "{other:?}");
        }
    }
}
