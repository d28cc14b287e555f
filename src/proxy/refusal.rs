//! The broker's own answers: every code with its status and its sentence, in JSON that Octopus's
//! clients print (`ErrorMessage`, `Errors`) and that RFC 9457 readers know (`title`, `detail`).
//!
//! The caller gets the code, a sentence and the request id. Which rule and claim missed goes to
//! the log, never to the caller.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;

use super::answer_body::AnswerBody;
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
        let message = format!("octobroker: {sentence} ({code}, request {request_id})");
        let members = Members {
            error_message: &message,
            errors: [&message],
            title,
            status: status.as_u16(),
            detail: sentence,
            code,
            request_id,
            oauth: self.is_oauth_error.then_some(OAuthMembers {
                error: if status.is_server_error() {
                    "temporarily_unavailable"
                } else {
                    "invalid_request"
                },
                error_description: &message,
            }),
        };
        let body = Bytes::from(serde_json::to_vec(&members).unwrap_or_default());
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

#[derive(Serialize)]
struct Members<'a> {
    #[serde(rename = "ErrorMessage")]
    error_message: &'a str,
    #[serde(rename = "Errors")]
    errors: [&'a str; 1],
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(flatten)]
    oauth: Option<OAuthMembers<'a>>,
}

#[derive(Serialize)]
struct OAuthMembers<'a> {
    error: &'a str,
    error_description: &'a str,
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

/// Status, title and sentence of each code. Blame decides the status: the caller's 4xx, Octopus's
/// and the issuers' 5xx, our own 500 and 503.
const fn wording(code: Code) -> (u16, &'static str, &'static str) {
    match code {
        Code::BadRequest => (400, "Bad request", "The request is not acceptable HTTP."),
        Code::UnsafePath => (400, "Unsafe path", "The path could be read in more than one way."),
        Code::AmbiguousCredentials => {
            (400, "Ambiguous credentials", "The request carries more than one credential.")
        }
        Code::CredentialMissing => (
            401,
            "Credential missing",
            "The request needs an OIDC ID token in the header Authorization: Bearer.",
        ),
        Code::TokenMalformed => (401, "Token malformed", "The credential is no valid ID token."),
        Code::TokenTooLarge => (401, "Token too large", "The ID token is too large."),
        Code::AlgorithmRefused => (
            401,
            "Algorithm refused",
            "The ID token is signed with an algorithm that is not accepted from its issuer.",
        ),
        Code::IssuerUnknown => {
            (401, "Issuer unknown", "The ID token is from an issuer that is not configured here.")
        }
        Code::KeyUnknown => (
            401,
            "Key unknown",
            "The ID token is signed with a key that its issuer does not publish.",
        ),
        Code::KeyAmbiguous => {
            (401, "Key ambiguous", "More than one key of the issuer fits the ID token.")
        }
        Code::SignatureInvalid => {
            (401, "Signature invalid", "The signature of the ID token does not hold.")
        }
        Code::TokenHeaderRefused => {
            (401, "Token header refused", "The header of the ID token is not acceptable.")
        }
        Code::TokenExpired => (401, "Token expired", "The ID token has expired."),
        Code::TokenNotYetValid => (401, "Token not yet valid", "The ID token is not valid yet."),
        Code::TokenTooOld => (401, "Token too old", "The ID token was issued too long ago."),
        Code::TokenLifetimeRefused => (
            401,
            "Token lifetime refused",
            "The ID token lives longer than is accepted from its issuer.",
        ),
        Code::AudienceRefused => (
            401,
            "Audience refused",
            "The audience of the ID token is not that of a service account configured here.",
        ),
        Code::ClaimsInvalid => {
            (401, "Claims invalid", "A claim of the ID token is missing or malformed.")
        }
        Code::TokenReplayed => {
            (401, "Token replayed", "The ID token has served already, and serves only once.")
        }
        Code::StandInUnknown => {
            (401, "Key unknown", "The API key in the request has ended, or was never known here.")
        }
        other => other_wording(other),
    }
}

/// The codes that are not about the credential.
const fn other_wording(code: Code) -> (u16, &'static str, &'static str) {
    match code {
        Code::NoRuleMatched => {
            (403, "No rule matched", "The ID token is genuine, but no rule here accepts it.")
        }
        Code::RequestNotAllowed => {
            (403, "Request not allowed", "This request is not allowed through the broker.")
        }
        Code::ExchangeRefused => (
            403,
            "Exchange refused",
            "Octopus does not accept the ID token for the service account.",
        ),
        Code::OriginRefused => (403, "Origin refused", "Requests of web pages are refused."),
        Code::MethodRefused => (405, "Method refused", "The method is not one that is forwarded."),
        Code::HostRefused => (421, "Host refused", "The request is for another host."),
        Code::RequestTimeout => (408, "Request timeout", "The body of the request stopped coming."),
        Code::BodyTooLarge => {
            (413, "Body too large", "The body of the request is too large for what it is.")
        }
        Code::HeadersTooLarge => {
            (431, "Headers too large", "The head of the request is too large.")
        }
        Code::RateLimited => (
            429,
            "Rate limited",
            "Too many credentials from this address were refused. Wait before the next try.",
        ),
        Code::ExchangeFailed => (
            502,
            "Exchange failed",
            "Octopus answered the token exchange with something that is no token.",
        ),
        Code::UpstreamUnreachable => {
            (502, "Octopus unreachable", "The Octopus server can't be reached.")
        }
        Code::UpstreamInvalid => {
            (502, "Octopus's answer invalid", "The answer of the Octopus server is not valid.")
        }
        Code::KeysUnavailable => (
            503,
            "Keys unavailable",
            "The keys of the ID token's issuer can't be had at the moment.",
        ),
        Code::ExchangeUnavailable => {
            (503, "Exchange unavailable", "An access token of Octopus can't be had at the moment.")
        }
        Code::Overloaded => (503, "Overloaded", "The broker is serving as much as it can."),
        Code::Draining => (503, "Draining", "The broker is about to stop."),
        Code::UpstreamTimeout => {
            (504, "Octopus timeout", "The Octopus server did not answer in time.")
        }
        Code::LoopDetected => {
            (508, "Loop detected", "The request has come back to the broker that sent it.")
        }
        _ => (500, "Internal error", "The broker failed."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_but_one_has_its_own_status_and_sentence() {
        for code in Code::ALL {
            let (status, _, sentence) = wording(code);
            assert_eq!(status == 500, code == Code::Internal, "{code}");
            assert!(sentence.ends_with('.'), "{code}");
        }
    }

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
