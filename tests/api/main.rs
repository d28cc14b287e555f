//! The broker over real sockets: a pretend CI issuer, a pretend Octopus, and the broker between
//! them, all on loopback. One file per behaviour.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test a broken assumption is to end it"
)]

mod forge;
mod world;

mod algorithms;
mod ambient;
mod answers;
mod api_keys;
mod caches;
mod capabilities;
mod claim_sets;
mod claims;
mod clocks;
mod curves;
mod decisions;
mod desync;
mod doors;
mod drains;
mod elsewhere;
mod encrypted;
mod endures;
mod exchanges;
mod faults;
mod floods;
mod forgeries;
mod forwards;
mod frames;
mod generations;
mod handshakes;
mod headers_of_tokens;
mod hostile;
mod http2;
mod inspections;
mod issuers;
mod key_sets;
mod key_tokens;
mod keys;
mod limits;
mod logins;
mod narrowing;
mod observes;
mod oidc_identities;
mod order;
mod outages;
mod panics;
mod peers;
mod planned_subjects;
mod rate_limited_exchanges;
mod rate_limits;
mod refuses;
mod reloads;
mod replays;
mod retries;
mod rules;
mod sockets;
mod stand_ins;
mod status_page;
mod storms;
mod streams;
mod subjects;
mod svids;
mod times;
mod tokens;
mod wycheproof;
