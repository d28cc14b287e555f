//! octobroker: a token-exchange sidecar and OIDC broker for Octopus Deploy.
//!
//! It takes the short-lived OIDC ID token that a CI job or pod already has, checks it against
//! rules, swaps it at the Octopus server for a short-lived access token of a service account, and
//! forwards API requests with that token attached, so that no workload ever holds an API key.
//!
//! The modules stand in the order in which a request meets them. A room imports only from the
//! rooms above it; `tests/architecture.rs` holds that.
//!
//! `IdToken → VerifiedToken → Admission → AccessToken` is the sentence of the program: each arrow
//! is one room, and the fields of each type are private to the room that makes it, so that no
//! stage can be skipped.

// The floor: what every room stands on.
pub mod limits;

mod platform;

pub mod bounded_file;

pub mod clock;

pub mod bounded_map;

pub mod hex;

pub mod secret;

pub mod tasks;

pub mod workers;

pub mod deadline;

pub mod gathering;

pub mod single_flight;

// What the operator sees.
pub mod telemetry;

// Reaching out, being ready, coming to an end.
pub mod http_client;

pub mod readiness;

pub mod shutdown;

// Who is calling.
pub mod identity;

// Who am I.
pub mod ambient;

// May they.
pub mod trust;

// The other side.
pub mod octopus;

// What must stand there.
pub mod provision;

// The heart.
pub mod broker;

// The doors.
pub mod proxy;

pub mod admin;

// What the operator wrote.
pub mod config;

// The whole, put together and started.
pub mod app;

pub mod cli;
