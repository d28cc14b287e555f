//! The token exchange (RFC 8693) as Octopus speaks it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::access_token::AccessToken;
use super::answer;
use super::endpoint::Endpoint;
use super::service_account::ServiceAccount;
use super::upstream::Upstream;
use crate::clock::{Clock, Reading};
use crate::http_client::{Bounds, HttpClient, HttpError, Reach, USER_AGENT};
use crate::identity::IdToken;
use crate::limits;
use crate::telemetry::{Code, ExchangeOutcome, Metrics};

/// Swaps ID tokens for access tokens.
pub trait TokenExchange: Send + Sync + std::fmt::Debug {
    /// Swaps `id_token` for an access token of `account`.
    fn exchange<'a>(
        &'a self,
        account: &'a ServiceAccount,
        id_token: &'a IdToken,
    ) -> Pin<Box<dyn Future<Output = Result<AccessToken, Arc<ExchangeError>>> + Send + 'a>>;
}

/// Why there is no access token. The first variants blame the identity, then the server's answer,
/// then its health. Nothing here holds a token.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Octopus does not accept this ID token for this account.
    #[error("Octopus refused the exchange with {status}: {reason}")]
    Refused {
        /// 400, 401 or 403.
        status: StatusCode,
        /// The server's words, cut and without tokens.
        reason: String,
    },
    /// A 200 that is no token, or a document that is none.
    #[error("the answer {fault}")]
    Malformed {
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The server does not know the endpoint.
    #[error("the token endpoint answered {status}; a server before 2023.4 has none")]
    NoEndpoint {
        /// 404 or 405.
        status: StatusCode,
    },
    /// No discovery document.
    #[error("the discovery document answered {status}; is octopus.url an Octopus server?")]
    Discovery {
        /// Its status.
        status: StatusCode,
    },
    /// An answer that the protocol does not have: a redirect, for one.
    #[error("the token endpoint answered {status}, which is no answer to an exchange")]
    Unexpected {
        /// Its status.
        status: StatusCode,
    },
    /// Too many exchanges.
    #[error("Octopus limits the rate of exchanges")]
    RateLimited {
        /// The pause that it asks for.
        retry_after: Option<Duration>,
    },
    /// The server is not well.
    #[error("the token endpoint answered {status}")]
    Sick {
        /// Its status.
        status: StatusCode,
        /// The pause that it asks for.
        retry_after: Option<Duration>,
    },
    /// The server can't be reached, or did not answer in time.
    #[error("the token endpoint can't be reached")]
    Unreachable {
        /// What the client says.
        #[source]
        source: HttpError,
    },
    /// The stand-in has outlived both its access token and its ID token.
    #[error("the stand-in's access token and ID token have both ended")]
    StandInEnded,
    /// A fault of this program.
    #[error("the exchange ended without an outcome, which is a fault of this program")]
    Crashed,
}

impl ExchangeError {
    /// What the client says, judged: an endless or foreign answer is the server's fault, all else
    /// is a matter of reach.
    pub(super) fn unreachable(source: HttpError) -> Self {
        match source {
            HttpError::TooLarge { .. } => Self::Malformed { fault: "is too long" },
            HttpError::Redirect { .. } => Self::Malformed { fault: "is a redirect elsewhere" },
            source => Self::Unreachable { source },
        }
    }

    /// The word for it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused { .. } => Code::ExchangeRefused,
            Self::Malformed { .. }
            | Self::NoEndpoint { .. }
            | Self::Discovery { .. }
            | Self::Unexpected { .. } => Code::ExchangeFailed,
            Self::RateLimited { .. } | Self::Sick { .. } | Self::Unreachable { .. } => {
                Code::ExchangeUnavailable
            }
            Self::StandInEnded => Code::StandInUnknown,
            Self::Crashed => Code::Internal,
        }
    }

    /// The pause that the server asked for.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Sick { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether Octopus has too much to do with exchanges, and will take this one later.
    pub const fn is_rate_limit(&self) -> bool {
        matches!(self, Self::RateLimited { .. })
    }

    /// How long no other exchange is tried after `streak` failures in a row, this one included: 10 s
    /// after a refusal; after anything else 1 s, doubled with each failure up to 30 s, or as long as
    /// the server asks for.
    pub fn pause(&self, streak: u32) -> Duration {
        if let Self::Refused { .. } = self {
            return limits::REFUSAL_REMEMBERED;
        }
        let doubled = 2_u32.saturating_pow(streak.saturating_sub(1));
        let backoff = limits::SICK_PAUSE_MIN.saturating_mul(doubled).min(limits::SICK_PAUSE_MAX);
        self.retry_after().map_or(backoff, |asked| asked.max(limits::SICK_PAUSE_MIN))
    }

    const fn outcome(&self) -> ExchangeOutcome {
        match self {
            Self::Refused { .. } => ExchangeOutcome::Refused,
            Self::RateLimited { .. } => ExchangeOutcome::RateLimited,
            Self::Unreachable { .. } => ExchangeOutcome::Unreachable,
            _ => ExchangeOutcome::Failed,
        }
    }
}

/// Exchanges at one Octopus server.
#[derive(Debug)]
pub struct OctopusExchange {
    client: HttpClient,
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    timeout: Duration,
    host: String,
}

impl OctopusExchange {
    /// Exchanges at `upstream`, each within `timeout`.
    pub fn new(
        upstream: &Upstream,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let client = HttpClient::new(&upstream.tls_roots, Reach::Anywhere);
        let endpoint = Endpoint::new(upstream.clone(), client.clone(), Arc::clone(&clock), timeout);
        let host = upstream.authority().to_string();
        Self { client, endpoint, clock, metrics, timeout, host }
    }

    /// Where tokens are exchanged, found as for an exchange.
    pub async fn token_endpoint(&self) -> Result<Url, Arc<ExchangeError>> {
        self.endpoint.find().await
    }

    async fn call(
        &self,
        account: &ServiceAccount,
        id_token: &IdToken,
    ) -> Result<AccessToken, Arc<ExchangeError>> {
        let was_known = self.endpoint.known().is_some();
        let url = self.endpoint.find().await?;
        let outcome = self.post(&url, account, id_token).await;
        if !matches!(outcome, Err(ExchangeError::NoEndpoint { .. })) {
            return outcome.map_err(Arc::new);
        }
        // The endpoint may have moved since it was found.
        self.endpoint.forget();
        if !was_known {
            return outcome.map_err(Arc::new);
        }
        let url = self.endpoint.find().await?;
        self.post(&url, account, id_token).await.map_err(Arc::new)
    }

    fn timed_out(&self) -> ExchangeError {
        let host = self.host.clone();
        ExchangeError::Unreachable { source: HttpError::Timeout { host, timeout: self.timeout } }
    }

    async fn post(
        &self,
        url: &Url,
        account: &ServiceAccount,
        id_token: &IdToken,
    ) -> Result<AccessToken, ExchangeError> {
        let asked = self.clock.reading();
        let request = request(url, account, id_token)?;
        let bounds = Bounds { timeout: self.timeout, bytes: limits::EXCHANGE_ANSWER_BYTES };
        let answer = self.client.send(request, bounds).await.map_err(ExchangeError::unreachable)?;
        read_exchange_answer(&answer, id_token, asked, self.clock.now())
    }
}

impl TokenExchange for OctopusExchange {
    fn exchange<'a>(
        &'a self,
        account: &'a ServiceAccount,
        id_token: &'a IdToken,
    ) -> Pin<Box<dyn Future<Output = Result<AccessToken, Arc<ExchangeError>>> + Send + 'a>> {
        Box::pin(async move {
            let start = self.clock.elapsed();
            let call = tokio::time::timeout(self.timeout, self.call(account, id_token));
            let outcome = call.await.unwrap_or_else(|_| Err(Arc::new(self.timed_out())));
            let label =
                outcome.as_ref().map_or_else(|error| error.outcome(), |_| ExchangeOutcome::Ok);
            let elapsed = self.clock.elapsed().saturating_sub(start);
            self.metrics.exchanged(&account.name, label, elapsed);
            outcome
        })
    }
}

/// Reads what the token endpoint answered to an exchange of `id_token`. The access token lives from
/// when it was asked for; `now` is for a `Retry-After` that is a date.
pub fn read_exchange_answer(
    answer: &Response<Bytes>,
    id_token: &IdToken,
    asked: Reading,
    now: SystemTime,
) -> Result<AccessToken, ExchangeError> {
    let issued = answer::judge(answer, id_token, now)?;
    let fault = "has an access_token that can't be a header value";
    AccessToken::new(&issued.token, asked, issued.life).ok_or(ExchangeError::Malformed { fault })
}

/// The four fields that Octopus requires, as JSON, which all its official clients send.
fn request(
    url: &Url,
    account: &ServiceAccount,
    id_token: &IdToken,
) -> Result<Request<Full<Bytes>>, ExchangeError> {
    #[derive(Serialize)]
    struct Fields<'a> {
        grant_type: &'static str,
        audience: &'a str,
        subject_token: &'a str,
        subject_token_type: &'static str,
    }
    let fields = Fields {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        audience: account.id.as_deref().ok_or(ExchangeError::Crashed)?,
        subject_token: id_token.expose(),
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    };
    let crashed = |_| ExchangeError::Crashed;
    let body = Zeroizing::new(serde_json::to_vec(&fields).map_err(crashed)?);
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(&body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() =
        url.as_str().parse().map_err(|_| ExchangeError::unreachable(HttpError::Url))?;
    let headers = request.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json.clone());
    headers.insert(header::ACCEPT, json);
    headers.insert(header::USER_AGENT, USER_AGENT);
    Ok(request)
}
