//! GitLab CI: gitlab.com and servers of one's own.
//!
//! Paths of projects and groups can be taken again, so a rule pins ids. `ref` is a bare name, and a
//! branch may be named like a tag: fields use `ref_path`. A merge request from a fork can run in the
//! parent: newer servers then name the fork in `project_*` and the parent in `job_project_*`, older
//! ones name the parent in both.

use super::issuers::ANY;
use super::pin::names_in_subject;
use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset, Reading,
    Requirement, Shape, SubjectTemplate, hours,
};

pub(super) const PRESET: Preset = Preset {
    name: "gitlab",
    title: "GitLab CI",
    urls: IssuerUrls {
        fixed: Some("https://gitlab.com"),
        shapes: &[Shape::shared("https://gitlab.com"), Shape::single(ANY)],
        advice: "leave it out for gitlab.com, else write your server's, such as \
                 https://gitlab.acme.example, without a slash at its end",
    },
    // A token lives as long as its job may run.
    max_token_lifetime: hours(24),
    max_token_age: Some(hours(1)),
    claims: CLAIMS,
    fields: FIELDS,
    pins: &[
        Pins { always: &[PROJECT_ID], if_shared: &[NAMESPACE_ID], basis: Basis::Ids },
        Pins { always: &[PROJECT], if_shared: &[], basis: Basis::Names },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Names },
    ],
    denials: DENIALS,
    shared_audiences: &["https://gitlab.com", "sigstore"],
    subjects: SUBJECTS,
    ..BASE
};

const PROJECT_ID: Pin = Pin::exact(
    "project_id",
    "project_id",
    "the project's page shows it in its menu, and a job as $CI_PROJECT_ID",
);

const NAMESPACE_ID: Pin = Pin::exact(
    "namespace_id",
    "namespace_id",
    "the page of the group that the project is in shows it in its menu, and a job as \
     $CI_PROJECT_NAMESPACE_ID",
);

const SUBJECT: Pin = Pin::exact("sub", "sub", "project_path:GROUP/PROJECT:… written out")
    .checked(|test| names_in_subject(test, &["project_path"]));

const PROJECT: Pin = Pin::exact("project_path", "project", "write GROUP/PROJECT");

const DENIALS: &[Denial] = &[
    Denial::unless(
        "job_project_id",
        Requirement::SameAsIfPresent("project_id"),
        Lift::Field(&["job_project_id"]),
        "a job that runs in another project than its code is from is a fork's",
    ),
    Denial::unless(
        "pipeline_source",
        Requirement::NoneOf(&["merge_request_event", "external_pull_request_event"]),
        Lift::Field(&["pipeline_source"]),
        "a merge request runs what its author wrote",
    ),
    Denial::unless(
        "ref_protected",
        Requirement::OneOf(&["true"]),
        Lift::Switch("protected_ref", false),
        "every developer may push to a branch that is not protected",
    ),
];

const FIELDS: &[Field] = &[
    Field::plain("project", "project_path", "GROUP/PROJECT, in any case")
        .read(Reading::AnyCase)
        .path("GROUP/PROJECT, without the address of the server"),
    Field::plain("project_id", "project_id", "the id of the project"),
    Field::plain("namespace_id", "namespace_id", "the id of the group that the project is in"),
    Field::branch("ref_path").with(&[("ref_type", "branch")]),
    Field::tag("ref_path").with(&[("ref_type", "tag")]),
    Field::whole_ref("ref_path", "ref_path"),
    Field::plain("environment", "environment", "the job's environment"),
    Field::plain(
        "protected_environment",
        "environment_protected",
        "`true`: the environment is protected",
    ),
    Field::switch("protected_ref", "`false`: refs that are not protected are accepted, too"),
    Field::plain(
        "pipeline_source",
        "pipeline_source",
        "the sources that are accepted, in place of all but merge requests",
    )
    .listed(),
    Field::plain(
        "job_project_id",
        "job_project_id",
        "the project that the job runs in, if that is another than its code is from",
    ),
];

const CLAIMS: &[Claim] = &[
    Claim::name("sub"),
    Claim::number_id("project_id"),
    Claim::number_id("namespace_id"),
    Claim::number_id("job_project_id"),
    Claim::number_id("job_namespace_id"),
    Claim::name("project_path"),
    Claim::name("namespace_path"),
    Claim::name("job_project_path"),
    Claim::name("job_namespace_path"),
    Claim::context("project_visibility").among(&["public", "private", "internal"]),
    Claim::context("ref"),
    Claim::context("ref_type").among(&["branch", "tag"]),
    Claim::context("ref_path"),
    Claim::context("ref_protected").of(Kind::TextBoolean),
    Claim::context("environment"),
    Claim::context("environment_protected").of(Kind::TextBoolean),
    Claim::context("environment_action"),
    Claim::context("deployment_tier"),
    Claim::context("pipeline_id").of(Kind::TextNumber),
    Claim::context("pipeline_source").among(KNOWN_SOURCES),
    Claim::context("job_id").of(Kind::TextNumber),
    Claim::context("job_source"),
    Claim::context("job_config").of(Kind::Object),
    Claim::context("runner_id").of(Kind::Number),
    Claim::context("runner_environment").among(&["gitlab-hosted", "self-hosted"]),
    Claim::context("sha"),
    Claim::name("ci_config_ref_uri"),
    Claim::context("ci_config_sha"),
    Claim::human("user_id").of(Kind::TextNumber),
    Claim::human("user_login"),
    Claim::human("user_email"),
    Claim::human("user_access_level"),
    Claim::human("groups_direct").of(Kind::List),
];

/// Whatever starts a pipeline.
const KNOWN_SOURCES: &[&str] = &[
    "api",
    "chat",
    "container_registry_push",
    "external",
    "external_pull_request_event",
    "merge_request_event",
    "ondemand_dast_scan",
    "ondemand_dast_validation",
    "parent_pipeline",
    "pipeline",
    "pipeline_execution_policy_schedule",
    "push",
    "schedule",
    "security_orchestration_policy",
    "trigger",
    "unknown",
    "web",
    "webide",
];

const SUBJECTS: &[&[SubjectTemplate]] = &[&[
    SubjectTemplate::of(
        &[
            Part::Text("project_path:"),
            Part::Claim("project_path"),
            Part::Text(":ref_type:"),
            Part::RefType("ref_path"),
            Part::Text(":ref:"),
            Part::RefName("ref_path"),
        ],
        &[&["project_path"]],
    )
    .when(|asked| asked.pins("ref_path")),
    SubjectTemplate::of(
        &[
            Part::Text("project_path:"),
            Part::Claim("project_path"),
            Part::Text(":ref_type:"),
            Part::Claim("ref_type"),
            Part::Text(":ref:"),
            Part::Claim("ref"),
        ],
        &[&["project_path"]],
    ),
]];
