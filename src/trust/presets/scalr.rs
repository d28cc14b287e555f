//! Scalr.
//!
//! One issuer for everybody, and a subject of names only: it is pinned whole. A pattern for the
//! account would let in everybody's.

use super::{BASE, Basis, Claim, Field, IssuerUrls, Pin, Pins, Preset, Shape, hours, minutes};

pub(super) const PRESET: Preset = Preset {
    name: "scalr",
    title: "Scalr",
    urls: IssuerUrls {
        fixed: Some("https://scalr.io"),
        shapes: &[Shape::shared("https://scalr.io")],
        advice: "leave it out: it is https://scalr.io for everybody",
    },
    max_token_lifetime: hours(24),
    max_token_age: Some(minutes(30)),
    claims: &[Claim::name("sub")],
    fields: &[Field::plain(
        "sub",
        "sub",
        "the whole subject: `account:ACCOUNT:environment:ENVIRONMENT:workspace:WORKSPACE`",
    )],
    pins: &[Pins {
        always: &[Pin::exact(
            "sub",
            "sub",
            "account:ACCOUNT:environment:ENVIRONMENT:workspace:WORKSPACE, all written out",
        )],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    ..BASE
};
