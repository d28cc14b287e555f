//! Fly.io.

use super::{
    BASE, Basis, Claim, Field, IssuerUrls, Part, Pin, Pins, Preset, Shape, SubjectTemplate, minutes,
};

pub(super) const PRESET: Preset = Preset {
    name: "fly",
    title: "Fly.io",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single("https://oidc.fly.io/{organization}")],
        advice: "write https://oidc.fly.io/ORGANIZATION",
    },
    max_token_lifetime: minutes(15),
    claims: &[
        Claim::name("sub"),
        Claim::number_id("org_id"),
        Claim::number_id("app_id"),
        Claim::name("org_name"),
        Claim::name("app_name"),
        Claim::id("machine_id"),
        Claim::name("machine_name"),
        Claim::context("machine_version"),
        Claim::context("image"),
        Claim::id("image_digest"),
        Claim::context("region"),
    ],
    fields: &[
        Field::plain("org_id", "org_id", "the id of the organization"),
        Field::plain("app_id", "app_id", "the id of the app"),
        Field::plain("app", "app_name", "the name of the app"),
        Field::plain("machine_id", "machine_id", "the id of the machine"),
        Field::plain("image_digest", "image_digest", "the digest of the image: `sha256:…`"),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact("org_id", "org_id", "`org_id` of a token of the organization shows it"),
            Pin::exact("app_id", "app_id", "`app_id` of a token of the app shows it"),
        ],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    shared_audiences: &["https://fly.io/"],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Claim("org_name"),
        Part::Text(":"),
        Part::Claim("app_name"),
        Part::Text(":"),
        Part::Claim("machine_name"),
    ],
    &[&["org_name", "app_name"]],
)]];
