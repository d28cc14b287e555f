//! Vercel: the issuer of a team, and the global one.
//!
//! Names in claims follow renames; ids stay. A preview is built of any branch that somebody pushed.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate, hours,
};

pub(super) const PRESET: Preset = Preset {
    name: "vercel",
    title: "Vercel",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://oidc.vercel.com/{team}"),
            Shape::shared("https://oidc.vercel.com"),
        ],
        advice: "write https://oidc.vercel.com/TEAM, or https://oidc.vercel.com if the project's \
                 settings say global",
    },
    max_token_lifetime: hours(12),
    claims: &[
        Claim::name("sub"),
        Claim::id("owner_id"),
        Claim::id("project_id"),
        Claim::name("owner"),
        Claim::name("project"),
        Claim::context("environment"),
        Claim::name("scope"),
        Claim::context("plan"),
        Claim::human("user_id"),
    ],
    fields: &[
        Field::plain("owner", "owner", "the team, as in URLs"),
        Field::plain("owner_id", "owner_id", "its id: `team_…`"),
        Field::plain("project", "project", "the project, as in URLs"),
        Field::plain("project_id", "project_id", "its id: `prj_…`"),
        Field::plain("environment", "environment", "the environment, such as `production`"),
        Field::switch("previews", "`true`: the environments preview and development are accepted"),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact("owner_id", "owner_id", "the team's settings show it as team_…"),
            Pin::exact("project_id", "project_id", "the project's settings show it as prj_…"),
            Pin::exact("environment", "environment", "such as production"),
        ],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    denials: &[Denial::unless(
        "environment",
        Requirement::NoneOf(&["preview", "development"]),
        Lift::Switch("previews", true),
        "a preview is built of any branch that somebody pushed",
    )],
    shared_audiences: &["https://vercel.com/"],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("owner:"),
        Part::Claim("owner"),
        Part::Text(":project:"),
        Part::Claim("project"),
        Part::Text(":environment:"),
        Part::Claim("environment"),
    ],
    &[&["owner", "project"]],
)]];
