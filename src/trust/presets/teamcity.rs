//! TeamCity, with Octopus Deploy's plug-in.
//!
//! Internal ids stay when a project or a build configuration is renamed or moved. `project7*` would
//! match project77, too.

use super::issuers::ANY;
use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate, hours,
};
use crate::identity::Algorithm;

pub(super) const PRESET: Preset = Preset {
    name: "teamcity",
    title: "TeamCity",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(ANY)],
        advice: "write the server's URL as its general settings show it, such as \
                 https://teamcity.acme.example",
    },
    algorithms: &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Es256],
    max_token_lifetime: hours(12),
    claims: &[
        Claim::id("sub"),
        Claim::id("project_internal_id"),
        Claim::id("build_type_internal_id"),
        Claim::name("project_external_id"),
        Claim::name("build_type_external_id"),
        Claim::context("branch"),
        Claim::context("trigger_type"),
    ],
    fields: &[
        Field::plain("project_internal_id", "project_internal_id", "such as `project7`"),
        Field::plain("build_type_internal_id", "build_type_internal_id", "such as `bt42`"),
        Field::plain("project", "project_external_id", "the project's id, which may change"),
        Field::plain(
            "build_type",
            "build_type_external_id",
            "the id of the build configuration, which may change",
        ),
        Field::branch("branch"),
        Field::plain(
            "trigger_type",
            "trigger_type",
            "what started the build, such as `vcsTrigger`",
        )
        .listed(),
        Field::switch("pull_requests", "`true`: builds of pull requests are accepted, too"),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact(
                "project_internal_id",
                "project_internal_id",
                "`/app/rest/projects/id:PROJECT?fields=internalId` of the server shows it",
            ),
            Pin::exact(
                "build_type_internal_id",
                "build_type_internal_id",
                "`/app/rest/buildTypes/id:BUILD?fields=internalId` of the server shows it",
            ),
        ],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    denials: &[Denial::unless(
        "branch",
        Requirement::NotStartingWithIfPresent(&[
            "refs/pull/",
            "refs/pull-requests/",
            "refs/merge-requests/",
        ]),
        Lift::Switch("pull_requests", true),
        "a pull request runs what its author wrote",
    )],
    subjects: SUBJECTS,
    ..BASE
};

/// What stands behind the build configuration, the connection in TeamCity says.
const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("project:"),
        Part::Claim("project_internal_id"),
        Part::Text(":build_type:"),
        Part::Claim("build_type_internal_id"),
    ],
    &[&["project_internal_id", "build_type_internal_id"]],
)]];
