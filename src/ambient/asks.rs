//! The requests of the table: how platforms that hand out tokens on request are asked.
//!
//! Texts hold placeholders, see `template`.

use super::row::{Answer, Ask, Pair, Verb};

/// GitHub Actions and those that follow it.
pub(super) const ACTIONS: Ask = Ask {
    verb: Verb::Get,
    url: "{ACTIONS_ID_TOKEN_REQUEST_URL}",
    query: &[Pair::Always("audience", "{audience}")],
    headers: &[("authorization", "Bearer {ACTIONS_ID_TOKEN_REQUEST_TOKEN}")],
    body: None,
    answer: Answer::Member("value"),
};

/// Azure Pipelines.
pub(super) const AZURE_DEVOPS: Ask = Ask {
    verb: Verb::Post,
    url: "{SYSTEM_OIDCREQUESTURI}",
    query: &[
        Pair::Always("api-version", "7.1"),
        // Without it: the pipeline's own token.
        Pair::Perhaps("serviceConnectionId", "{OCTOBROKER_SERVICE_CONNECTION_ID}"),
    ],
    headers: &[
        ("authorization", "Bearer {SYSTEM_ACCESSTOKEN}"),
        ("content-type", "application/json"),
    ],
    body: None,
    answer: Answer::Member("oidcToken"),
};

/// For agents that do not set the address.
pub(super) const OLDER_AZURE_DEVOPS: Ask = Ask {
    url: "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECTID}/_apis/distributedtask/hubs/\
          {SYSTEM_HOSTTYPE}/plans/{SYSTEM_PLANID}/jobs/{SYSTEM_JOBID}/oidctoken",
    ..AZURE_DEVOPS
};

/// Buildkite: what `buildkite-agent oidc request-token` does.
pub(super) const BUILDKITE: Ask = Ask {
    verb: Verb::Post,
    url: "{BUILDKITE_AGENT_ENDPOINT|https://agent-edge.buildkite.com/v3}/jobs/\
          {BUILDKITE_JOB_ID}/oidc/tokens",
    query: &[],
    headers: &[
        ("authorization", "Token {BUILDKITE_AGENT_ACCESS_TOKEN}"),
        ("content-type", "application/json"),
    ],
    // Slugs can be renamed and taken by others: rules want the ids.
    body: Some(
        |audience| serde_json::json!({ "audience": audience, "claims": ["organization_id", "pipeline_id"] }),
    ),
    answer: Answer::Member("token"),
};

/// Codefresh: what its step `obtain-oidc-id-token` does.
pub(super) const CODEFRESH: Ask = Ask {
    verb: Verb::Get,
    url: "{CF_OIDC_REQUEST_URL}",
    query: &[Pair::Always("audience", "{audience}")],
    // No scheme: the variable holds the header's whole value.
    headers: &[("authorization", "{CF_OIDC_REQUEST_TOKEN}")],
    body: None,
    answer: Answer::Member("id_token"),
};

/// Google's metadata server.
pub(super) const GOOGLE: Ask = Ask {
    verb: Verb::Get,
    url: "http://{GCE_METADATA_HOST|metadata.google.internal}/computeMetadata/v1/instance/\
          service-accounts/default/identity",
    query: &[Pair::Always("audience", "{audience}"), Pair::Always("format", "full")],
    headers: &[("metadata-flavor", "Google")],
    body: None,
    answer: Answer::Text,
};

/// Azure's App Service, Functions and Container Apps.
pub(super) const APP_SERVICE: Ask = Ask {
    verb: Verb::Get,
    url: "{IDENTITY_ENDPOINT}",
    query: &[
        Pair::Always("api-version", "2019-08-01"),
        Pair::Always("resource", "{OCTOBROKER_AZURE_RESOURCE|audience}"),
        Pair::Perhaps("client_id", "{AZURE_CLIENT_ID}"),
    ],
    headers: &[("x-identity-header", "{IDENTITY_HEADER}")],
    body: None,
    answer: Answer::Member("access_token"),
};

/// Azure's virtual machines.
pub(super) const AZURE_MACHINE: Ask = Ask {
    verb: Verb::Get,
    url: "{AZURE_POD_IDENTITY_AUTHORITY_HOST|http://169.254.169.254}/metadata/identity/oauth2/token",
    query: &[
        Pair::Always("api-version", "2018-02-01"),
        Pair::Always("resource", "{OCTOBROKER_AZURE_RESOURCE|audience}"),
        Pair::Perhaps("client_id", "{AZURE_CLIENT_ID}"),
    ],
    headers: &[("metadata", "true")],
    body: None,
    answer: Answer::Member("access_token"),
};
