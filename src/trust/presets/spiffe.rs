//! SPIFFE: JWT-SVIDs of one trust domain.
//!
//! `iss` is not needed and decides nothing: the trust domain in `sub` says whose keys are asked. So
//! the issuer is written as `trust_domain:`, with `jwks_url`, `jwks_file` or, if a discovery
//! provider is there, its `url`. A token for several audiences can be replayed at each of them.

use super::issuers::ANY;
use super::{BASE, Basis, Claim, Field, IssuerUrls, Pin, Pins, Preset, Shape};
use crate::identity::{Algorithm, TokenKind};
use crate::trust::Test;

pub(super) const PRESET: Preset = Preset {
    name: "spiffe",
    title: "SPIFFE",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(ANY)],
        advice: "write `trust_domain:`, such as acme.example, with `jwks_url`, `jwks_file` or the \
                 `url` of a discovery provider",
    },
    kind: TokenKind::JwtSvid,
    algorithms: &[
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ],
    claims: &[Claim::name("sub")],
    has_composite_subject: false,
    fields: &[Field::plain(
        "sub",
        "sub",
        "the SPIFFE ID, such as `spiffe://acme.example/ns/shop/sa/web`; a pattern may stand behind \
         the trust domain",
    )],
    pins: &[Pins {
        always: &[Pin::exact(
            "sub",
            "sub",
            "the SPIFFE ID, its trust domain written out: spiffe://TRUST-DOMAIN/PATH",
        )
        .checked(is_of_one_trust_domain)],
        if_shared: &[],
        basis: Basis::Ids,
    }],
    ..BASE
};

/// A SPIFFE ID, or a pattern behind a trust domain that is written out.
fn is_of_one_trust_domain(test: &Test) -> bool {
    let is_plain = |text: &str| {
        let behind = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
        behind.is_some_and(|(domain, path)| {
            !domain.is_empty() && !domain.contains(['*', '?', '\\']) && !path.is_empty()
        })
    };
    match test {
        Test::Glob(globs) => globs.iter().all(|glob| is_plain(glob.as_str())),
        exact => super::pin::every_value(exact, is_plain),
    }
}
