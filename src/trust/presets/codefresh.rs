//! Codefresh.
//!
//! One issuer for everybody. `sub` joins values with colons that hold colons themselves, and a
//! person's name: rules are on the claims.

use super::{
    BASE, Basis, Claim, Denial, Field, IssuerUrls, Lift, Part, Pin, Pins, Preset, Requirement,
    Shape, SubjectTemplate, minutes,
};

pub(super) const PRESET: Preset = Preset {
    name: "codefresh",
    title: "Codefresh",
    urls: IssuerUrls {
        fixed: Some("https://oidc.codefresh.io"),
        shapes: &[Shape::shared("https://oidc.codefresh.io")],
        advice: "leave it out: it is https://oidc.codefresh.io for everybody",
    },
    max_token_lifetime: minutes(15),
    claims: &[
        Claim::human("sub"),
        Claim::id("account_id"),
        Claim::name("account_name"),
        Claim::id("pipeline_id"),
        Claim::name("pipeline_name"),
        Claim::context("workflow_id"),
        Claim::name("scm_repo_url"),
        Claim::context("scm_ref"),
        Claim::context("scm_pull_request_target_branch"),
        Claim::human("scm_user_name"),
        Claim::context("runner_environment"),
    ],
    fields: &[
        Field::plain("account_id", "account_id", "the id of the account"),
        Field::plain("pipeline_id", "pipeline_id", "the id of the pipeline"),
        Field::plain("repo", "scm_repo_url", "the URL of the repository"),
        Field::plain("ref", "scm_ref", "the branch or tag, such as `main`"),
        Field::switch("pull_requests", "`true`: builds of pull requests are accepted, too"),
    ],
    pins: &[Pins {
        always: &[
            Pin::exact("account_id", "account_id", "the account's settings show it"),
            Pin::exact(
                "pipeline_id",
                "pipeline_id",
                "`codefresh get pipeline NAME --output yaml` shows it",
            ),
        ],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    denials: &[Denial::unless(
        "scm_pull_request_target_branch",
        Requirement::Empty,
        Lift::Switch("pull_requests", true),
        "a pull request runs what its author wrote",
    )],
    shared_audiences: &["https://g.codefresh.io"],
    subjects: SUBJECTS,
    ..BASE
};

const SUBJECTS: &[&[SubjectTemplate]] = &[&[SubjectTemplate::of(
    &[
        Part::Text("account:"),
        Part::Claim("account_id"),
        Part::Text(":pipeline:"),
        Part::Claim("pipeline_id"),
        Part::Text(":scm_repo_url:"),
        Part::Claim("scm_repo_url"),
        Part::Text(":scm_user_name:*:scm_ref:"),
        Part::Claim("scm_ref"),
    ],
    &[&["account_id", "pipeline_id"]],
)]];
