//! Bitbucket Pipelines.
//!
//! `sub` holds the step, which is another one each time: rules are on the ids beside it. A branch is
//! protected by nothing here; a deployment environment with branch restrictions is the real gate.
//! A step may ask for up to ten audiences at once: such a token needs `extra_audiences: allow`.

use super::{
    BASE, Basis, Claim, Field, IssuerUrls, Part, Pin, Pins, Preset, Reading, Shape, SubjectTemplate,
};

pub(super) const PRESET: Preset = Preset {
    name: "bitbucket",
    title: "Bitbucket Pipelines",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(
            "https://api.bitbucket.org/2.0/workspaces/{workspace}/pipelines-config/identity/oidc",
        )],
        advice: "write https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/\
                 oidc; it is there once a step with `oidc: true` has run",
    },
    claims: &[
        Claim::name("sub"),
        Claim::id("workspaceUuid"),
        Claim::id("repositoryUuid"),
        Claim::id("deploymentEnvironmentUuid"),
        Claim::id("pipelineUuid"),
        Claim::id("stepUuid"),
        Claim::human("accountUuid"),
        Claim::context("branchName"),
    ],
    fields: &[
        Field::plain("workspaceUuid", "workspaceUuid", "the workspace").read(Reading::Braced),
        Field::plain("repositoryUuid", "repositoryUuid", "the repository").read(Reading::Braced),
        Field::plain(
            "environment",
            "deploymentEnvironmentUuid",
            "the UUID of the deployment environment",
        )
        .read(Reading::Braced),
        Field::plain("branch", "branchName", "the branch, such as `main`").bare(),
    ],
    pins: &[Pins { always: &[WORKSPACE, REPOSITORY], if_shared: &[], basis: Basis::Ids }],
    shared_audiences: &["ari:cloud:bitbucket::workspace/"],
    subjects: SUBJECTS,
    ..BASE
};

const WORKSPACE: Pin = Pin::exact(
    "workspaceUuid",
    "workspaceUuid",
    "the repository's settings show it under OpenID Connect, in quotes because of its braces",
);

const REPOSITORY: Pin = Pin::exact(
    "repositoryUuid",
    "repositoryUuid",
    "the repository's settings show it under OpenID Connect, in quotes because of its braces",
);

/// The environment stands between repository and step where there is one.
const SUBJECTS: &[&[SubjectTemplate]] = &[&[
    SubjectTemplate::of(
        &[
            Part::Claim("repositoryUuid"),
            Part::Text(":"),
            Part::Claim("deploymentEnvironmentUuid"),
            Part::Text(":"),
            Part::Any,
        ],
        &[&["repositoryUuid"]],
    )
    .when(|asked| asked.pins("deploymentEnvironmentUuid")),
    SubjectTemplate::of(
        &[Part::Claim("repositoryUuid"), Part::Text(":"), Part::Any],
        &[&["repositoryUuid"]],
    ),
]];
