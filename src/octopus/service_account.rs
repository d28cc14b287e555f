//! A service account of the Octopus server.

/// Whom workloads act as. Exchanged through OIDC by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The operator's name for it: a label in logs and metrics, and what
    /// `Octobroker-Service-Account` names.
    pub name: String,
    /// The GUID that Octopus shows on the account's OpenID Connect page (`ExternalId` in its API).
    pub id: String,
    /// The audience of ID tokens for it: the id, unless the identity in Octopus has a custom one.
    pub audience: String,
}
