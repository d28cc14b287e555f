//! What is checked of a request before anybody asks who sent it: framing, sizes, loop, host,
//! origin, method, target. In this order, so that the first fault is the one that is answered.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use hyper::body::{Body, Incoming};

use super::credentials::{self, Found};
use super::host::{check_host, check_origin};
use super::journey::Journey;
use super::refusal::Refusal;
use super::target::Target;
use super::{Origin, Proxy};
use crate::broker::PresentedToken;
use crate::octopus::{Call, Route, is_anonymous};
use crate::secret::Secret;
use crate::telemetry::{Code, Door, Verification};

/// Names the service account to act as, when several rules could match.
pub(super) const SERVICE_ACCOUNT: HeaderName =
    HeaderName::from_static("octobroker-service-account");
/// The .NET client sends PUT and DELETE as a POST with this header.
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// What a caller presented.
#[derive(Debug)]
pub(super) enum Presented {
    /// No credential, or only empty ones.
    Nothing,
    /// An ID token.
    IdToken(PresentedToken),
    /// Something in the place or the shape of an API key.
    StandIn(Secret),
}

/// A request whose form is accepted.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) target: Target,
    pub(super) presented: Presented,
    pub(super) service_account: Option<String>,
    /// True if the request may pass without a credential.
    pub(super) is_anonymous: bool,
    /// The method that Octopus will act on.
    method: Method,
    route: Route,
    /// Where the path below the virtual directory begins; `None` outside.
    below_at: Option<usize>,
}

impl Intake {
    /// What is asked of Octopus. Beside the virtual directory there are other applications, for
    /// which nobody has a rule.
    pub(super) fn call(&self) -> Option<Call<'_>> {
        let path = self.target.path().get(self.below_at?..).unwrap_or_default();
        Some(Call { method: &self.method, path, query: self.target.query(), route: self.route })
    }
}

impl Proxy {
    /// Judges what is the same for every request: framing, sizes, loop, host, origin.
    pub(super) fn check_head(&self, head: &Parts, origin: &Origin) -> Result<(), Refusal> {
        check_framing(head)?;
        self.check_sizes(head)?;
        if self.via.is_in(&head.headers) {
            return Err(Refusal::new(Code::LoopDetected));
        }
        check_host(head, origin)?;
        if origin.is_loopback {
            check_origin(&head.headers)?;
        }
        Ok(())
    }

    /// Judges what a request to Octopus is for, and finds its credential.
    pub(super) fn take_in(
        &self,
        head: &Parts,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Intake, Refusal> {
        let method = effective_method(head)?;
        let raw = head.uri.path_and_query().map_or("", |target| target.as_str());
        let target = Target::judge(raw)?;
        let below = self.below_virtual_directory(target.path());
        let path = below.unwrap_or_default();
        let route = Route::of(&method, path);
        journey.routed(route.template);
        let found = credentials::find(&head.headers, target.keys());
        let presented =
            found.and_then(|found| self.presented(found, origin)).inspect_err(|code| {
                journey.came_by(Door::Bearer);
                if matches!(code, Code::TokenMalformed | Code::TokenTooLarge) {
                    self.metrics.token_verified(None, Verification::Refused(*code));
                }
            })?;
        let is_anonymous = below.is_some() && is_anonymous(&method, path);
        let service_account = named_account(&head.headers)?;
        let below_at = below.map(|_| self.upstream.path_prefix().len());
        Ok(Intake { target, presented, service_account, is_anonymous, method, route, below_at })
    }

    fn presented(&self, found: Found<'_>, origin: &Origin) -> Result<Presented, Code> {
        let text = match found {
            Found::Nothing => return Ok(Presented::Nothing),
            Found::Key(text) => return Ok(Presented::StandIn(credentials::stand_in(text))),
            Found::Bearer(text) => text,
        };
        let most = self.limits.id_token_bytes;
        let token = self.broker.recognize_again(text, most, &origin.last_token);
        token.map(Presented::IdToken).map_err(credentials::form_code)
    }

    fn check_sizes(&self, head: &Parts) -> Result<(), Refusal> {
        let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        let request_line = head.method.as_str().len() + target + " ".len() + " HTTP/1.1\r\n".len();
        let bytes = request_line + lines.sum::<usize>();
        if head.headers.len() > self.limits.headers || bytes > self.limits.head_bytes {
            return Err(Refusal::new(Code::HeadersTooLarge));
        }
        if target > self.limits.target_bytes {
            let refusal = Refusal::new(Code::HeadersTooLarge).answering(StatusCode::URI_TOO_LONG);
            return Err(refusal.saying("The target of the request is too long."));
        }
        Ok(())
    }

    /// The path that Octopus's routes know.
    fn below_virtual_directory<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(self.upstream.path_prefix());
        below.filter(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// One framing, so that no reader sees another request in the body (RFC 9112 6). hyper removes the
/// length of a request that is chunked as well, and answers what it can't read itself.
fn check_framing(head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_plainly_chunked = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    if !is_plainly_chunked || lengths > 1 {
        return Err(Refusal::new(Code::BadRequest).closing());
    }
    let expects = headers.get_all(header::EXPECT).iter();
    for expectation in expects {
        if !expectation.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            // RFC 9110 10.1.1.
            let refusal = Refusal::new(Code::BadRequest).answering(StatusCode::EXPECTATION_FAILED);
            let sentence = "The request expects something else than 100-continue.";
            return Err(refusal.saying(sentence).closing());
        }
    }
    check_names_and_values(headers)
}

/// What some reader would take for a framing header, and bytes that readers decode differently:
/// RFC 9110 5.5 lets only US-ASCII mean the same to all.
fn check_names_and_values(headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = |sentence| Err(Refusal::new(Code::BadRequest).saying(sentence).closing());
    for (name, value) in headers {
        if resembles_framing(name) {
            return refused("A header's name could be taken for one that frames the body.");
        }
        if !value.as_bytes().is_ascii() {
            return refused("A header's value holds bytes that are not US-ASCII.");
        }
    }
    Ok(())
}

/// A body of a GET or HEAD means nothing (RFC 9110 9.3.1, 9.3.2), and a server that does not expect
/// one could take it for the next request.
pub(super) fn has_odd_body(method: &Method, body: Option<&Incoming>) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && body.is_some_and(|body| !body.is_end_stream())
}

/// `Transfer_Encoding`, `Content--Length`: some servers map several spellings to one variable.
fn resembles_framing(name: &HeaderName) -> bool {
    const FRAMING: [(HeaderName, &str); 2] = [
        (header::CONTENT_LENGTH, "contentlength"),
        (header::TRANSFER_ENCODING, "transferencoding"),
    ];
    if name.as_str().len() < "contentlength".len() {
        return false;
    }
    let letters = || name.as_str().bytes().filter(u8::is_ascii_alphabetic);
    FRAMING.iter().any(|(framing, plain)| framing != name && letters().eq(plain.bytes()))
}

/// The method that Octopus will act on: that of `X-HTTP-Method-Override` on a POST.
fn effective_method(head: &Parts) -> Result<Method, Refusal> {
    const FORWARDED: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if !FORWARDED.contains(&head.method) {
        return Err(Refusal::new(Code::MethodRefused).closing());
    }
    let mut overrides = head.headers.get_all(METHOD_OVERRIDE).iter();
    let Some(named) = overrides.next() else {
        return Ok(head.method.clone());
    };
    let named = Method::from_bytes(named.as_bytes()).ok();
    match named {
        Some(named @ (Method::PUT | Method::DELETE | Method::PATCH | Method::POST))
            if head.method == Method::POST && overrides.next().is_none() =>
        {
            Ok(named)
        }
        _ => Err(Refusal::new(Code::BadRequest)),
    }
}

fn named_account(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut names = headers.get_all(SERVICE_ACCOUNT).iter();
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => match name.to_str() {
            Ok(name) if !name.is_empty() => Ok(Some(name.to_owned())),
            _ => Err(Refusal::new(Code::BadRequest)),
        },
        (Some(_), Some(_)) => Err(Refusal::new(Code::BadRequest)),
    }
}

/// The target as it goes upstream; `came` is how it came.
pub(super) fn uri(target: &Target, came: &Uri) -> Result<Uri, Refusal> {
    let whole = came.path_and_query().filter(|whole| whole.as_str() == target.as_str());
    match whole.map(|whole| Uri::from(whole.clone())) {
        // Nothing was taken out of it: it need not be read again. An empty one only shows as `/`, and
        // would be written as nothing.
        Some(uri) if uri.path() == target.path() => Ok(uri),
        _ => target.as_str().parse().map_err(|_| Refusal::new(Code::BadRequest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_upstream_is_the_target_that_was_judged() {
        let rows = [
            ("/api?a=%2f", "/api?a=%2f"),
            ("/api?a=1&apikey=x", "/api?a=1"),
            ("http://localhost/api", "/api"),
            ("http://localhost", "/"),
            ("http://localhost#x", "/"),
        ];
        for (came, goes) in rows {
            let came: Uri = came.parse().unwrap();
            let target = Target::judge(came.path_and_query().unwrap().as_str()).unwrap();
            assert_eq!(uri(&target, &came).unwrap().to_string(), goes, "{came}");
        }
    }
}
