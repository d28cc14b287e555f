//! `limits:` — the bounds that an operator may move. Their defaults and reasons are in
//! [`crate::limits`]; here stand the ends beyond which a value is nonsense.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::Problems;
use super::reader::{Section, refuse};
use super::schema::{Form, Key, Shape, names};
use super::values::{duration, number, set, size};
use super::yaml::Node;
use crate::limits::Limits;

/// The section.
pub(super) const FORM: Form = Form::of(&[
    Key::new("id_token_size", Shape::Size, "Longest ID token.").default("16KiB"),
    Key::new("head_size", Shape::Size, "Longest request head: request line and all headers.")
        .default("64KiB"),
    Key::new("target_size", Shape::Size, "Longest target, path and query; a longer one gets 414.")
        .default("8KiB"),
    Key::new("headers", whole(&HEADERS), "Most header lines.").default("100"),
    Key::new(
        "head_timeout",
        Shape::Duration,
        "For a whole head, and the body of a login; a new connection must begin one within it.",
    )
    .default("10s"),
    Key::new(
        "keep_alive_timeout",
        Shape::Duration,
        "A connection without a request is closed after this.",
    )
    .default("60s"),
    Key::new("connections", whole(&COUNT), "Most client connections.").default("10000"),
    Key::new(
        "peer_connections",
        whole(&COUNT),
        "Most of one address, on listeners that other machines reach.",
    )
    .default("1000"),
    Key::new(
        "failed_authentications",
        whole(&COUNT),
        "Refused credentials of one address a second, likewise; then 429 `rate_limited`.",
    )
    .default("50"),
    Key::new("failed_authentications_burst", whole(&COUNT), "So many at once.").default("200"),
    Key::new(
        "concurrent_requests",
        whole(&COUNT),
        "Most requests at once; one more gets 503 `overloaded`.",
    )
    .default("2000"),
    Key::new("verified_tokens", whole(&COUNT), "Most verified ID tokens remembered.")
        .default("100000"),
    Key::new("access_tokens", whole(&COUNT), "Most access tokens remembered.").default("10000"),
    Key::new(
        "stand_ins",
        whole(&COUNT),
        "Most stand-ins that are live; one more login gets 503, unless another identity has more than \
         half of them, whose oldest then makes room.",
    )
    .default("10000"),
    Key::new(
        "used_tokens",
        whole(&COUNT),
        "Most used ID tokens remembered, where an issuer says `replay: once`; one more gets 503.",
    )
    .default("100000"),
    Key::new("exchange_timeout", Shape::Duration, "For one token exchange.").default("10s"),
    Key::new(
        "rate_limit_wait",
        Shape::Duration,
        "For a turn when Octopus's rate limit is spent, the one of exchanges as well; then its 429 \
         is passed on, or 503 said.",
    )
    .default("30s"),
    Key::new("drain", Shape::Duration, "For running requests to end after a stop was asked for.")
        .default("30s"),
]);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

const ID_TOKEN_SIZE: RangeInclusive<u64> = 256..=64 << 10;

/// hyper panics below 8 KiB.
const HEAD_SIZE: RangeInclusive<u64> = 8 << 10..=1 << 20;

/// An http `Uri` takes no more than 64 KiB, and the head is around it.
const TARGET_SIZE: RangeInclusive<u64> = 1 << 10..=60 << 10;

/// A header map takes no more than 32768.
const HEADERS: RangeInclusive<u64> = 1..=1_000;

/// Connections, requests, tokens: beyond a million no memory suffices.
const COUNT: RangeInclusive<u64> = 1..=1_000_000;

/// Waits on which a caller, or whoever stops the program, hangs.
const WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(5 * 60);

const LONG_WAIT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// 0s: a request whose turn has not come goes at once, and gets the 429.
const PATIENCE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(5 * 60);

const fn whole(range: &RangeInclusive<u64>) -> Shape {
    Shape::Number(*range.start(), *range.end())
}

/// Reads the section.
pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = node.and_then(|node| Section::open(node, KEYS, problems)) else {
        return limits;
    };
    sizes(&section, &mut limits, problems);
    counts(&section, &mut limits, problems);
    waits(&section, &mut limits, problems);
    limits
}

fn sizes(section: &Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    let mut bytes = |key, range| {
        let bytes = section.value(key).and_then(|node| size(node, range, problems));
        bytes.and_then(|bytes| usize::try_from(bytes).ok())
    };
    set(&mut limits.id_token_bytes, bytes("id_token_size", ID_TOKEN_SIZE));
    set(&mut limits.head_bytes, bytes("head_size", HEAD_SIZE));
    set(&mut limits.target_bytes, bytes("target_size", TARGET_SIZE));
    if limits.id_token_bytes >= limits.head_bytes
        && let Some(node) = section.value("head_size").or(section.value("id_token_size"))
    {
        let sentence = "a token of `id_token_size` would not fit into a head of `head_size`, for \
                        it travels in a header; make the head larger";
        refuse(node, sentence, problems);
    }
}

fn counts(section: &Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    let mut count = |key, range| section.value(key).and_then(|node| number(node, range, problems));
    set(&mut limits.verified_tokens, count("verified_tokens", COUNT));
    set(&mut limits.access_tokens, count("access_tokens", COUNT));
    let mut rate = |key, range| count(key, range).and_then(|count| u32::try_from(count).ok());
    set(&mut limits.failed_authentications, rate("failed_authentications", COUNT));
    set(&mut limits.failed_authentications_burst, rate("failed_authentications_burst", COUNT));
    let mut small = |key, range| count(key, range).and_then(|count| usize::try_from(count).ok());
    set(&mut limits.headers, small("headers", HEADERS));
    set(&mut limits.stand_ins, small("stand_ins", COUNT));
    set(&mut limits.used_tokens, small("used_tokens", COUNT));
    set(&mut limits.connections, small("connections", COUNT));
    set(&mut limits.peer_connections, small("peer_connections", COUNT));
    set(&mut limits.concurrent_requests, small("concurrent_requests", COUNT));
}

fn waits(section: &Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    let mut wait = |key, range| section.value(key).and_then(|node| duration(node, range, problems));
    set(&mut limits.head_timeout, wait("head_timeout", WAIT));
    set(&mut limits.keep_alive_timeout, wait("keep_alive_timeout", LONG_WAIT));
    set(&mut limits.exchange_timeout, wait("exchange_timeout", WAIT));
    set(&mut limits.rate_limit_wait, wait("rate_limit_wait", PATIENCE));
    set(&mut limits.drain, wait("drain", LONG_WAIT));
}
