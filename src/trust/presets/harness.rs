//! Harness: connectors with an issuer for each account, and workload identities of a shared one.
//!
//! Identifiers of projects and pipelines are the account's own: with an issuer that many accounts
//! share, the account is pinned as well.

use super::issuers::ANY;
use super::{
    BASE, Basis, Claim, Field, IssuerUrls, Part, Pin, Pins, Preset, Shape, SubjectTemplate,
};

pub(super) const PRESET: Preset = Preset {
    name: "harness",
    title: "Harness",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://{host}/ng/api/oidc/account/{account}"),
            Shape::shared(ANY),
        ],
        advice: "write https://app.harness.io/ng/api/oidc/account/ACCOUNT-ID, or the issuer that \
                 the workload identity shows",
    },
    claims: &[
        Claim::name("sub"),
        Claim::id("account_id"),
        Claim::id("organization_id"),
        Claim::id("project_id"),
        Claim::id("pipeline_id"),
        Claim::id("connector_id"),
        Claim::name("connector_name"),
        Claim::context("context"),
        Claim::id("environment_id"),
        Claim::context("environment_type"),
        Claim::id("service_id"),
        Claim::name("service_name"),
        Claim::context("stage_type"),
        Claim::human("triggered_by_name"),
        Claim::human("triggered_by_email"),
    ],
    fields: &[
        Field::plain("account_id", "account_id", "the id of the account"),
        Field::plain("organization_id", "organization_id", "the id of the organization"),
        Field::plain("project_id", "project_id", "the id of the project"),
        Field::plain("pipeline_id", "pipeline_id", "the id of the pipeline"),
        Field::plain("environment", "environment_id", "the id of the environment"),
        Field::plain("service", "service_id", "the id of the service"),
        Field::plain("connector_id", "connector_id", "the id of the connector"),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact("project_id", "project_id", "it stands in the address of its page"),
            Pin::exact("pipeline_id", "pipeline_id", "it stands in the address of its page"),
        ],
        if_shared: &[Pin::exact(
            "account_id",
            "account_id",
            "the account's settings show it, and every address behind /account/",
        )],
        basis: Basis::Ids,
    }],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("account/"),
        Part::Claim("account_id"),
        Part::Text(":org/"),
        Part::Claim("organization_id"),
        Part::Text(":project/"),
        Part::Claim("project_id"),
    ],
    &[&["account_id", "project_id"]],
)]];
