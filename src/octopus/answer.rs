//! What the token endpoint answers: both error dialects, and everything that is no answer at all.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::exchange::ExchangeError;
use crate::identity::{IdToken, read_document};
use crate::limits;
use crate::secret::{Secret, without_tokens};

/// A token and its life, as the server says.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) token: Secret,
    pub(super) life: Duration,
}

/// RFC 8693 2.2.1. `expires_in` may be a number or, as some mocks and proxies have it, a string.
#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: Option<String>,
    /// Raw, for a number that no type holds is still no reason to refuse the token.
    expires_in: Option<Box<RawValue>>,
    error: Option<serde_json::Value>,
}

/// RFC 6749 5.2, and Octopus's own error object of earlier servers.
#[derive(Deserialize, Default)]
struct Failure {
    error: Option<String>,
    error_description: Option<String>,
    #[serde(rename = "ErrorMessage")]
    error_message: Option<String>,
    #[serde(rename = "Errors", default)]
    errors: Vec<String>,
}

/// Judges an answer to an exchange of `id_token`.
pub(super) fn judge(
    answer: &Response<Bytes>,
    id_token: &IdToken,
    now: SystemTime,
) -> Result<Issued, ExchangeError> {
    let status = answer.status();
    match status {
        StatusCode::OK => issued(answer),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let text = reason(answer.body(), id_token);
            Err(ExchangeError::Refused { status, reason: text })
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Err(ExchangeError::RateLimited { retry_after: retry_after(answer.headers(), now) })
        }
        _ if status.is_server_error() => {
            Err(ExchangeError::Sick { status, retry_after: retry_after(answer.headers(), now) })
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Err(ExchangeError::NoEndpoint { status })
        }
        _ => Err(ExchangeError::Unexpected { status }),
    }
}

fn issued(answer: &Response<Bytes>) -> Result<Issued, ExchangeError> {
    let malformed = |fault| Err(ExchangeError::Malformed { fault });
    if answer.headers().contains_key(header::CONTENT_ENCODING) {
        return malformed("is compressed, which was not asked for");
    }
    let Ok(success) = read_document::<Success>(answer.body()) else {
        return malformed("is not a JSON object with one string access_token");
    };
    let token = Secret::new(success.access_token);
    if success.error.is_some_and(|error| !error.is_null()) {
        return malformed("holds an error beside a token");
    }
    let text = token.expose();
    let has_size = (1..=limits::ACCESS_TOKEN_BYTES).contains(&text.len());
    if !has_size || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return malformed("has an access_token that is empty, too long or not visible ASCII");
    }
    if success.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return malformed("has a token_type other than Bearer");
    }
    Ok(Issued { token, life: life(success.expires_in.as_deref()) })
}

/// Whole seconds, never more than the bound; a short life when the server does not say.
fn life(expires_in: Option<&RawValue>) -> Duration {
    let text = expires_in.map_or("", RawValue::get);
    // As some mocks and proxies have it.
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    // `RawValue` is JSON: what parses here is a JSON number, not `inf` or `nan`.
    match digits.unwrap_or(text).parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => {
            let bounded = seconds.min(limits::ACCESS_TOKEN_LIFE_MAX.as_secs_f64());
            Duration::from_secs_f64(bounded.floor())
        }
        _ => limits::ACCESS_TOKEN_LIFE_UNKNOWN,
    }
}

/// The server's own words, for the log: bounded, and without any piece of the token that it may
/// echo.
fn reason(body: &[u8], id_token: &IdToken) -> String {
    let failure: Failure = read_document(body).unwrap_or_default();
    let octopus = || failure.error_message.into_iter().chain(failure.errors).collect::<Vec<_>>();
    let words = match (failure.error_description, failure.error) {
        (Some(description), _) if !description.is_empty() => description,
        (_, Some(error)) if !error.is_empty() => error,
        _ => octopus().join("; "),
    };
    let words = without_tokens(&words, id_token.expose());
    let mut text: String = words.chars().take(limits::LOGGED_VALUE_CHARS).collect();
    if text.is_empty() {
        "no reason given".clone_into(&mut text);
    }
    text
}

/// `Retry-After` (RFC 9110 10.2.3): seconds or a date, bounded. A date is one of the server's clock,
/// as the answer's own `Date` is; ours may be another, and counts only if that is missing.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let date = |text| httpdate::parse_http_date(text).ok();
    let pause = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let told = headers.get(header::DATE).and_then(|value| date(value.to_str().ok()?));
        date(text)?.duration_since(told.unwrap_or(now)).unwrap_or_default()
    };
    Some(pause.min(limits::RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn id_token() -> IdToken {
        IdToken::parse("eyJh.eyJi.c2ln", 100).unwrap()
    }

    fn judged(status: u16, body: &str) -> Result<Issued, ExchangeError> {
        let answer = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        judge(&answer, &id_token(), UNIX_EPOCH)
    }

    #[test]
    fn lives_are_read_in_every_dialect_and_bounded() {
        let rows = [
            ("3600", 3600),
            ("\"300\"", 300),
            ("3", 3),
            ("0", 0),
            ("59.9", 59),
            ("315360000", 3600),
            ("9223372036854775808", 3600),
            ("1e400", 3600),
            ("-1e400", 60),
            ("null", 60),
            ("-1", 60),
            ("\"inf\"", 60),
            ("\"-1\"", 60),
            ("\"soon\"", 60),
            ("\"\"", 60),
            ("[]", 60),
        ];
        for (expires_in, seconds) in rows {
            let body = format!(r#"{{"access_token":"t","expires_in":{expires_in}}}"#);
            assert_eq!(judged(200, &body).unwrap().life.as_secs(), seconds, "{expires_in}");
        }
        assert_eq!(judged(200, r#"{"access_token":"t"}"#).unwrap().life.as_secs(), 60);
    }

    #[test]
    fn an_answer_that_is_no_token_is_refused() {
        let long = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(16_385));
        let rows = [
            "",
            "null",
            "[]",
            r#"["t","Bearer",300,null]"#,
            "<html>",
            "{}",
            r#"{"access_token":"t"}x"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"access_token":"a\u0000b"}"#,
            r#"{"access_token":"ä"}"#,
            r#"{"access_token":"a","access_token":"b"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","error":"x"}"#,
            r#"{"error":"invalid_request"}"#,
            r#"{"access_token":"a","expires_in":inf}"#,
            r#"{"access_token":"a","expires_in":NaN}"#,
            &long,
        ];
        for body in rows {
            let outcome = judged(200, body);
            assert!(matches!(outcome, Err(ExchangeError::Malformed { .. })), "{body:.60}");
        }
    }

    #[test]
    fn an_answer_that_is_not_utf_8_is_refused() {
        for junk in [&b"\xff"[..], b"\xc0\xae", b"\xed\xa0\x80"] {
            let body = [&b"{\"x\":\""[..], junk, b"\",\"access_token\":\"t\"}"].concat();
            let answer = Response::new(Bytes::from(body));
            let outcome = judge(&answer, &id_token(), UNIX_EPOCH);
            assert!(matches!(outcome, Err(ExchangeError::Malformed { .. })), "{junk:?}");
        }
    }

    #[test]
    fn both_error_dialects_give_their_reason_without_the_token() {
        let rows = [
            (r#"{"error":"invalid_request","error_description":"no match"}"#, "no match"),
            (r#"{"error":"invalid_request"}"#, "invalid_request"),
            (
                r#"{"ErrorMessage":"There was a problem","Errors":["a","b"]}"#,
                "There was a problem; a; b",
            ),
            ("<html>", "no reason given"),
            (
                r#"{"error_description":"got eyJh.eyJi.c2ln \u001b[31m!"}"#,
                "got [token] \u{1b}[31m!",
            ),
            (r#"{"error_description":"e y J h . e y J i: no c2ln"}"#, "[token] no c2ln"),
            (r#"{"ErrorMessage":"parts eyJh","Errors":["eyJi","c2ln"]}"#, "parts [token]"),
        ];
        for (body, expected) in rows {
            match judged(400, body) {
                Err(ExchangeError::Refused { reason, .. }) => assert_eq!(reason, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_pause_is_read_as_seconds_or_date() {
        let pause = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(value));
            retry_after(&headers, UNIX_EPOCH).map(|pause| pause.as_secs())
        };

        assert_eq!(pause("7"), Some(7));
        assert_eq!(pause("Thu, 01 Jan 1970 00:00:09 GMT"), Some(9));
        assert_eq!(pause("999999"), Some(600));
        assert_eq!(pause("soon"), None);
    }
}
