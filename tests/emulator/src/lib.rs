//! The props of octobroker's tests: a pretend CI issuer and a pretend Octopus Server.
//!
//! Both speak real HTTP on loopback sockets, so the product under test uses the network stack that
//! it uses in production. This crate is an *independent oracle*: it never imports the product, it
//! checks signatures with its own code paths, and it is stricter than a real server. What the
//! broker must never send becomes a [complaint](Octopus::complaints) that fails the test.
//!
//! ```no_run
//! # async fn story() {
//! use emulator::{Clock, Issuer, Octopus};
//!
//! let clock = Clock::system();
//! let issuer = Issuer::start(clock.clone()).await;
//! let octopus = Octopus::start(clock).await;
//! octopus.trust_issuer(&issuer);
//! let account = octopus.add_service_account("deployer");
//! octopus.add_identity(&account, &issuer.url(), "repo:acme/shop:*", None);
//! let token = issuer.mint(&issuer.claims("repo:acme/shop:ref:refs/heads/main", &account.id));
//! # let _ = token;
//! # }
//! ```

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a prop that lost its footing must fail the test at once, not limp on"
)]

pub mod clock;

pub mod jwt;
pub mod keys;

pub mod answer;
pub mod fault;
pub mod gate;

pub mod issuer;
pub mod octopus;

mod body;
mod connection;
mod server;
mod tls;

pub use answer::RawAnswer;
pub use clock::Clock;
pub use fault::Fault;
pub use gate::Gate;
pub use issuer::{Issuer, IssuerBuilder, IssuerEndpoint};
pub use keys::{Algorithm, SigningKey};
pub use octopus::{
    ErrorStyle, ExpiresIn, FailedWrite, Knobs, Octopus, OctopusBuilder, RateLimit, Recorded,
    ServiceAccount, TokenEndpoint, User, UserKind,
};
