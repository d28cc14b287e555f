//! GitHub Actions: github.com, Enterprise Cloud (also with data residency), Enterprise Server.
//!
//! Names of repositories and owners can be registered again after a deletion or a rename, and `sub`
//! is whatever the repository's owner makes of it, so a rule pins ids. Events other than those of
//! the list run code or read text of people who may not push.

use super::pin::names_in_subject;
use super::{
    Asked, BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset,
    Reading, Requirement, Shape, SubjectTemplate, minutes,
};

pub(super) const PRESET: Preset = Preset {
    name: "github-actions",
    title: "GitHub Actions",
    urls: IssuerUrls {
        fixed: Some("https://token.actions.githubusercontent.com"),
        shapes: &[
            Shape::shared("https://token.actions.githubusercontent.com"),
            Shape::single("https://token.actions.githubusercontent.com/{enterprise}"),
            Shape::single("https://token.actions.{subdomain}.ghe.com"),
            Shape::single("https://token.actions.{subdomain}.ghe.com/{enterprise}"),
            Shape::single("https://{host}/_services/token"),
        ],
        advice: "leave it out for github.com, else write \
                 https://token.actions.githubusercontent.com/ENTERPRISE, \
                 https://token.actions.SUBDOMAIN.ghe.com or, for a server of your own, \
                 https://HOST/_services/token",
    },
    max_token_lifetime: minutes(15),
    claims: CLAIMS,
    fields: FIELDS,
    pins: &[
        Pins { always: &[REPOSITORY_ID], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[OWNER_ID, REPOSITORY], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[REPOSITORY], if_shared: &[], basis: Basis::Names },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Names },
    ],
    denials: DENIALS,
    shared_audiences: &["https://github.com/", "sigstore"],
    subjects: SUBJECTS,
    ..BASE
};

const REPOSITORY_ID: Pin =
    Pin::exact("repository_id", "repository_id", "`gh api repos/OWNER/REPO --jq .id` prints it");

const OWNER_ID: Pin = Pin::exact(
    "repository_owner_id",
    "repository_owner_id",
    "`gh api users/OWNER --jq .id` prints it",
);

const REPOSITORY: Pin = Pin::exact("repository", "repository", "write OWNER/REPO");

/// A subject without the repository in it is whatever any repository's owner makes of it.
const SUBJECT: Pin = Pin::exact("sub", "sub", "repo:OWNER/REPO:… with both written out")
    .checked(|test| names_in_subject(test, &["repo"]));

const WORKFLOW: &str = "the name of its file, such as deploy.yml, or OWNER/REPO/PATH@REF";

/// A workflow has a file; its display name is anybody's to choose.
pub(super) fn is_workflow(value: &str) -> bool {
    let is_file = [".yml", ".yaml"].iter().any(|end| value.ends_with(end));
    is_file || value.contains('@')
}

/// A file of a repository, and a whole ref or the id of a commit.
fn is_file_at_ref(value: &str) -> bool {
    let is_commit = |at: &str| at.len() >= 40 && at.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A ref may have an @ in it as well.
    match value.split_once("@refs/") {
        Some((file, _)) => file.contains('/'),
        None => {
            value.rsplit_once('@').is_some_and(|(file, at)| file.contains('/') && is_commit(at))
        }
    }
}

/// The events of people who may push.
const EVENTS: &[&str] = &[
    "push",
    "workflow_dispatch",
    "release",
    "schedule",
    "repository_dispatch",
    "deployment",
    "merge_group",
];

/// The events that run on `refs/pull/N/merge`.
const OF_PULL_REQUESTS: &[&str] =
    &["pull_request", "pull_request_review", "pull_request_review_comment"];

const DENIALS: &[Denial] = &[
    Denial::unless(
        "event_name",
        Requirement::OneOf(EVENTS),
        Lift::Field(&["events"]),
        "other events run what people without write access wrote",
    ),
    Denial::unless(
        "ref",
        Requirement::NotStartingWith(&["refs/pull/"]),
        Lift::FieldNaming("events", OF_PULL_REQUESTS),
        "a pull request runs what its author wrote",
    ),
    Denial::unless(
        "ref",
        Requirement::NoneOf(&[""]),
        Lift::FieldNaming("events", &["deployment", "deployment_status"]),
        "a deployment of a bare commit says nothing about the branch",
    ),
];

const FIELDS: &[Field] = &[
    Field::plain("repository", "repository", "OWNER/REPO, in any case")
        .read(Reading::AnyCase)
        .path("OWNER/REPO, without the address of the server"),
    Field::plain("repository_id", "repository_id", "the id of the repository"),
    Field::plain("repository_owner", "repository_owner", "the owner, in any case")
        .read(Reading::AnyCase),
    Field::plain("repository_owner_id", "repository_owner_id", "the id of the owner"),
    Field::plain("enterprise_id", "enterprise_id", "the id of the enterprise"),
    Field::plain("environment", "environment", "the job's environment, in any case")
        .read(Reading::AnyCase),
    Field::branch("ref").with(&[("ref_type", "branch")]),
    Field::tag("ref").with(&[("ref_type", "tag")]),
    Field::whole_ref("ref", "ref"),
    Field::plain("protected_ref", "ref_protected", "`true`: the ref is protected"),
    Field::plain("workflow", "workflow_ref", "the workflow's file, such as `deploy.yml`")
        .read(Reading::WorkflowIn(".github/workflows/"))
        .form(is_workflow, WORKFLOW),
    Field::plain(
        "job_workflow_ref",
        "job_workflow_ref",
        "the file that the job is written in, as OWNER/REPO/PATH@REF",
    )
    .form(
        is_file_at_ref,
        "OWNER/REPO/PATH@REF with the whole ref, such as \
         acme/ci/.github/workflows/deploy.yml@refs/tags/v1",
    ),
    Field::plain(
        "events",
        "event_name",
        "the events that are accepted, in place of the usual ones",
    )
    .listed(),
    Field::plain("runner", "runner_environment", "`github-hosted` or `self-hosted`"),
];

const CLAIMS: &[Claim] = &[
    Claim::name("sub"),
    Claim::number_id("repository_id"),
    Claim::number_id("repository_owner_id"),
    Claim::number_id("enterprise_id"),
    Claim::name("repository"),
    Claim::name("repository_owner"),
    Claim::name("enterprise"),
    Claim::context("repository_visibility").among(&["public", "private", "internal"]),
    Claim::context("environment"),
    Claim::id("environment_node_id"),
    Claim::context("ref"),
    Claim::context("ref_type").among(&["branch", "tag"]),
    Claim::context("ref_protected").of(Kind::TextBoolean),
    Claim::context("event_name").among(KNOWN_EVENTS),
    Claim::chosen("head_ref"),
    Claim::context("base_ref"),
    Claim::chosen("workflow"),
    Claim::name("workflow_ref"),
    Claim::context("workflow_sha"),
    Claim::name("job_workflow_ref"),
    Claim::context("job_workflow_sha"),
    Claim::context("runner_environment").among(&["github-hosted", "self-hosted"]),
    Claim::human("actor"),
    Claim::human("actor_id").of(Kind::TextNumber),
    Claim::context("sha"),
    Claim::context("run_id").of(Kind::TextNumber),
    Claim::context("run_number").of(Kind::TextNumber),
    Claim::context("run_attempt").of(Kind::TextNumber),
    Claim::context("check_run_id").of(Kind::TextNumber),
];

/// Every event that starts a workflow.
const KNOWN_EVENTS: &[&str] = &[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "dynamic",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_call",
    "workflow_dispatch",
    "workflow_run",
];

/// Names can be taken by others, ids can't. One of these says whose job it is, beside a subject of
/// the other form.
const BY_NAME: &[&[&str]] = &[&["repository"]];
const BY_ID: &[&[&str]] = &[&["repository_id"], &["repository_owner_id", "repository"]];

/// With names alone, and with the ids behind them, as GitHub writes those of repositories that were
/// made, renamed or moved since 2026-07-15, and no server of one's own. A job of an environment has
/// that in the place of its ref, one of a pull request neither.
const SUBJECTS: &[&[SubjectTemplate]] = &[
    &[
        SubjectTemplate::of(
            &[
                Part::Text("repo:"),
                Part::Claim("repository"),
                Part::Text(":environment:"),
                Part::Escaped("environment"),
            ],
            BY_NAME,
        )
        .when(|asked| asked.pins("environment")),
        SubjectTemplate::of(
            &[
                Part::Text("repo:"),
                Part::Claim("repository"),
                Part::Text(":ref:"),
                Part::Claim("ref"),
            ],
            BY_NAME,
        )
        .when(|asked| !asked.names_only("event_name", OF_PULL_REQUESTS)),
    ],
    &[
        SubjectTemplate::of(
            &[
                Part::Text("repo:"),
                Part::Owner("repository"),
                Part::Text("@"),
                Part::Claim("repository_owner_id"),
                Part::Text("/"),
                Part::Name("repository"),
                Part::Text("@"),
                Part::Claim("repository_id"),
                Part::Text(":environment:"),
                Part::Escaped("environment"),
            ],
            BY_ID,
        )
        .when(|asked| asked.pins("environment") && has_ids(asked)),
        SubjectTemplate::of(
            &[
                Part::Text("repo:"),
                Part::Owner("repository"),
                Part::Text("@"),
                Part::Claim("repository_owner_id"),
                Part::Text("/"),
                Part::Name("repository"),
                Part::Text("@"),
                Part::Claim("repository_id"),
                Part::Text(":ref:"),
                Part::Claim("ref"),
            ],
            BY_ID,
        )
        .when(|asked| !asked.names_only("event_name", OF_PULL_REQUESTS) && has_ids(asked)),
    ],
    &[SubjectTemplate::of(
        &[Part::Text("repo:"), Part::Claim("repository"), Part::Text(":pull_request")],
        BY_NAME,
    )
    .when(is_of_pull_requests)],
    &[SubjectTemplate::of(
        &[
            Part::Text("repo:"),
            Part::Owner("repository"),
            Part::Text("@"),
            Part::Claim("repository_owner_id"),
            Part::Text("/"),
            Part::Name("repository"),
            Part::Text("@"),
            Part::Claim("repository_id"),
            Part::Text(":pull_request"),
        ],
        BY_ID,
    )
    .when(|asked| is_of_pull_requests(asked) && has_ids(asked))],
];

/// Not of a server of one's own.
fn has_ids(asked: &Asked<'_>) -> bool {
    !asked.issuer().ends_with("/_services/token")
}

fn is_of_pull_requests(asked: &Asked<'_>) -> bool {
    asked.names_any("event_name", OF_PULL_REQUESTS) && !asked.pins("environment")
}
