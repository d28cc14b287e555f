//! The platforms that are known.

use super::row::Row;
use super::table::TABLE;

/// A platform that gives its workloads ID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// GitHub Actions: github.com, Enterprise Cloud and Enterprise Server.
    GitHubActions,
    /// Forgejo Actions, and Gitea's once it has an issuer.
    Forgejo,
    /// GitLab CI.
    GitLab,
    /// Azure Pipelines.
    AzureDevOps,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// Buildkite.
    Buildkite,
    /// `CircleCI`.
    CircleCi,
    /// Codefresh.
    Codefresh,
    /// HCP Terraform and Terraform Enterprise.
    HcpTerraform,
    /// Spacelift.
    Spacelift,
    /// Semaphore.
    Semaphore,
    /// env0.
    Env0,
    /// Vercel's builds.
    Vercel,
    /// `TeamCity` with Octopus Deploy's plugin.
    TeamCity,
    /// Jenkins with the plugin `oidc-provider`.
    Jenkins,
    /// A step of Octopus Deploy.
    Octopus,
    /// A projected service account token.
    Kubernetes,
    /// A JWT-SVID in a file that a helper writes.
    Spiffe,
    /// Google's metadata server. Never detected, only named.
    Google,
    /// Azure's managed identities. Never detected, only named.
    Azure,
}

impl Platform {
    /// The word for it in configuration, log and messages.
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown", |row| row.name)
    }

    pub(super) fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.platform == self)
    }
}
