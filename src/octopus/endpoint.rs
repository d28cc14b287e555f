//! Where tokens are exchanged: found in Octopus's discovery document, kept for hours.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::exchange::ExchangeError;
use super::upstream::{TokenEndpoint, Upstream};
use crate::clock::Clock;
use crate::http_client::{Bounds, HttpClient, HttpError, is_loopback};
use crate::identity::read_document;
use crate::limits;
use crate::single_flight::SingleFlight;

/// Finds the token endpoint, one request at a time.
#[derive(Debug)]
pub(super) struct Endpoint {
    core: Arc<Core>,
    flight: SingleFlight<(), Result<Url, Arc<ExchangeError>>>,
}

#[derive(Debug)]
struct Core {
    upstream: Upstream,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    found: Mutex<Option<(Url, Duration)>>,
}

impl Endpoint {
    pub(super) fn new(
        upstream: Upstream,
        client: HttpClient,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> Self {
        let core = Core { upstream, client, clock, timeout, found: Mutex::default() };
        Self { core: Arc::new(core), flight: SingleFlight::new() }
    }

    /// The endpoint that is known, or else what discovery finds.
    pub(super) async fn find(&self) -> Result<Url, Arc<ExchangeError>> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let core = Arc::clone(&self.core);
        let (found, _) = self.flight.join(&(), || core.discover()).await;
        found.unwrap_or_else(|| Err(Arc::new(ExchangeError::Crashed)))
    }

    /// The endpoint, if it needs no discovery now.
    pub(super) fn known(&self) -> Option<Url> {
        if let TokenEndpoint::Fixed(url) = &self.core.upstream.token_endpoint {
            return Some(url.clone());
        }
        let found = self.core.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (url, at) = found.as_ref()?;
        let age = self.core.clock.elapsed().saturating_sub(*at);
        (age < limits::TOKEN_ENDPOINT_LIFE).then(|| url.clone())
    }

    /// Forgets what was found: it answered as if it were not there.
    pub(super) fn forget(&self) {
        *self.core.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Core {
    async fn discover(self: Arc<Self>) -> Result<Url, Arc<ExchangeError>> {
        let document = self.upstream.below("/.well-known/openid-configuration");
        let bounds = Bounds { timeout: self.timeout, bytes: limits::DISCOVERY_BYTES };
        let document = self.client.document(&document, bounds).await.map_err(|source| {
            Arc::new(match source {
                HttpError::Status { status, .. } if status.as_u16() == 429 => {
                    ExchangeError::RateLimited { retry_after: None }
                }
                HttpError::Status { status, .. } if status.is_server_error() => {
                    ExchangeError::Sick { status, retry_after: None }
                }
                HttpError::Status { status, .. } => ExchangeError::Discovery { status },
                source => ExchangeError::unreachable(source),
            })
        })?;
        let url = self.published(&document).map_err(Arc::new)?;
        let found = (url.clone(), self.clock.elapsed());
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(url)
    }

    /// Takes the endpoint out of a document, and moves it to the configured server unless the
    /// operator wants it as published.
    fn published(&self, document: &[u8]) -> Result<Url, ExchangeError> {
        #[derive(Deserialize)]
        struct Document {
            token_endpoint: Url,
        }
        let malformed = |fault| ExchangeError::Malformed { fault };
        let document: Document = read_document(document)
            .map_err(|_| malformed("(the discovery document) has no absolute token_endpoint"))?;
        let published = document.token_endpoint;
        if self.upstream.token_endpoint == TokenEndpoint::Rebase {
            let mut url = self.upstream.base().clone();
            url.set_path(published.path());
            url.set_query(published.query());
            return Ok(url);
        }
        // The ID token goes there: never in the clear, except within this machine.
        let is_here = published.scheme() == "http" && is_loopback(&published);
        if published.scheme() == "https" || is_here {
            Ok(published)
        } else {
            Err(malformed("(the discovery document) has a token_endpoint that is not https"))
        }
    }
}
