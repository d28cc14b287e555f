//! Lints: what a sound file can still get wrong. Each has an id, a severity and a place.
//!
//! A family of lints is a pure function from a [`Scene`], the tree and what was built of it, to
//! what it found. None repeats what the reader of a section has already refused, none asks the
//! network: whether an issuer's discovery document says the same, and whether Octopus can reach
//! it, is not known here.

mod audience;
mod github;
mod gitlab;
mod identity;
mod issuer;
mod kinds;
mod mistakes;
mod platforms;
mod scene;
mod secrets;
mod shadow;
mod subject;
mod table;
mod templates;
mod unused;
mod variables;

pub use table::{LINTS, Lint};

pub(super) use scene::Scene;
pub(super) use secrets::{take_out_secrets, warn_of_unknown_readers, warn_of_writers};
pub(super) use table::{AUD1, ISS1, ISS3, ISS4, ISS6, NEG1, PIN1, SEC1, SUB2, URL1};

use super::problem::Problems;
use scene::Found;

/// The families.
const FAMILIES: [fn(&Scene<'_>) -> Vec<Found>; 13] = [
    audience::find,
    github::find,
    gitlab::find,
    identity::find,
    issuer::find,
    kinds::find,
    mistakes::find,
    platforms::find,
    shadow::find,
    subject::find,
    templates::find,
    unused::find,
    variables::find,
];

/// Reports all that the lints find.
pub(super) fn run(scene: &Scene<'_>, problems: &mut Problems) {
    for found in FAMILIES.iter().flat_map(|find| find(scene)) {
        found.report(problems);
    }
}
