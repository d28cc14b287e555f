//! The real program as a process: how it starts, serves, streams, hears signals and ends.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test a broken assumption is to end it"
)]

mod process;
mod world;

mod askings;
mod bare_claims;
mod checks;
mod commands;
mod crowds;
mod execs;
mod explains;
mod exports;
mod hardships;
mod identities;
mod imports;
mod keys;
mod lives;
mod provisions;
mod reloads;
mod rule_tests;
mod serves;
mod signals;
mod site;
mod supervised;
mod transfers;
