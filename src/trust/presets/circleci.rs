//! CircleCI: the issuer of an organization, and the root issuer.
//!
//! A pull request from a fork may run in the project: `vcs-origin` then names the fork, so say
//! `origin` wherever forks get secrets. A custom webhook starts pipelines without origin and ref.
//! `sub` names a person, or holds slashes of other people's making: rules are on the claims.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset, Reading,
    Requirement, Shape, SubjectTemplate,
};

const PROJECT: &str = "oidc.circleci.com/project-id";
const ORGANIZATION: &str = "oidc.circleci.com/org-id";
const ORIGIN: &str = "oidc.circleci.com/vcs-origin";
const REF: &str = "oidc.circleci.com/vcs-ref";
const CONTEXTS: &str = "oidc.circleci.com/context-ids";
const SSH_RERUN: &str = "oidc.circleci.com/ssh-rerun";
const DEFINITION: &str = "oidc.circleci.com/pipeline-definition-id";

pub(super) const PRESET: Preset = Preset {
    name: "circleci",
    title: "CircleCI",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://oidc.circleci.com/org/{organization}"),
            Shape::shared("https://oidc.circleci.com"),
        ],
        advice: "write https://oidc.circleci.com/org/ORGANIZATION-ID, or https://oidc.circleci.com \
                 for tokens that are asked for with --root-issuer",
    },
    claims: &[
        Claim::human("sub"),
        Claim::id(PROJECT),
        Claim::id(ORGANIZATION),
        Claim::name(ORIGIN),
        Claim::context(REF),
        Claim::id(CONTEXTS).of(Kind::List),
        Claim::context(SSH_RERUN).of(Kind::Boolean),
        Claim::id(DEFINITION),
        Claim::id("oidc.circleci.com/pipeline-id"),
        Claim::id("oidc.circleci.com/workflow-id"),
        Claim::id("oidc.circleci.com/job-id"),
    ],
    has_composite_subject: false,
    fields: &[
        Field::plain("project_id", PROJECT, "the id of the project"),
        Field::plain("org_id", ORGANIZATION, "the id of the organization"),
        Field::plain("origin", ORIGIN, "the repository, such as `github.com/acme/web`")
            .path("HOST/OWNER/REPO, such as github.com/acme/web, without https://"),
        Field::branch(REF),
        Field::tag(REF),
        Field::whole_ref("ref", REF),
        Field::plain("contexts", CONTEXTS, "the ids of contexts that the job has, all of them")
            .read(Reading::Held),
        Field::plain("pipeline_definition_id", DEFINITION, "the id of the pipeline's definition"),
        Field::switch("ssh_rerun", "`true`: jobs with a shell for a person are accepted, too"),
        Field::switch("pull_requests", "`true`: pull requests are accepted, too"),
    ],
    pins: &[Pins {
        always: &[Pin::exact(PROJECT, "project_id", "the project's settings show it")],
        if_shared: &[Pin::exact(ORGANIZATION, "org_id", "the organization's settings show it")],
        basis: Basis::Ids,
    }],
    denials: &[
        Denial::unless(
            SSH_RERUN,
            Requirement::OneOf(&["false"]),
            Lift::Switch("ssh_rerun", true),
            "a person has a shell in a job that was rerun with SSH",
        ),
        Denial::unless(
            ORIGIN,
            Requirement::Present,
            Lift::OwnCondition,
            "a custom webhook starts pipelines without a repository",
        ),
        Denial::unless(
            REF,
            Requirement::NotStartingWithIfPresent(&["refs/pull/", "refs/heads/pull/"]),
            Lift::Switch("pull_requests", true),
            "a pull request runs what its author wrote",
        ),
    ],
    subjects: SUBJECTS,
    ..BASE
};

/// The older form ends with the user; what a webhook starts has it, too.
const SUBJECTS: &[&[SubjectTemplate]] = &[&[
    SubjectTemplate::of(
        &[
            Part::Text("org/"),
            Part::Claim(ORGANIZATION),
            Part::Text("/project/"),
            Part::Claim(PROJECT),
            Part::Text("/user/*/vcs-origin/"),
            Part::Claim(ORIGIN),
            Part::Text("/vcs-ref/"),
            Part::Claim(REF),
        ],
        &[&[PROJECT]],
    )
    .when(|asked| asked.pins(ORIGIN) || asked.pins(REF)),
    SubjectTemplate::of(
        &[
            Part::Text("org/"),
            Part::Claim(ORGANIZATION),
            Part::Text("/project/"),
            Part::Claim(PROJECT),
            Part::Text("/user/*"),
        ],
        &[&[PROJECT]],
    ),
]];
