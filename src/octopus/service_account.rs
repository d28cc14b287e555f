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
