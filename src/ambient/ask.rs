//! Asking a platform for a token over HTTP.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use url::{Host, Url};

use super::error::AmbientError;
use super::origin::Wanted;
use super::own_token::OwnToken;
use super::row::{Answer, Ask, Pair, Verb};
use super::template::{Unset, Values};
use crate::http_client::{self, Bounds, HttpClient, HttpError, Reach, TlsRoots, is_loopback};
use crate::identity::Json;
use crate::limits;

const BOUNDS: Bounds =
    Bounds { timeout: limits::OWN_TOKEN_TIMEOUT, bytes: limits::OWN_TOKEN_ANSWER_BYTES };

/// A request for a token with everything filled in.
pub(super) struct Asker {
    client: HttpClient,
    method: Method,
    url: Url,
    /// With what the platform knows the job by: sensitive.
    headers: HeaderMap,
    body: Bytes,
    answer: Answer,
}

/// Why a request can't be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unready {
    /// This variable is not set.
    Unset(&'static str),
    /// The address that this template gives may not be asked.
    Address(&'static str),
    /// This header's value is no header value.
    Header(&'static str),
}

impl Asker {
    /// Fills a request in.
    pub(super) fn prepare(
        ask: &Ask,
        values: &Values<'_>,
        roots: &TlsRoots,
    ) -> Result<Self, Unready> {
        let unset = |Unset(name)| Unready::Unset(name);
        let mut headers = HeaderMap::new();
        for (name, template) in ask.headers {
            let value = values.fill(template).map_err(unset)?;
            let value = HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| Unready::Header(template))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        headers.insert(USER_AGENT, http_client::USER_AGENT);
        let mut url = Url::parse(&values.fill(ask.url).map_err(unset)?)
            .ok()
            .filter(may_be_asked)
            .ok_or(Unready::Address(ask.url))?;
        url.set_fragment(None);
        for pair in ask.query {
            let (name, value) = match pair {
                Pair::Always(name, template) => (name, values.fill(template).map_err(unset)?),
                Pair::Perhaps(name, template) => match values.fill(template) {
                    Ok(value) => (name, value),
                    Err(Unset(_)) => continue,
                },
            };
            url.query_pairs_mut().append_pair(name, &value);
        }
        let method = match ask.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
        };
        let body =
            ask.body.map_or_else(Bytes::new, |body| body(values.audience).to_string().into());
        if body.is_empty() && method == Method::POST {
            // hyper leaves it out, and IIS answers 411 to a POST without.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let client = HttpClient::new(roots, Reach::Anywhere);
        Ok(Self { client, method, url, headers, body, answer: ask.answer })
    }

    /// Asks, and asks again while the platform is sick, busy or out of reach. Nothing is asked
    /// twice after a refusal, and no redirect is followed: the request carries a credential.
    pub(super) async fn fetch(&self, wanted: &Wanted, now: f64) -> Result<OwnToken, AmbientError> {
        let mut pause = limits::OWN_TOKEN_RETRY_PAUSE;
        for _ in 0..limits::OWN_TOKEN_RETRIES {
            match self.ask_once(wanted, now).await {
                Err(Failed::Passing(error)) => tracing::debug!(%error, "asking again"),
                Err(Failed::Lasting(error)) => return Err(error),
                Ok(token) => return Ok(token),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.ask_once(wanted, now).await.map_err(Failed::into_error)
    }

    async fn ask_once(&self, wanted: &Wanted, now: f64) -> Result<OwnToken, Failed> {
        let platform = wanted.platform;
        let answer = self.client.send(self.request(platform)?, BOUNDS).await.map_err(|source| {
            let is_passing = matches!(source, HttpError::Connect { .. } | HttpError::Broken { .. });
            let error = AmbientError::Unreachable { platform, source: source.into() };
            if is_passing { Failed::Passing(error) } else { Failed::Lasting(error) }
        })?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failed::Passing(AmbientError::Sick { platform, status }));
        }
        if status.is_client_error() {
            let advice = wanted.switch_on.clone();
            return Err(Failed::Lasting(AmbientError::Refused { platform, status, advice }));
        }
        let bad = |fault| AmbientError::BadAnswer { platform, fault };
        if !status.is_success() {
            let fault = format!("has the status {status}, which is not followed");
            return Err(Failed::Lasting(bad(fault)));
        }
        let text = self.answer.token(&answer).map_err(|fault| match fault {
            // Azure DevOps does this while it is busy; its own client asks again.
            Fault::NoToken(member) => Failed::Passing(bad(format!("has no text as `{member}`"))),
            Fault::Other(fault) => Failed::Lasting(bad(fault.to_owned())),
        })?;
        OwnToken::read(&text, "the answer", wanted, now).map_err(|error| match error {
            AmbientError::Malformed { fault, .. } => {
                Failed::Lasting(bad(format!("holds no usable ID token: {fault}")))
            }
            error => Failed::Lasting(error),
        })
    }

    fn request(&self, platform: &'static str) -> Result<Request<Full<Bytes>>, Failed> {
        let uri = self.url.as_str().parse().map_err(|_| {
            let source = HttpError::Url.into();
            Failed::Lasting(AmbientError::Unreachable { platform, source })
        })?;
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// A failure, and whether asking again may help.
enum Failed {
    Passing(AmbientError),
    Lasting(AmbientError),
}

impl Failed {
    fn into_error(self) -> AmbientError {
        match self {
            Self::Passing(error) | Self::Lasting(error) => error,
        }
    }
}

/// What is wrong with an answer.
enum Fault {
    /// The member of this name is missing, null or empty.
    NoToken(&'static str),
    Other(&'static str),
}

impl Answer {
    fn token(self, answer: &Response<Bytes>) -> Result<zeroize::Zeroizing<String>, Fault> {
        let member = match self {
            Self::Text => {
                let text = String::from_utf8(answer.body().to_vec());
                return text.map(Into::into).map_err(|_| Fault::Other("is not text"));
            }
            Self::Member(member) => member,
        };
        let Ok(Json::Object(mut members)) = Json::parse(answer.body()) else {
            return Err(Fault::Other("is not one strict JSON object"));
        };
        match members.remove(member) {
            Some(Json::String(token)) if !token.is_empty() => Ok(token.as_str().to_owned().into()),
            _ => Err(Fault::NoToken(member)),
        }
    }
}

/// https, or http where the request does not leave the machine and its host: loopback, link-local
/// addresses (metadata services; App Service listens on 169.254.129.x) and Google's name for one.
fn may_be_asked(url: &Url) -> bool {
    let is_near = match url.host() {
        Some(Host::Ipv4(address)) => Ipv4Addr::is_link_local(&address),
        Some(Host::Domain(name)) => name == "metadata.google.internal",
        _ => false,
    };
    let has_scheme = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_near || is_loopback(url),
        _ => false,
    };
    has_scheme && url.username().is_empty() && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_near() {
        let rows = [
            ("https://ci.example/token?x=1", true),
            ("http://127.0.0.1:8080/", true),
            ("http://localhost/", true),
            ("http://[::1]/", true),
            ("http://169.254.169.254/metadata", true),
            ("http://169.254.129.3:8081/msi/token", true),
            ("http://metadata.google.internal/x", true),
            ("http://metadata.google.internal.evil.example/x", false),
            ("http://ci.example/token", false),
            ("http://10.0.0.1/token", false),
            ("http://localhost.evil.example/", false),
            ("https://user@ci.example/", false),
            ("https://:secret@ci.example/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
        ];
        for (url, expected) in rows {
            assert_eq!(may_be_asked(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
