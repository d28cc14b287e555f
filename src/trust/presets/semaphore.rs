//! Semaphore.
//!
//! The token lives for a day, with the same audience for all, so it must be young. For a pull
//! request `branch` names the branch that it goes to: `ref` and `ref_type` tell. Administrators may
//! leave claims out; a rule does not match without those that it asks for.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate, hours, minutes,
};

pub(super) const PRESET: Preset = Preset {
    name: "semaphore",
    title: "Semaphore",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://{organization}.semaphoreci.com"),
            Shape::single("https://{host}"),
        ],
        advice: "write https://ORGANIZATION.semaphoreci.com, or the host of your own installation, \
                 without a path",
    },
    max_token_lifetime: hours(24),
    max_token_age: Some(minutes(30)),
    claims: &[
        Claim::name("sub"),
        Claim::id("org_id"),
        Claim::id("prj_id"),
        Claim::name("org"),
        Claim::name("prj"),
        Claim::name("repo"),
        Claim::name("repo_slug"),
        Claim::context("ref"),
        Claim::context("ref_type").among(&["branch", "tag", "pull-request"]),
        Claim::context("branch"),
        Claim::context("tag"),
        Claim::context("pr"),
        Claim::chosen("pr_branch"),
        Claim::context("job_type"),
        Claim::context("trg"),
        Claim::context("job_id"),
        Claim::context("ppl_id"),
        Claim::context("wf_id"),
        Claim::human("actor"),
    ],
    fields: &[
        Field::plain("project_id", "prj_id", "the id of the project"),
        Field::plain("organization_id", "org_id", "the id of the organization"),
        Field::branch("ref"),
        Field::tag("ref").with(&[("ref_type", "tag")]),
        Field::whole_ref("ref", "ref"),
        Field::plain(
            "ref_type",
            "ref_type",
            "`branch`, `tag`, `pull-request`; else `branch` alone",
        )
        .listed(),
        Field::plain("job_type", "job_type", "the types of job; else `pipeline_job` alone")
            .listed(),
    ],
    pins: &[Pins {
        always: &[Pin::exact("prj_id", "prj_id", "`sem get project NAME` shows it")],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    denials: &[
        Denial::unless(
            "job_type",
            Requirement::OneOf(&["pipeline_job"]),
            Lift::Field(&["job_type"]),
            "a person has a shell in a debug job",
        ),
        Denial::unless(
            "ref_type",
            Requirement::OneOf(&["branch"]),
            Lift::Field(&["ref_type", "tag"]),
            "a pull request runs what its author wrote",
        ),
        Denial::unless(
            "pr",
            Requirement::Empty,
            Lift::FieldNaming("ref_type", &["pull-request"]),
            "a pull request runs what its author wrote",
        ),
    ],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("org:"),
        Part::Claim("org"),
        Part::Text(":project:"),
        Part::Claim("prj_id"),
        Part::Text(":repo:"),
        Part::Claim("repo"),
        Part::Text(":ref_type:"),
        Part::Claim("ref_type"),
        Part::Text(":ref:"),
        Part::Claim("ref"),
    ],
    &[&["prj_id"]],
)]];
