//! The broker's own answers: a code with its `wording`, in JSON that Octopus's clients print (`ErrorMessage`, `Errors`) and that RFC 9457 readers know (`title`, `detail`).
//!
//! The caller gets the code, a sentence and the request id. Which rule and claim missed goes to
//! the log, never to the caller.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer_body::AnswerBody;
use super::wording::wording;
use crate::limits;
use crate::tasks;
use crate::telemetry::{Code, Missed};

/// Marks the broker's own answers, and says why.
pub(super) const ERROR: HeaderName = HeaderName::from_static("octobroker-error");

/// Why a request is not forwarded, or its answer not had.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    /// For the operator.
    pub(super) detail: Option<String>,
    /// For the operator.
    pub(super) missed: Vec<Missed>,
    retry_after: Option<Duration>,
    /// Where HTTP has a closer status than the code's own.
    status: Option<StatusCode>,
    /// For the caller, where the code's own sentence says too little.
    sentence: Option<String>,
    /// Whether what follows on the connection could be misread.
    closes: bool,
    /// Whether the answer is one of a token endpoint.
    is_oauth_error: bool,
    /// Whether the caller has most likely gone away.
    pub(super) is_caller_gone: bool,
}

impl Refusal {
    pub(super) const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            missed: Vec::new(),
            retry_after: None,
            status: None,
            sentence: None,
            closes: false,
            is_oauth_error: false,
            is_caller_gone: false,
        }
    }

    pub(super) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) const fn retrying_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    pub(super) const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// With a status of HTTP's own for this case, in place of the code's.
    pub(super) const fn answering(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Tells the caller what is wrong with what it asked for, which it may know.
    pub(super) fn saying(mut self, sentence: impl Into<String>) -> Self {
        self.sentence = Some(sentence.into());
        self
    }

    /// The body broke off: either its framing is wrong, or the caller has gone.
    pub(super) const fn caller_gone(mut self) -> Self {
        self.is_caller_gone = true;
        self
    }

    /// As a token endpoint says it: `error` and `error_description`, both always there, and 400
    /// for whatever is the caller's fault (RFC 6749 5.2; Octopus's clients read it so).
    pub(super) const fn with_oauth_members(mut self) -> Self {
        self.is_oauth_error = true;
        self
    }

    /// True if a credential was presented and is not believed.
    pub(super) fn is_failed_authentication(&self) -> bool {
        wording(self.code).0 == 401 && self.code != Code::CredentialMissing
    }

    /// The same refusal, of a peer from which too many came: what was wrong is for the operator.
    pub(super) fn limited(self, pause: Duration) -> Self {
        let refused_as = self.code;
        let refusal = Self { code: Code::RateLimited, sentence: None, ..self };
        let detail = refusal.detail.clone().unwrap_or_default();
        refusal.with_detail(format!("{refused_as} {detail}").trim_end()).retrying_after(pause)
    }

    /// The answer for the caller.
    pub(super) fn answer(&self, request_id: &str, is_head: bool) -> Response<AnswerBody> {
        let (status, title, usual) = wording(self.code);
        let sentence = self.sentence.as_deref().unwrap_or(usual);
        let is_callers_fault =
            self.is_oauth_error && status < 500 && self.code != Code::RateLimited;
        let status = if is_callers_fault { 400 } else { status };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let status = self.status.filter(|_| !self.is_oauth_error).unwrap_or(status);
        let code = self.code.as_str();
        let spoken = Spoken {
            title,
            status: status.as_u16(),
            detail: sentence,
            code,
            request_id,
            error: self.is_oauth_error.then_some(if status.is_server_error() {
                "temporarily_unavailable"
            } else {
                "invalid_request"
            }),
        };
        let body = Bytes::from(spoken.body().unwrap_or_default());
        let length = HeaderValue::from(body.len());
        let body = if is_head { Bytes::new() } else { body };
        let mut answer = Response::new(AnswerBody::own(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, length);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR, HeaderValue::from_static(code));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(super::trace::REQUEST_ID, id);
        }
        if let Some(challenge) = challenge(self.code, status) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.code == Code::MethodRefused {
            let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            let pause = self.retry_after.unwrap_or(Duration::from_secs(1));
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

/// What the caller is told.
struct Spoken<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    /// Of a token endpoint.
    error: Option<&'a str>,
}

impl Spoken<'_> {
    /// The body. The message, which is made of all this, stands in it two or three times, and is
    /// escaped once.
    fn body(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "ErrorMessage")]
            error_message: &'a RawValue,
            #[serde(rename = "Errors")]
            errors: [&'a RawValue; 1],
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error_description: Option<&'a RawValue>,
        }
        let Self { title, status, detail, code, request_id, error } = *self;
        let message = ["octobroker: ", detail, " (", code, ", request ", request_id, ")"].concat();
        let message = &*to_raw_value(&message)?;
        let body = Body {
            error_message: message,
            errors: [message],
            title,
            status,
            detail,
            code,
            request_id,
            error,
            error_description: error.map(|_| message),
        };
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, &body)?;
        Ok(bytes)
    }
}

/// RFC 6750 3.1: no error when no credential came.
fn challenge(code: Code, status: StatusCode) -> Option<&'static str> {
    match (status, code) {
        (StatusCode::UNAUTHORIZED, Code::CredentialMissing) => Some("Bearer"),
        (StatusCode::UNAUTHORIZED, _) => Some("Bearer error=\"invalid_token\""),
        _ => None,
    }
}

/// Lets go of the body of a refused request: it must never be read as the next request, and its
/// caller must have a chance to read the answer. A short rest is read; the connection closes
/// behind a long one. A caller that `awaits_continue` has not begun to send it, and reading would
/// tell it to.
pub(super) fn let_go(
    body: Option<Incoming>,
    awaits_continue: bool,
    answer: &mut Response<AnswerBody>,
) {
    use hyper::body::Body;

    let Some(mut body) = body.filter(|body| !body.is_end_stream()) else {
        return;
    };
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if awaits_continue {
        return;
    }
    let read = async move {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > limits::REFUSED_BODY_BYTES {
                return;
            }
        }
    };
    tasks::spawn(tokio::time::timeout(limits::REFUSED_BODY_TIME, read));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_token_is_challenged() {
        let challenge = |code| {
            let answer = Refusal::new(code).answer("id", false);
            let value = answer.headers().get(header::WWW_AUTHENTICATE).cloned();
            value.map(|value| value.to_str().unwrap().to_owned())
        };

        assert_eq!(
            challenge(Code::TokenExpired).as_deref(),
            Some("Bearer error=\"invalid_token\"")
        );
        assert_eq!(challenge(Code::CredentialMissing).as_deref(), Some("Bearer"));
        assert_eq!(challenge(Code::NoRuleMatched), None);
    }

    #[test]
    fn a_pause_is_rounded_up_to_seconds() {
        let refusal = Refusal::new(Code::ExchangeUnavailable);
        let answer = refusal.retrying_after(Duration::from_millis(1200)).answer("id", false);

        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
    }
}
