//! env0.
//!
//! One issuer and one audience for everybody, one subject for a whole organization, and a life of a
//! day: rules are on ids, and tokens must be young. `env0Tag` says what whoever sets a variable
//! wants it to say.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Pin, Pins, Preset, Requirement, Shape,
    hours, minutes,
};

pub(super) const PRESET: Preset = Preset {
    name: "env0",
    title: "env0",
    urls: IssuerUrls {
        fixed: Some("https://login.app.env0.com/"),
        shapes: &[Shape::shared("https://login.app.env0.com/")],
        advice: "leave it out: it is https://login.app.env0.com/ for everybody",
    },
    max_token_lifetime: hours(24),
    max_token_age: Some(minutes(30)),
    claims: &[
        Claim::id("sub"),
        Claim::id("organizationId"),
        Claim::id("projectId"),
        Claim::id("environmentId"),
        Claim::id("templateId"),
        Claim::name("projectName"),
        Claim::name("environmentName"),
        Claim::name("templateName"),
        Claim::name("workspaceName"),
        Claim::context("apiKeyType"),
        Claim::context("deploymentType"),
        Claim::context("deploymentLogId"),
        Claim::human("deployerEmail"),
        Claim::chosen("env0Tag"),
    ],
    has_composite_subject: false,
    fields: &[
        Field::plain("organization_id", "organizationId", "the id of the organization"),
        Field::plain("project_id", "projectId", "the id of the project"),
        Field::plain("environment_id", "environmentId", "the id of the environment"),
        Field::plain("template_id", "templateId", "the id of the template"),
        Field::plain("deployment_type", "deploymentType", "the types; else all but `prPlan`")
            .listed(),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact("organizationId", "organizationId", "the organization's settings show it"),
            Pin::exact("projectId", "projectId", "the project's settings show it"),
        ],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    denials: &[
        Denial::unless(
            "apiKeyType",
            Requirement::OneOf(&["oidc"]),
            Lift::OwnCondition,
            "tokens of another kind are not a deployment's",
        ),
        Denial::unless(
            "deploymentType",
            Requirement::NoneOf(&["prPlan"]),
            Lift::Field(&["deployment_type"]),
            "the plan of a pull request runs what its author wrote",
        ),
    ],
    shared_audiences: &["https://prod.env0.com", "https://app.env0.com"],
    ..BASE
};
