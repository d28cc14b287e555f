//! Octopus Deploy itself, as an issuer for the steps of its deployments.
//!
//! A part without a value is left out of `sub` together with its name, so nothing stands at a fixed
//! place there. Newer servers repeat each part as a claim of its own, which is preferred; of others
//! the part of `sub` is taken by its name. Values are slugs, which can be edited.

use super::issuers::ANY;
use super::{
    BASE, Basis, Claim, Field, IssuerUrls, Part, Pin, Pins, Preset, Reading, Shape, SubjectTemplate,
};

const SPACE: &str = "https://octopus.com/claims/space";
const PROJECT: &str = "https://octopus.com/claims/project";
const ENVIRONMENT: &str = "https://octopus.com/claims/environment";
const TENANT: &str = "https://octopus.com/claims/tenant";
const RUNBOOK: &str = "https://octopus.com/claims/runbook";
const TYPE: &str = "https://octopus.com/claims/type";

pub(super) const PRESET: Preset = Preset {
    name: "octopus",
    title: "Octopus Deploy",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single("https://{instance}.octopus.app"), Shape::single(ANY)],
        advice: "write the server's URI as its settings show it, such as \
                 https://acme.octopus.app",
    },
    claims: &[
        Claim::name("sub"),
        Claim::name(SPACE),
        Claim::name(PROJECT),
        Claim::name(ENVIRONMENT),
        Claim::name(TENANT),
        Claim::name(RUNBOOK),
        Claim::context(TYPE),
    ],
    fields: &[
        Field::plain("space", SPACE, "the slug of the space").read(Reading::PartOfSubject("space")),
        Field::plain("project", PROJECT, "the slug of the project")
            .read(Reading::PartOfSubject("project")),
        Field::plain("environment", ENVIRONMENT, "the slug of the environment")
            .read(Reading::PartOfSubject("environment")),
        Field::plain("tenant", TENANT, "the slug of the tenant, or `{ absent: true }`")
            .read(Reading::PartOfSubject("tenant")),
        Field::plain("runbook", RUNBOOK, "the slug of the runbook")
            .read(Reading::PartOfSubject("runbook")),
        Field::plain("type", TYPE, "what runs, such as `deployment` or `runbook`")
            .read(Reading::PartOfSubject("type")),
    ],
    pins: &[
        Pins {
            always: &[
                Pin::exact(SPACE, "space", "the slug that its settings show"),
                Pin::exact(PROJECT, "project", "the slug that its settings show"),
                Pin::exact(ENVIRONMENT, "environment", "the slug that its settings show"),
            ],
            if_shared: &[],
            basis: Basis::Ids,
        },
        Pins {
            always: &[Pin::exact("sub", "sub", "the whole subject of each kind of deployment")],
            if_shared: &[],
            basis: Basis::Ids,
        },
    ],
    shared_audiences: &["api://default", "api://AzureADTokenExchange", "sts.amazonaws.com"],
    subjects: SUBJECTS,
    ..BASE
};

/// Between project and environment a tenant may stand.
const SUBJECTS: &[&[SubjectTemplate]] = &[&[
    SubjectTemplate::of(
        &[
            Part::Text("space:"),
            Part::Claim(SPACE),
            Part::Text(":project:"),
            Part::Claim(PROJECT),
            Part::Text(":runbook:"),
            Part::Claim(RUNBOOK),
            Part::Text(":"),
            Part::Any,
        ],
        &[&[SPACE, PROJECT]],
    )
    .when(|asked| asked.pins(RUNBOOK)),
    SubjectTemplate::of(
        &[
            Part::Text("space:"),
            Part::Claim(SPACE),
            Part::Text(":project:"),
            Part::Claim(PROJECT),
            Part::Text(":tenant:"),
            Part::Claim(TENANT),
            Part::Text(":environment:"),
            Part::Claim(ENVIRONMENT),
        ],
        &[&[SPACE, PROJECT]],
    )
    .when(|asked| asked.pins(TENANT)),
    SubjectTemplate::of(
        &[
            Part::Text("space:"),
            Part::Claim(SPACE),
            Part::Text(":project:"),
            Part::Claim(PROJECT),
            Part::Text(":"),
            Part::Any,
            Part::Text("environment:"),
            Part::Claim(ENVIRONMENT),
        ],
        &[&[SPACE, PROJECT]],
    ),
]];
