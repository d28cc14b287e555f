//! Real clients through the real program, on the real time: the official TypeScript client and
//! others from npm, curl as Jenkins and Azure DevOps call, and the logins that clients do.
//!
//! Not part of `cargo test`, for it needs Node.js and curl: `npm ci --prefix tests/clients`, then
//! `cargo test --test clients`. What is missing fails every test with a sentence; none is skipped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test a broken assumption is to end it"
)]

#[expect(dead_code, reason = "signals, memory and how it ends are told by tests/program")]
#[path = "../program/process.rs"]
mod process;
mod run;
mod world;

mod api_client;
mod capabilities;
mod curl;
mod key_tools;
mod logins;
