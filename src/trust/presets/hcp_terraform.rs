//! HCP Terraform and Terraform Enterprise.
//!
//! One issuer for everybody at HCP. Names are changed at will, ids stay. A plan gets a token as well,
//! also the speculative one of a pull request: without `run_phase` a rule is for applies.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate, hours,
};

pub(super) const PRESET: Preset = Preset {
    name: "hcp-terraform",
    title: "HCP Terraform",
    urls: IssuerUrls {
        fixed: Some("https://app.terraform.io"),
        shapes: &[
            Shape::shared("https://app.terraform.io"),
            Shape::shared("https://app.eu.terraform.io"),
            Shape::single("https://{host}"),
        ],
        advice: "leave it out for HCP Terraform, else write https://app.eu.terraform.io or your \
                 Terraform Enterprise's, such as https://tfe.acme.example, without a path",
    },
    // A token lives as long as its phase may run.
    max_token_lifetime: hours(24),
    claims: &[
        Claim::name("sub"),
        Claim::id("terraform_organization_id"),
        Claim::id("terraform_workspace_id"),
        Claim::id("terraform_project_id"),
        Claim::name("terraform_organization_name"),
        Claim::name("terraform_workspace_name"),
        Claim::name("terraform_project_name"),
        Claim::name("terraform_full_workspace"),
        Claim::context("terraform_run_id"),
        Claim::context("terraform_run_phase").among(&["plan", "apply"]),
    ],
    fields: &[
        Field::plain("organization", "terraform_organization_name", "the organization's name"),
        Field::plain("organization_id", "terraform_organization_id", "its id: `org-…`"),
        Field::plain("project", "terraform_project_name", "the project's name"),
        Field::plain("project_id", "terraform_project_id", "its id: `prj-…`"),
        Field::plain("workspace", "terraform_workspace_name", "the workspace's name"),
        Field::plain("workspace_id", "terraform_workspace_id", "its id: `ws-…`"),
        Field::plain("run_phase", "terraform_run_phase", "`plan`, `apply`; else `apply` alone")
            .listed(),
    ],
    pins: &[
        Pins {
            always: &[
                Pin::exact(
                    "terraform_organization_id",
                    "organization_id",
                    "the organization's settings show it as org-…",
                ),
                Pin::exact(
                    "terraform_workspace_id",
                    "workspace_id",
                    "the workspace's page shows it as ws-…",
                ),
            ],
            if_shared: &[],
            basis: Basis::Ids,
        },
        Pins {
            always: &[
                Pin::exact("terraform_organization_name", "organization", "as in its URL"),
                Pin::exact("terraform_workspace_name", "workspace", "as in its URL"),
            ],
            if_shared: &[],
            basis: Basis::Names,
        },
    ],
    denials: &[Denial::unless(
        "terraform_run_phase",
        Requirement::OneOf(&["apply"]),
        Lift::Field(&["run_phase"]),
        "a plan may be of a pull request that nobody has seen",
    )],
    shared_audiences: &["aws.workload.identity", "api://AzureADTokenExchange"],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("organization:"),
        Part::Claim("terraform_organization_name"),
        Part::Text(":project:"),
        Part::Claim("terraform_project_name"),
        Part::Text(":workspace:"),
        Part::Claim("terraform_workspace_name"),
        Part::Text(":run_phase:"),
        Part::Claim("terraform_run_phase"),
    ],
    &[&["terraform_organization_name", "terraform_workspace_name"]],
)]];
