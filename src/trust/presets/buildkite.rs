//! Buildkite.
//!
//! One issuer for everybody. The ids are in a token only if the agent asks for them:
//! `buildkite-agent oidc request-token --claim organization_id,pipeline_id`. Slugs can be renamed
//! and taken again. In builds from the API and the web page, whoever starts one writes the branch.

use super::pin::names_in_subject;
use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Part, Pin, Pins, Preset,
    Requirement, Shape, SubjectTemplate, When,
};

pub(super) const PRESET: Preset = Preset {
    name: "buildkite",
    title: "Buildkite",
    urls: IssuerUrls {
        fixed: Some("https://agent.buildkite.com"),
        shapes: &[Shape::shared("https://agent.buildkite.com")],
        advice: "leave it out: it is https://agent.buildkite.com for everybody",
    },
    claims: CLAIMS,
    fields: FIELDS,
    pins: &[
        Pins { always: &[ORGANIZATION_ID, PIPELINE_ID], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[ORGANIZATION, PIPELINE], if_shared: &[], basis: Basis::Names },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Names },
    ],
    denials: &[Denial::unless(
        "build_source",
        Requirement::NoneOf(&["api", "ui"]),
        Lift::Field(&["source"]),
        "whoever starts a build by the API or the web page writes the branch and the tag",
    )
    .when(When::Field(&["branch", "tag"]))],
    shared_audiences: &["https://buildkite.com/", "sts.amazonaws.com"],
    subjects: SUBJECTS,
    ..BASE
};

const ORGANIZATION_ID: Pin = Pin::exact(
    "organization_id",
    "organization_id",
    "the organization's settings show it; the agent must be told to send it: `--claim \
     organization_id,pipeline_id`",
);

const PIPELINE_ID: Pin = Pin::exact(
    "pipeline_id",
    "pipeline_id",
    "the pipeline's settings show it; the agent must be told to send it: `--claim \
     organization_id,pipeline_id`",
);

const SUBJECT: Pin =
    Pin::exact("sub", "sub", "organization:ORGANIZATION:pipeline:PIPELINE:… with both written out")
        .checked(|test| names_in_subject(test, &["organization", "pipeline"]));

const ORGANIZATION: Pin =
    Pin::exact("organization_slug", "organization", "the organization's name in URLs");

const PIPELINE: Pin = Pin::exact("pipeline_slug", "pipeline", "the pipeline's name in URLs");

const FIELDS: &[Field] = &[
    Field::plain("organization", "organization_slug", "the organization, as in URLs"),
    Field::plain("organization_id", "organization_id", "the id of the organization"),
    Field::plain("pipeline", "pipeline_slug", "the pipeline, as in URLs"),
    Field::plain("pipeline_id", "pipeline_id", "the id of the pipeline"),
    Field::plain("branch", "build_branch", "the branch, such as `main`; a tag is none")
        .without(&["build_tag"])
        .bare(),
    Field::plain("tag", "build_tag", "the tag, such as `v2.4.0` or `{ glob: \"v*\" }`").bare(),
    Field::plain(
        "source",
        "build_source",
        "what may have started the build: `webhook`, `schedule`, …",
    )
    .listed(),
    Field::plain("step", "step_key", "the key of the step"),
    Field::plain("cluster_id", "cluster_id", "the id of the cluster of agents"),
];

const CLAIMS: &[Claim] = &[
    Claim::name("sub"),
    Claim::id("organization_id"),
    Claim::id("pipeline_id"),
    Claim::id("cluster_id"),
    Claim::name("organization_slug"),
    Claim::name("pipeline_slug"),
    Claim::name("cluster_name"),
    Claim::name("queue_key"),
    Claim::id("queue_id"),
    Claim::id("build_id"),
    Claim::context("build_number").of(Kind::Number),
    Claim::context("build_branch"),
    Claim::context("build_tag"),
    Claim::context("build_commit"),
    Claim::context("build_source").among(&["api", "schedule", "trigger_job", "ui", "webhook"]),
    Claim::context("step_key"),
    Claim::context("job_id"),
    Claim::context("agent_id"),
    Claim::context("runner_environment"),
    Claim::chosen("agent_tag:queue"),
];

const NAMES: &[&[&str]] = &[&["organization_slug", "pipeline_slug"]];

/// The ref is a branch, or a tag if the build is one's.
const SUBJECTS: &[&[SubjectTemplate]] = &[&[
    SubjectTemplate::of(
        &[
            Part::Text("organization:"),
            Part::Claim("organization_slug"),
            Part::Text(":pipeline:"),
            Part::Claim("pipeline_slug"),
            Part::Text(":ref:refs/tags/"),
            Part::Claim("build_tag"),
            Part::Text(":commit:*:step:"),
            Part::Claim("step_key"),
        ],
        NAMES,
    )
    .when(|asked| asked.pins("build_tag")),
    SubjectTemplate::of(
        &[
            Part::Text("organization:"),
            Part::Claim("organization_slug"),
            Part::Text(":pipeline:"),
            Part::Claim("pipeline_slug"),
            Part::Text(":ref:refs/heads/"),
            Part::Claim("build_branch"),
            Part::Text(":commit:*:step:"),
            Part::Claim("step_key"),
        ],
        NAMES,
    )
    .when(|asked| asked.pins("build_branch")),
    SubjectTemplate::of(
        &[
            Part::Text("organization:"),
            Part::Claim("organization_slug"),
            Part::Text(":pipeline:"),
            Part::Claim("pipeline_slug"),
            Part::Text(":ref:*:commit:*:step:"),
            Part::Claim("step_key"),
        ],
        NAMES,
    ),
]];
