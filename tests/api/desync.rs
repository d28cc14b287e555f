//! The 158 cases of http-desync-guardian on the wire: requests that two readers may frame in two
//! ways. Behind each stands a second request with a good token; it is served as a request of its own
//! only where the framing of the first is beyond doubt.

use std::collections::BTreeMap;
use std::fmt::Write;

use emulator::Recorded;
use serde::Deserialize;

use crate::world::{World, exchange_raw};

const FILES: [(&str, &str); 9] = [
    ("acceptable", include_str!("../fixtures/http-desync-guardian/acceptable.yaml")),
    ("ambiguous", include_str!("../fixtures/http-desync-guardian/ambiguous.yaml")),
    (
        "bad-header-characters",
        include_str!("../fixtures/http-desync-guardian/bad-header-characters.yaml"),
    ),
    ("edge-cases", include_str!("../fixtures/http-desync-guardian/edge-cases.yaml")),
    (
        "more-compliant-tests",
        include_str!("../fixtures/http-desync-guardian/more-compliant-tests.yaml"),
    ),
    (
        "real-life-test-cases",
        include_str!("../fixtures/http-desync-guardian/real-life-test-cases.yaml"),
    ),
    ("rfc-compliant", include_str!("../fixtures/http-desync-guardian/rfc-compliant.yaml")),
    ("severe", include_str!("../fixtures/http-desync-guardian/severe.yaml")),
    (
        "uri-specific-test-cases",
        include_str!("../fixtures/http-desync-guardian/uri-specific-test-cases.yaml"),
    ),
];

const OUTCOMES: &str = include_str!("../fixtures/http-desync-guardian/outcomes.txt");

const BEHIND: &str = "/api/Spaces-1/behind";

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    uri: String,
    version: String,
    #[serde(default)]
    headers: Option<Vec<Line>>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Expected {
    tier: String,
    reason: Option<String>,
}

impl Case {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.headers.iter().flatten()
    }

    /// The values of a header under its plain name.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.lines().filter(move |line| line.name.eq_ignore_ascii_case(name));
        named.map(|line| line.value.trim())
    }

    /// The head as it stands, and a body where its framing is plain.
    fn bytes(&self, token: &str) -> String {
        let Self { method, uri, version, .. } = self;
        let mut text = format!("{method} {uri} {version}\r\n");
        for Line { name, value } in self.lines() {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if self.values("host").next().is_none() {
            text.push_str("Host: localhost\r\n");
        }
        write!(text, "Authorization: Bearer {token}\r\n\r\n").unwrap();
        let (lengths, codings): (Vec<_>, Vec<_>) =
            (self.values("content-length").collect(), self.values("transfer-encoding").collect());
        match (&*lengths, &*codings) {
            ([length, ..], []) => {
                let length = length.parse().ok().filter(|length| *length <= 1 << 20);
                text.push_str(&"x".repeat(length.unwrap_or(0)));
            }
            (_, [_, ..]) => text.push_str("5\r\nhello\r\n0\r\n\r\n"),
            _ => {}
        }
        text
    }
}

/// What became of a case, in words.
fn outcome(heard: &str, arrived: &[Recorded]) -> String {
    let answers: Vec<&str> = heard.split("HTTP/1.").skip(1).collect();
    let status = |answer: &str| answer.get(2..5).unwrap_or_default().to_owned();
    let (of_case, behind): (Vec<_>, Vec<_>) =
        arrived.iter().partition(|request| request.target != BEHIND);
    let is_ours =
        |answer: &&str| !answer.contains("content-length") || answer.contains("octobroker-error");
    match (&*answers, &*of_case, &*behind) {
        ([], [], []) => "closed".to_owned(),
        ([answer], [], []) => format!("refused {}", status(answer)),
        ([answer, ..], [_], []) if is_ours(answer) => format!("broken off {}", status(answer)),
        ([_], [_], []) => "forwarded, closed".to_owned(),
        ([_, second], [_], []) => format!("forwarded, then refused {}", status(second)),
        ([first, _], [], [_]) => format!("refused {}, and the next", status(first)),
        ([_, _], [_], [_]) => "forwarded, and the next".to_owned(),
        _ => format!("WRONG: {} answers, {arrived:?}", answers.len()),
    }
}

/// What comes to Octopus has one framing, one host, one credential, and no odd names.
fn assert_clean(what: &str, request: &Recorded) {
    let count = |name: &str| request.header_values(name).len();
    assert!(count("content-length") + count("transfer-encoding") <= 1, "{what}: {request:?}");
    assert_eq!((count("host"), count("authorization")), (1, 1), "{what}: {request:?}");
    assert!(request.header("transfer-encoding").is_none_or(|coding| coding == "chunked"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte);
    for (name, value) in &request.headers {
        assert!(name.bytes().all(is_plain), "{what}: {name:?}");
        assert!(!value.contains(['\r', '\n', '\0']), "{what}: {name}: {value:?}");
    }
    assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()), "{what}: {request:?}");
}

#[tokio::test]
async fn a_request_that_could_be_framed_in_two_ways_is_one_request_or_none() {
    let world = World::start().await;
    let token = world.job();
    let expected: BTreeMap<&str, &str> =
        OUTCOMES.lines().filter_map(|line| line.split_once(" | ")).collect();
    let mut found = String::new();
    let mut wrong = String::new();

    for (file, yaml) in FILES {
        let cases: Vec<Case> = serde_saphyr::from_str(yaml).unwrap();
        for (number, case) in cases.iter().enumerate() {
            let behind = format!(
                "GET {BEHIND} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
                 Connection: close\r\n\r\n"
            );
            let bytes = case.bytes(&token) + &behind;
            let heard = exchange_raw(world.address(), &bytes).await;
            let arrived = world.octopus.api_requests();
            world.octopus.forget_requests();

            let id = format!("{file} {number}");
            let what = format!("{id} ({}, {})", case.name, case.expected.tier);
            for request in &arrived {
                assert_clean(&what, request);
            }
            let outcome = outcome(&heard, &arrived);
            writeln!(found, "{id} | {outcome}").unwrap();
            let is_dangerous = matches!(case.expected.tier.as_str(), "Severe" | "Ambiguous");
            // Equal lengths are one length (RFC 9112 6.3), and hyper shows one.
            let is_one_length = case.expected.reason.as_deref() == Some("DuplicateContentLength");
            let is_kept = outcome.ends_with("the next") && !is_one_length;
            let is_expected = expected.get(id.as_str()) == Some(&outcome.as_str());
            if outcome.starts_with("WRONG") || !is_expected || (is_dangerous && is_kept) {
                writeln!(wrong, "{what}: {outcome}: {:?}", case.bytes("T")).unwrap();
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong}\nall:\n{found}");
    assert_eq!(found.lines().count(), 158);
    world.nothing_more_arrives().await;
    world.octopus.take_complaints();
    world.close().await;
}
