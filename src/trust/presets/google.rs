//! Google: service accounts, and machines on Compute Engine.
//!
//! Any Google account on earth gets a token for any audience, so `sub` alone says whose it is. The
//! number in it is never given again; an e-mail address is.

use super::pin::every_value;
use super::{BASE, Basis, Claim, Field, IssuerUrls, Kind, Pin, Pins, Preset, Shape};
use crate::trust::Test;

pub(super) const PRESET: Preset = Preset {
    name: "google",
    title: "Google",
    urls: IssuerUrls {
        fixed: Some("https://accounts.google.com"),
        shapes: &[Shape::shared("https://accounts.google.com")],
        advice: "leave it out: it is https://accounts.google.com for everybody",
    },
    claims: &[
        Claim::id("sub"),
        Claim::id("azp"),
        Claim::human("email"),
        Claim::context("email_verified").of(Kind::Boolean),
        Claim::id("/google/compute_engine/project_number").of(Kind::Number),
        Claim::name("/google/compute_engine/project_id"),
        Claim::id("/google/compute_engine/instance_id"),
        Claim::name("/google/compute_engine/instance_name"),
        Claim::context("/google/compute_engine/zone"),
    ],
    has_composite_subject: false,
    fields: &[
        Field::plain("sub", "sub", "the unique id of the service account: 21 digits"),
        Field::plain("email", "email", "the service account's address, checked beside `sub`")
            .with(&[("email_verified", "true")]),
        Field::plain(
            "project_number",
            "/google/compute_engine/project_number",
            "the project of the machine; the token must be asked for with `format=full`",
        ),
        Field::plain(
            "instance_id",
            "/google/compute_engine/instance_id",
            "the machine; the token must be asked for with `format=full`",
        ),
    ],
    pins: &[Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Ids }],
    denials: &[],
    shared_audiences: &["32555940559.apps.googleusercontent.com", "https://iap.googleapis.com"],
    ..BASE
};

const SUBJECT: Pin = Pin::exact(
    "sub",
    "sub",
    "the account's number: `gcloud iam service-accounts describe ADDRESS --format \
     'value(uniqueId)'` prints it",
)
.checked(is_number);

fn is_number(test: &Test) -> bool {
    every_value(test, |value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))
}
