//! Spacelift.
//!
//! `scope` is advice: a proposed run, of a pull request, gets a token as good as any but for this
//! word. Ids of old spaces are slugs that a sibling may share; their path is theirs alone.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate,
};

pub(super) const PRESET: Preset = Preset {
    name: "spacelift",
    title: "Spacelift",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[
            Shape::single("https://{account}.app.spacelift.io"),
            Shape::single("https://{account}.app.us.spacelift.io"),
            Shape::single("https://{host}"),
        ],
        advice: "write https://ACCOUNT.app.spacelift.io, or the host of your own installation, \
                 without a path",
    },
    claims: &[
        Claim::name("sub"),
        Claim::id("callerId"),
        Claim::context("callerType"),
        Claim::id("spaceId"),
        Claim::name("spacePath"),
        Claim::context("runType"),
        Claim::context("runId"),
        Claim::context("scope").among(&["read", "write"]),
    ],
    fields: &[
        Field::plain("stack", "callerId", "the id of the stack").with(&[("callerType", "stack")]),
        Field::plain("module", "callerId", "the id of the module")
            .with(&[("callerType", "module")]),
        Field::plain("space", "spaceId", "the id of the space"),
        Field::plain("space_path", "spacePath", "the path of the space, such as `/root/prod`"),
        Field::plain("scope", "scope", "`read`, `write`; else `write` alone").listed(),
        Field::plain("run_type", "runType", "the types of run; else all but proposed and testing")
            .listed(),
    ],
    pins: &[
        Pins { always: &[CALLER, SPACE], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[CALLER, SPACE_PATH], if_shared: &[], basis: Basis::Ids },
    ],
    denials: &[
        Denial::unless(
            "scope",
            Requirement::OneOf(&["write"]),
            Lift::Field(&["scope"]),
            "a run that may only read has nothing to deploy",
        ),
        Denial::unless(
            "runType",
            Requirement::NoneOf(&["PROPOSED", "TESTING"]),
            Lift::Field(&["run_type"]),
            "a proposed run is of a pull request that nobody has seen",
        ),
    ],
    subjects: SUBJECTS,
    ..BASE
};

const CALLER: Pin = Pin::exact("callerId", "stack", "the id in the address of the stack's page");
const SPACE: Pin = Pin::exact("spaceId", "space", "the id that the page of the space shows");
const SPACE_PATH: Pin =
    Pin::exact("spacePath", "space_path", "the path from the root, such as /root/prod");

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("space:"),
        Part::Claim("spaceId"),
        Part::Text(":"),
        Part::Claim("callerType"),
        Part::Text(":"),
        Part::Claim("callerId"),
        Part::Text(":run_type:"),
        Part::Claim("runType"),
        Part::Text(":scope:"),
        Part::Claim("scope"),
    ],
    &[&["callerId"]],
)]];
