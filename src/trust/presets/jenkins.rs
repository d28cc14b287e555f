//! Jenkins, with the plug-in OpenID Connect Provider.
//!
//! `sub` is the URL of the job, or what an administrator makes of it; there are no ids, so it is
//! pinned exactly. A pattern that ends in `**` would let in the branches of pull requests.

use super::issuers::ANY;
use super::{BASE, Basis, Claim, Field, IssuerUrls, Kind, Pin, Pins, Preset, Shape};
use crate::trust::Test;

pub(super) const PRESET: Preset = Preset {
    name: "jenkins",
    title: "Jenkins",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(ANY)],
        advice: "write https://JENKINS/oidc, or https://JENKINS/oidc/job/FOLDER for a credential of \
                 a folder",
    },
    claims: &[Claim::name("sub"), Claim::context("build_number").of(Kind::Number)],
    fields: &[Field::plain("sub", "sub", "the URL of the job, with a slash at its end")
        .form(is_job, "the URL of the job as JOB_URL has it, with a slash at its end")],
    pins: &[
        Pins { always: &[SUBJECT], if_shared: &[], basis: Basis::Ids },
        Pins { always: &[SUBJECT.checked(is_bounded)], if_shared: &[], basis: Basis::Names },
    ],
    ..BASE
};

const SUBJECT: Pin = Pin::exact(
    "sub",
    "sub",
    "the URL of the job with a slash at its end, or what the claim template makes of it; a pattern \
     must not end in **, which lets pull requests in",
);

/// Exact, or a pattern that does not end in whatever there is.
fn is_bounded(test: &Test) -> bool {
    match test {
        Test::Glob(globs) => globs.iter().all(|glob| !glob.as_str().ends_with("**")),
        exact => super::pin::is_exact(exact),
    }
}

/// The URL of a job ends in a slash; what else a claim template makes has no form.
fn is_job(value: &str) -> bool {
    !value.starts_with("http") || !value.contains("/job/") || value.ends_with('/')
}
