//! Any other issuer: the operator says all there is to know.

use super::issuers::ANY;
use super::{BASE, IssuerUrls, Preset, Shape};

pub(super) const PRESET: Preset = Preset {
    name: "custom",
    title: "any other OpenID Connect issuer",
    urls: IssuerUrls {
        fixed: None,
        shapes: &[Shape::single(ANY)],
        advice: "write the `iss` of its tokens, byte for byte",
    },
    algorithms: &[],
    // Most platforms join the parts of a subject with colons, as the base says.
    ..BASE
};
