//! Who am I: the broker's own ID token, found on the platform that it runs on.
//!
//! In: a [`TokenSource`] (what the operator named, or `detect`), the wanted audience, and the
//! surroundings (environment, clock, roots, files). Out: an [`OwnToken`] that is live, fetched on
//! first use, renewed ahead of its expiry where the platform allows it.
//!
//! One table (`table`) says for each platform how it is recognised, how it hands out its token, and
//! what to switch on when it does not. The rest of the room follows the table and knows no platform.
//!
//! It never falls through: a platform that was recognised but hands out no token is an error that
//! says what to switch on, not a reason to act as the pod or the machine. It never asks the network
//! whether a platform is there. It never verifies its token (Octopus does), and never shows it.
//!
//! RFC 7519 (JWT); the platforms' own documentation, see `docs/ambient.md`.

mod ask;
mod asks;
mod command;
mod error;
mod file;
mod find;
mod keeper;
mod origin;
mod own_token;
mod platform;
mod row;
mod source;
mod table;
mod template;

#[cfg(test)]
mod tests;

pub use error::AmbientError;
pub use find::AmbientSurroundings;
pub use keeper::AmbientIdentity;
pub use own_token::OwnToken;
pub use platform::Platform;
pub use source::TokenSource;
