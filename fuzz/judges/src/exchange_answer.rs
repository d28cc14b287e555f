//! Answers of the token endpoint. Input: the index of a status, then the body.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Response;
use octobroker::clock::{Clock, ManualClock};
use octobroker::identity::IdToken;
use octobroker::limits;
use octobroker::octopus::read_exchange_answer;
use serde_json::value::RawValue;

/// The ID token that is exchanged. Seeds echo it.
pub const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ\
    .eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJqb2IifQ\
    .Zm9yIHRoZSBmdXp6ZXI6IG5vIHNpZ25hdHVyZSBhdCBhbGwsIGJ1dCBsb25nIGVub3VnaA";

const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 405, 429, 500, 503, 201, 204, 302];

/// A token is used only if it can be a header's value and ends in time; no piece of the ID token
/// gets into what is said.
pub fn judge(input: &[u8]) {
    let (first, body) = input.split_first().unwrap_or((&0, &[]));
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let id_token = IdToken::parse(ID_TOKEN, limits::OWN_TOKEN_BYTES).expect("a token");
    let clock = ManualClock::at(1_795_000_000);
    let answer = Response::builder().status(status).body(Bytes::copy_from_slice(body));
    let answer = answer.expect("an answer");
    let asked = clock.reading();
    match read_exchange_answer(&answer, &id_token, asked, UNIX_EPOCH) {
        Ok(token) => {
            assert_eq!(status, 200);
            let text = std::str::from_utf8(body).expect("a token stands in UTF-8");
            // Raw, for a life that no number holds is no reason to refuse the token.
            let members: HashMap<String, &RawValue> =
                serde_json::from_str(text).expect("a token stands in an object");
            let text = serde_json::from_str::<String>(members["access_token"].get());
            assert_eq!(text.ok().as_deref(), Some(token.expose()));
            assert!(members.get("error").is_none_or(|error| error.get() == "null"), "an error");
            assert!((1..=limits::ACCESS_TOKEN_BYTES).contains(&token.expose().len()));
            assert!(token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(token.authorization().is_sensitive());
            assert!(
                token.remaining_at(clock.reading()) <= limits::ACCESS_TOKEN_LIFE_MAX,
                "it never ends"
            );
            assert!(token.remaining_at(clock.reading()).subsec_nanos() == 0);
            clock.advance(limits::ACCESS_TOKEN_LIFE_MAX);
            assert_eq!(token.remaining_at(clock.reading()), Duration::ZERO);
        }
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(said.chars().count() < 2_000, "too much is said");
            let said = without_escapes(&said);
            assert!(!has_a_piece(&said), "a piece of the token: {said}");
        }
    }
}

/// Without `\u{200b}`, of which a letter could end like a piece.
fn without_escapes(said: &str) -> String {
    let mut parts = said.split("\\u{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .fold(first, |text, part| text + "\0" + part.split_once('}').map_or(part, |(_, rest)| rest))
}

/// Whether six letters and digits in a row of the token stand in a row of letters and digits of a
/// text.
fn has_a_piece(text: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let (text, token) = (letters(text), letters(ID_TOKEN));
    (0..token.len() - 5).any(|start| text.contains(&token[start..start + 6]))
}
