//! Azure DevOps: pipelines, and service connections of either issuer.
//!
//! The audience is the same for every relying party of Azure, so the subject has to be exact.
//! Organizations, projects, pipelines and connections are named in `sub` as they are now; the ids of
//! project and pipeline stay.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Kind, Lift, Pin, Pins, Preset, Reading,
    Requirement, Shape,
};

pub(super) const PRESET: Preset = Preset {
    name: "azure-devops",
    title: "Azure DevOps",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://vstoken.dev.azure.com/{organization}"),
            Shape::single("https://login.microsoftonline.com/{guid}/v2.0"),
        ],
        advice: "write https://vstoken.dev.azure.com/ORGANIZATION-ID for pipelines and old service \
                 connections, https://login.microsoftonline.com/TENANT-ID/v2.0 for service \
                 connections since the end of 2025",
    },
    claims: CLAIMS,
    has_composite_subject: false,
    fields: FIELDS,
    pins: &[
        Pins { always: &[PROJECT_ID, PIPELINE_ID], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Ids },
    ],
    denials: &[Denial::unless(
        "rpo_ref",
        Requirement::NotStartingWithIfPresent(&["refs/pull/"]),
        Lift::Switch("pull_requests", true),
        "a pull request runs what its author wrote",
    )],
    shared_audiences: &["api://AzureADTokenExchange", "fb60f99c-7a34-4190-8149-302f77469936"],
    ..BASE
};

const PROJECT_ID: Pin = Pin::exact(
    "prj_id",
    "prj_id",
    "the project's id: `az devops project show --project NAME --query id`, or the variable \
     System.TeamProjectId",
);

const PIPELINE_ID: Pin = Pin::exact(
    "def_id",
    "def_id",
    "the pipeline's number: `definitionId` in the address of its page, or the variable \
     System.DefinitionId",
);

const SUBJECT: Pin = Pin::exact(
    "sub",
    "service_connection",
    "the subject identifier that the service connection shows",
);

const FIELDS: &[Field] = &[
    Field::plain("organization_id", "org_id", "the id of the organization"),
    Field::plain("project_id", "prj_id", "the id of the project"),
    Field::plain("pipeline_id", "def_id", "the number of the pipeline"),
    Field::plain("repository_id", "rpo_id", "the id of the repository"),
    Field::plain("project", "sub", "the name of the project, checked beside its id")
        .read(Reading::Within("p://*/{}/*")),
    Field::plain("pipeline", "sub", "the name of the pipeline, checked beside its id")
        .read(Reading::Within("p://*/*/{}")),
    Field::plain(
        "service_connection",
        "sub",
        "ORGANIZATION/PROJECT/CONNECTION, or the whole subject that the connection shows",
    )
    .read(Reading::PrefixedName("sc://"))
    .form(
        is_connection,
        "ORGANIZATION/PROJECT/CONNECTION, or the subject identifier that the connection shows",
    ),
    Field::branch("rpo_ref"),
    Field::tag("rpo_ref"),
    Field::whole_ref("ref", "rpo_ref"),
    Field::switch("pull_requests", "`true`: builds of pull requests are accepted, too"),
];

fn is_connection(value: &str) -> bool {
    let name = value.strip_prefix("sc://").unwrap_or(value);
    value.starts_with("/eid1/") || name.split('/').filter(|part| !part.is_empty()).count() == 3
}

const CLAIMS: &[Claim] = &[
    Claim::name("sub"),
    Claim::id("org_id"),
    Claim::id("prj_id"),
    Claim::id("def_id").of(Kind::TextNumber),
    Claim::id("rpo_id"),
    Claim::name("rpo_uri"),
    Claim::context("rpo_ver"),
    Claim::context("rpo_ref"),
    Claim::context("run_id").of(Kind::TextNumber),
];
