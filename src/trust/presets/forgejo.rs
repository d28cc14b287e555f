//! Forgejo Actions.
//!
//! Much like GitHub Actions. `sub` of newer servers joins names and ids with a hyphen, and a
//! repository may really be called so: rules are on `repository_id`, which older servers lack.

use super::issuers::ANY;
use super::pin::names_in_subject;
use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset, Reading,
    Requirement, Shape, SubjectTemplate,
};

pub(super) const PRESET: Preset = Preset {
    name: "forgejo",
    title: "Forgejo Actions",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(ANY)],
        advice: "write https://HOST/api/actions, as the `iss` of a token has it",
    },
    claims: &[
        Claim::name("sub"),
        Claim::number_id("repository_id"),
        Claim::number_id("repository_owner_id"),
        Claim::name("repository"),
        Claim::name("repository_owner"),
        Claim::context("ref"),
        Claim::context("ref_type").among(&["branch", "tag"]),
        Claim::context("ref_protected").of(Kind::TextBoolean),
        Claim::context("event_name"),
        Claim::chosen("head_ref"),
        Claim::context("base_ref"),
        Claim::name("workflow"),
        Claim::name("workflow_ref"),
        Claim::context("run_id").of(Kind::TextNumber),
        Claim::context("run_number").of(Kind::TextNumber),
        Claim::context("run_attempt").of(Kind::TextNumber),
        Claim::context("sha"),
        Claim::human("actor"),
        Claim::human("actor_id").of(Kind::TextNumber),
    ],
    fields: &[
        Field::plain("repository", "repository", "OWNER/REPO, in any case")
            .read(Reading::AnyCase)
            .path("OWNER/REPO, without the address of the server"),
        Field::plain("repository_id", "repository_id", "the id of the repository"),
        Field::plain("repository_owner_id", "repository_owner_id", "the id of the owner"),
        Field::branch("ref").with(&[("ref_type", "branch")]),
        Field::tag("ref").with(&[("ref_type", "tag")]),
        Field::whole_ref("ref", "ref"),
        Field::plain("protected_ref", "ref_protected", "`true`: the ref is protected"),
        Field::plain("workflow", "workflow_ref", "the workflow's file, such as `deploy.yml`")
            .read(Reading::WorkflowIn(".forgejo/workflows/"))
            .form(
                super::github_actions::is_workflow,
                "the name of its file, such as deploy.yml, or OWNER/REPO/PATH@REF",
            ),
        Field::plain("events", "event_name", "the events that are accepted, in place of the usual")
            .listed(),
    ],
    pins: &[
        Pins { always: &[REPOSITORY_ID], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[REPOSITORY], if_shared: &[], basis: Basis::Names },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Names },
    ],
    denials: &[
        Denial::unless(
            "event_name",
            Requirement::OneOf(&["push", "workflow_dispatch", "release", "schedule"]),
            Lift::Field(&["events"]),
            "other events run what people without write access wrote",
        ),
        Denial::unless(
            "ref",
            Requirement::NotStartingWith(&["refs/pull/"]),
            Lift::FieldNaming("events", &["pull_request"]),
            "a pull request runs what its author wrote",
        ),
        Denial::unless(
            "ref",
            Requirement::NoneOf(&[""]),
            Lift::Never,
            "without a ref nothing says what runs",
        ),
    ],
    subjects: SUBJECTS,
    ..BASE
};

const REPOSITORY_ID: Pin = Pin::exact(
    "repository_id",
    "repository_id",
    "https://HOST/api/v1/repos/OWNER/REPO shows it as `id`",
);

const REPOSITORY: Pin = Pin::exact("repository", "repository", "write OWNER/REPO");

const SUBJECT: Pin = Pin::exact("sub", "sub", "repo:OWNER/REPO:… with both written out")
    .checked(|test| names_in_subject(test, &["repo"]));

const CLASSIC: &[&[&str]] = &[&["repository"]];
const IMMUTABLE: &[&[&str]] = &[&["repository_id"], &["repository"]];

/// Newer servers write the ids of owner and repository behind their names.
const SUBJECTS: &[&[SubjectTemplate]] = &[
    &[SubjectTemplate::of(
        &[Part::Text("repo:"), Part::Claim("repository"), Part::Text(":ref:"), Part::Claim("ref")],
        CLASSIC,
    )
    .when(|asked| asked.pins("repository"))],
    &[SubjectTemplate::of(
        &[
            Part::Text("repo:"),
            Part::Owner("repository"),
            Part::Text("-"),
            Part::Claim("repository_owner_id"),
            Part::Text("/"),
            Part::Name("repository"),
            Part::Text("-"),
            Part::Claim("repository_id"),
            Part::Text(":ref:"),
            Part::Claim("ref"),
        ],
        IMMUTABLE,
    )
    .when(|asked| asked.pins("repository_id"))],
];
