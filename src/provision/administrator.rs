//! Octopus's administration, as far as it is needed: one request after the other, whole answers.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

use crate::http_client::{Bounds, HttpClient, HttpError, Reach, USER_AGENT};
use crate::limits;
use crate::octopus::{API_KEY, Upstream};
use crate::secret::{Secret, without_tokens};

/// Speaks to one Octopus server with one credential.
#[derive(Debug)]
pub struct Administrator {
    client: HttpClient,
    upstream: Upstream,
    credential: (HeaderName, HeaderValue),
}

/// Why Octopus did not do what was asked. No sentence holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// There is no answer.
    #[error("Octopus can't be reached")]
    Unreachable(#[source] HttpError),
    /// It says no.
    #[error("{what}: Octopus answered {status}{}", said(.says))]
    Refused {
        /// Method and path.
        what: String,
        /// Its answer.
        status: StatusCode,
        /// Its sentences, cut.
        says: String,
    },
    /// Something else than Octopus's administration answered.
    #[error("{what}: what was answered is not what Octopus answers")]
    Malformed {
        /// Method and path.
        what: String,
    },
    /// More than anybody administers.
    #[error("{what}: there are more than {} of them", limits::ADMINISTERED_ITEMS)]
    TooMany {
        /// Method and path.
        what: String,
    },
}

fn said(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!(" ({says})") }
}

/// Items that are asked for in one go.
const TAKE: usize = 100;

/// Longest text of Octopus's that is repeated, in characters.
const SAID: usize = 400;

impl Administrator {
    /// With an API key, or with an access token if it does not begin as keys do. `None` if it can't
    /// be the value of a header.
    pub fn new(upstream: Upstream, secret: &Secret) -> Option<Self> {
        let is_key = secret.expose().starts_with("API-");
        let (name, text) = if is_key {
            (API_KEY, zeroize::Zeroizing::new(secret.expose().to_owned()))
        } else {
            let text = format!("Bearer {}", secret.expose());
            (header::AUTHORIZATION, zeroize::Zeroizing::new(text))
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        let client = HttpClient::new(&upstream.tls_roots, Reach::Anywhere);
        Some(Self { client, upstream, credential: (name, value) })
    }

    /// The same server with another credential.
    pub(super) fn with(&self, secret: &Secret) -> Option<Self> {
        Self::new(self.upstream.clone(), secret)
    }

    /// The server.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Who Octopus takes us for: the user as Octopus shows it.
    pub async fn me(&self) -> Result<Value, AdministratorError> {
        self.get("/api/users/me").await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, AdministratorError> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a request; `path` starts with a slash, below the virtual directory, and may have a
    /// query. An answer without a body is `null`.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, AdministratorError> {
        let what = format!("{method} {}", path.split('?').next().unwrap_or_default());
        let answer = self.answer(&method, path, body).await?;
        let (status, text) = (answer.status(), answer.body());
        if !status.is_success() {
            let says =
                without_tokens(&sentences(text), self.credential.1.to_str().unwrap_or_default());
            let says = says.chars().take(SAID).collect();
            return Err(AdministratorError::Refused { what, status, says });
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(text).map_err(|_| AdministratorError::Malformed { what })
    }

    /// Every item of a collection, however many pages it has; `counted` names its total.
    pub(super) async fn items(
        &self,
        path: &str,
        (listed, counted): (&str, &str),
    ) -> Result<(Vec<Value>, Value), AdministratorError> {
        let what = || format!("GET {path}");
        let (mut items, mut known) = (Vec::new(), BTreeSet::new());
        let mut skipped = 0;
        loop {
            let page = format!("{path}?skip={skipped}&take={TAKE}");
            let mut answer = self.get(&page).await?;
            let total = answer.get(counted).and_then(Value::as_u64);
            let found = answer.get_mut(listed).map(Value::take);
            let (Some(Value::Array(found)), Some(total)) = (found, total) else {
                return Err(AdministratorError::Malformed { what: what() });
            };
            let before = items.len();
            skipped += found.len();
            let is_end = found.is_empty() || skipped as u64 >= total;
            for item in found {
                let id = item.get("Id").and_then(Value::as_str);
                let id = id.ok_or_else(|| AdministratorError::Malformed { what: what() })?;
                // What is made meanwhile moves others to a later page, where they come again.
                if known.insert(id.to_owned()) {
                    items.push(item);
                }
            }
            if items.len() > limits::ADMINISTERED_ITEMS {
                return Err(AdministratorError::TooMany { what: what() });
            }
            if is_end {
                return Ok((items, answer));
            }
            // The same page again would come for ever.
            if items.len() == before {
                return Err(AdministratorError::Malformed { what: what() });
            }
        }
    }

    /// What was answered with 429 was not processed, so it is asked again.
    async fn answer(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<http::Response<Bytes>, AdministratorError> {
        let bounds = Bounds {
            timeout: self.upstream.idle_timeout,
            bytes: limits::ADMINISTRATION_ANSWER_BYTES,
        };
        let mut tries = 0;
        loop {
            let request = self.request(method, path, body)?;
            let answer = self.client.send(request, bounds).await;
            let answer = answer.map_err(AdministratorError::Unreachable)?;
            tries += 1;
            let is_limited = answer.status() == StatusCode::TOO_MANY_REQUESTS;
            if !is_limited || tries > limits::ADMINISTRATION_RETRIES {
                return Ok(answer);
            }
            let wait = answer.headers().get(header::RETRY_AFTER).and_then(|it| it.to_str().ok());
            let wait = wait.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            let wait = wait.unwrap_or(limits::ADMINISTRATION_PAUSE);
            tokio::time::sleep(wait.min(limits::ADMINISTRATION_PAUSE_MAX)).await;
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, AdministratorError> {
        let (path, query) = path.split_once('?').map_or((path, None), |(a, b)| (a, Some(b)));
        let mut url = self.upstream.below(path);
        url.set_query(query);
        let (name, value) = &self.credential;
        let mut request = Request::builder().method(method).uri(url.as_str());
        request = request.header(name, value).header(header::USER_AGENT, USER_AGENT);
        request = request.header(header::ACCEPT, "application/json");
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(body));
        request.map_err(|_| AdministratorError::Unreachable(HttpError::Url))
    }
}

impl AdministratorError {
    /// Whether Octopus does not let the administrator do it.
    pub fn is_refusal(&self) -> bool {
        let Self::Refused { status, .. } = self else { return false };
        matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

/// What Octopus says of an error, as one line.
fn sentences(body: &[u8]) -> String {
    let Ok(error) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let mut said: Vec<&str> = Vec::new();
    said.extend(error.get("ErrorMessage").and_then(Value::as_str));
    let more = error.get("Errors").and_then(Value::as_array).into_iter().flatten();
    for sentence in more.filter_map(Value::as_str) {
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said.join(" ")
}
