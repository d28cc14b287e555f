//! The table of platforms: how each is recognised, how it hands out its ID token, and what to do
//! when it does not. Facts of `docs/ambient.md`; whoever adds a platform adds a row here and there.

use super::asks::{
    ACTIONS, APP_SERVICE, AZURE_DEVOPS, AZURE_MACHINE, BUILDKITE, CODEFRESH, GOOGLE,
    OLDER_AZURE_DEVOPS,
};
use super::platform::Platform;
use super::row::{Place, Recipe, Row, Sign};

/// A variable into which users map a token that no standard variable holds.
pub(super) const MAPPED: &str = "OCTOPUS_ID_TOKEN";

/// A variable that names the file with such a token.
pub(super) const MAPPED_FILE: &str = "OCTOPUS_ID_TOKEN_FILE";

/// The broker's own variable for the path of a token's file.
pub(super) const TOKEN_FILE: &str = "OCTOBROKER_TOKEN_FILE";

/// Where a token's file is looked for when nothing was named and no CI was recognised.
pub(super) const DEFAULT_FILE: &str = "/var/run/secrets/octobroker/token";

/// The second place.
pub(super) const SECOND_DEFAULT_FILE: &str = "/var/run/secrets/tokens/octopus-token";

/// What a platform's jobs hold that is, or mints, an ID token. A child of `exec --isolate` does not
/// get these. A test holds that no secret variable of the table is missing here.
pub(super) const SECRET_VARIABLES: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "BITBUCKET_STEP_OIDC_TOKEN",
    "BUILDKITE_AGENT_ACCESS_TOKEN",
    "CF_OIDC_REQUEST_TOKEN",
    "CF_OIDC_REQUEST_URL",
    "CIRCLE_OIDC_TOKEN",
    "CIRCLE_OIDC_TOKEN_V2",
    "ENV0_OIDC_TOKEN",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    TOKEN_FILE,
    MAPPED,
    MAPPED_FILE,
    "SEMAPHORE_OIDC_TOKEN",
    "SPACELIFT_OIDC_TOKEN",
    "SPIFFE_ENDPOINT_SOCKET",
    "SYSTEM_ACCESSTOKEN",
    "SYSTEM_OIDCREQUESTURI",
    "TFC_WORKLOAD_IDENTITY_TOKEN",
    "TFC_WORKLOAD_IDENTITY_TOKEN_OCTOPUS",
    "VERCEL_OIDC_TOKEN",
];

const MAPPED_PLACES: &[Place] = &[Place::FileNamedBy(MAPPED_FILE), Place::Variable(MAPPED)];

const MADE_FOR_IT: &str = "the platform was asked for that audience and gave another";

const FIXED: &str = "this platform's audience can't be chosen: write it as `audience:` of the \
     service account, and as the custom audience of the OIDC identity in Octopus";

pub(super) static TABLE: &[Row] = &[
    Row {
        platform: Platform::GitHubActions,
        name: "github-actions",
        signs: &[Sign::True("GITHUB_ACTIONS")],
        unless: &["FORGEJO_ACTIONS", "GITEA_ACTIONS"],
        recipe: Recipe::Ask(&[ACTIONS]),
        switch_on: "give the workflow or the job `permissions: id-token: write`, and run the \
             broker in a step: service containers don't get the variable",
        audience: MADE_FOR_IT,
    },
    Row {
        platform: Platform::Forgejo,
        name: "forgejo",
        signs: &[Sign::True("FORGEJO_ACTIONS"), Sign::True("GITEA_ACTIONS")],
        unless: &[],
        recipe: Recipe::Ask(&[ACTIONS]),
        switch_on: "set `enable-openid-connect: true` in the workflow or job; Gitea hands out no \
             ID tokens",
        audience: MADE_FOR_IT,
    },
    Row {
        platform: Platform::GitLab,
        name: "gitlab",
        signs: &[Sign::True("GITLAB_CI")],
        unless: &[],
        recipe: Recipe::Read(MAPPED_PLACES),
        switch_on: "give the job `id_tokens: { OCTOPUS_ID_TOKEN: { aud: \"{audience}\" } }`, or \
             name your own variable as `token: { env: NAME }`",
        audience: "write `aud: \"{audience}\"` under `id_tokens:` of the job",
    },
    Row {
        platform: Platform::AzureDevOps,
        name: "azure-devops",
        signs: &[Sign::True("TF_BUILD")],
        unless: &[],
        recipe: Recipe::Ask(&[AZURE_DEVOPS, OLDER_AZURE_DEVOPS]),
        switch_on: "map the job's token into the step: `env: { SYSTEM_ACCESSTOKEN: \
             $(System.AccessToken) }`",
        audience: FIXED,
    },
    Row {
        platform: Platform::Bitbucket,
        name: "bitbucket",
        signs: &[Sign::Set("BITBUCKET_BUILD_NUMBER")],
        unless: &[],
        recipe: Recipe::Read(&[Place::Variable("BITBUCKET_STEP_OIDC_TOKEN")]),
        switch_on: "give the step `oidc: { audiences: [\"{audience}\"] }`",
        audience: "give the step `oidc: { audiences: [\"{audience}\"] }` instead of `oidc: true`",
    },
    Row {
        platform: Platform::Buildkite,
        name: "buildkite",
        signs: &[Sign::True("BUILDKITE")],
        unless: &[],
        recipe: Recipe::Ask(&[BUILDKITE]),
        switch_on: "run the broker in the job's own environment; into a container pass \
             `BUILDKITE_JOB_ID`, `BUILDKITE_AGENT_ENDPOINT` and `BUILDKITE_AGENT_ACCESS_TOKEN` \
             (docker plugin: `propagate-environment: true`)",
        audience: MADE_FOR_IT,
    },
    Row {
        platform: Platform::CircleCi,
        name: "circleci",
        signs: &[Sign::True("CIRCLECI")],
        unless: &[],
        // The second version first: its subject says more. A token of the root issuer or with an
        // audience of one's own is made by the CLI, and mapped.
        recipe: Recipe::Read(&[
            Place::FileNamedBy(MAPPED_FILE),
            Place::Variable(MAPPED),
            Place::Variable("CIRCLE_OIDC_TOKEN_V2"),
            Place::Variable("CIRCLE_OIDC_TOKEN"),
        ]),
        switch_on: "run the broker in a job that uses a context: CircleCI then sets it",
        audience: "name a command that makes one: `token: { command: [circleci, run, oidc, get, \
             --claims, '{\"aud\":\"{audience}\"}'] }`, or set the organisation's id as custom \
             audience in Octopus and as `audience:` of the service account",
    },
    Row {
        platform: Platform::Codefresh,
        name: "codefresh",
        signs: &[Sign::Set("CF_OIDC_REQUEST_URL"), Sign::Set("CF_BUILD_ID")],
        unless: &[],
        recipe: Recipe::Ask(&[CODEFRESH]),
        switch_on: "run the broker in a step of a pipeline whose account has OIDC, and pass \
             `CF_OIDC_REQUEST_URL` and `CF_OIDC_REQUEST_TOKEN` on into containers of your own",
        audience: MADE_FOR_IT,
    },
    Row {
        platform: Platform::HcpTerraform,
        name: "hcp-terraform",
        signs: &[
            Sign::Set("TFC_WORKLOAD_IDENTITY_TOKEN_OCTOPUS"),
            Sign::Set("TFC_WORKLOAD_IDENTITY_TOKEN"),
            Sign::Set("TFC_RUN_ID"),
        ],
        unless: &[],
        recipe: Recipe::Read(&[
            Place::Variable("TFC_WORKLOAD_IDENTITY_TOKEN_OCTOPUS"),
            Place::Variable("TFC_WORKLOAD_IDENTITY_TOKEN"),
        ]),
        switch_on: "set the workspace's environment variable \
             `TFC_WORKLOAD_IDENTITY_AUDIENCE_OCTOPUS` to `{audience}`",
        audience: "set the workspace's environment variable \
             `TFC_WORKLOAD_IDENTITY_AUDIENCE_OCTOPUS` to `{audience}`",
    },
    Row {
        platform: Platform::Spacelift,
        name: "spacelift",
        signs: &[Sign::Set("SPACELIFT_OIDC_TOKEN")],
        unless: &[],
        recipe: Recipe::Read(&[
            Place::Variable("SPACELIFT_OIDC_TOKEN"),
            Place::File("/mnt/workspace/spacelift.oidc"),
        ]),
        switch_on: "run the broker in a stack of an account with OIDC, in a hook of the run",
        audience: FIXED,
    },
    Row {
        platform: Platform::Semaphore,
        name: "semaphore",
        signs: &[Sign::True("SEMAPHORE")],
        unless: &[],
        recipe: Recipe::Read(&[Place::Variable("SEMAPHORE_OIDC_TOKEN")]),
        switch_on: "Semaphore sets it in every job of an organisation with OpenID Connect: switch \
             that on, and pass the variable on into containers",
        audience: FIXED,
    },
    Row {
        platform: Platform::Env0,
        name: "env0",
        signs: &[Sign::Set("ENV0_ENVIRONMENT_ID"), Sign::Set("ENV0_OIDC_TOKEN")],
        unless: &[],
        recipe: Recipe::Read(&[Place::Variable("ENV0_OIDC_TOKEN")]),
        switch_on: "switch on the organisation's policy for OIDC tokens during deployments",
        audience: FIXED,
    },
    Row {
        platform: Platform::Vercel,
        name: "vercel",
        signs: &[Sign::True("VERCEL")],
        unless: &[],
        recipe: Recipe::Read(&[Place::Variable("VERCEL_OIDC_TOKEN")]),
        switch_on: "switch on the project's secure backend access with OIDC federation; the \
             variable is set in builds",
        audience: FIXED,
    },
    Row {
        platform: Platform::TeamCity,
        name: "teamcity",
        signs: &[Sign::Set("TEAMCITY_VERSION")],
        unless: &[],
        recipe: Recipe::Read(MAPPED_PLACES),
        switch_on: "add the OIDC build feature of Octopus Deploy's plugin with the audience \
             `{audience}`, and the build parameter `env.OCTOPUS_ID_TOKEN` = `%jwt.token%`",
        audience: "set the audience of the OIDC build feature to `{audience}`",
    },
    Row {
        platform: Platform::Jenkins,
        name: "jenkins",
        signs: &[Sign::Set("JENKINS_URL")],
        unless: &[],
        recipe: Recipe::Read(MAPPED_PLACES),
        switch_on: "bind an ID token credential of the plugin oidc-provider, with the audience \
             `{audience}`: `withCredentials([string(credentialsId: '…', variable: \
             'OCTOPUS_ID_TOKEN')])`, or `file(…)` with `OCTOPUS_ID_TOKEN_FILE`",
        audience: "set the audience of the ID token credential to `{audience}`",
    },
    Row {
        platform: Platform::Octopus,
        name: "octopus",
        signs: &[],
        unless: &[],
        recipe: Recipe::Read(MAPPED_PLACES),
        switch_on: "give the project a generic OIDC account with the audience `{audience}`, and \
             set it in the step from the variable `<account>.OpenIdConnect.Jwt`",
        audience: "set the audience of the OIDC account to `{audience}`",
    },
    Row {
        platform: Platform::Kubernetes,
        name: "kubernetes",
        signs: &[],
        unless: &[],
        recipe: Recipe::Read(&[Place::File(DEFAULT_FILE), Place::File(SECOND_DEFAULT_FILE)]),
        switch_on: "mount a projected volume there: `serviceAccountToken: { audience: \
             \"{audience}\", path: token }`, or name the file",
        audience: "set `audience: \"{audience}\"` on the projected `serviceAccountToken`; the \
             token that every pod gets is for the cluster itself",
    },
    Row {
        platform: Platform::Spiffe,
        name: "spiffe",
        signs: &[],
        unless: &[],
        recipe: Recipe::Read(&[
            Place::File(DEFAULT_FILE),
            Place::File("/var/run/secrets/octobroker/jwt_svid.token"),
        ]),
        switch_on: "let spiffe-helper write a JWT-SVID there, with `jwt_audience = \
             \"{audience}\"`, or name the file; SPIRE's `jwt_issuer` must be set",
        audience: "set `jwt_audience = \"{audience}\"` in the configuration of spiffe-helper",
    },
    Row {
        platform: Platform::Google,
        name: "google",
        signs: &[],
        unless: &[],
        recipe: Recipe::Ask(&[GOOGLE]),
        switch_on: "give the machine or workload a service account",
        audience: MADE_FOR_IT,
    },
    Row {
        platform: Platform::Azure,
        name: "azure",
        signs: &[],
        unless: &[],
        recipe: Recipe::Ask(&[APP_SERVICE, AZURE_MACHINE]),
        switch_on: "give the machine or app a managed identity",
        audience: "the audience follows from the resource: name that in \
             `OCTOBROKER_AZURE_RESOURCE`, and write the token's audience as `audience:` of the \
             service account and as custom audience in Octopus",
    },
];
