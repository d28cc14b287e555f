//! Fetching an issuer's key set, from wherever it is.

use super::discovery::{self, DiscoveryError};
use super::issuer::{Issuer, KeySource};
use super::jwks::{KeySet, KeySetError};
use crate::http_client::{Bounds, HttpClient, HttpError, Reach};
use crate::limits;

/// Fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct KeyFetcher {
    source: KeySource,
    issuer: String,
    client: HttpClient,
    public_client: HttpClient,
}

/// Why there is no new key set.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the discovery document can't be had")]
    DiscoveryDocument(#[source] HttpError),
    #[error("the discovery document is refused")]
    Discovery(#[source] DiscoveryError),
    #[error("the key set can't be had")]
    KeySetDocument(#[source] HttpError),
    #[error("the key set's file can't be read")]
    File(#[source] std::io::Error),
    #[error("the key set is refused")]
    KeySet(#[source] KeySetError),
    #[error("the issuer did not answer within {:?}", limits::ISSUER_TIMEOUT)]
    Timeout,
}

impl KeyFetcher {
    pub(super) fn new(issuer: &Issuer) -> Self {
        Self {
            source: issuer.key_source.clone(),
            issuer: issuer.url.clone(),
            client: HttpClient::new(&issuer.tls_roots, Reach::Anywhere),
            public_client: HttpClient::new(&issuer.tls_roots, Reach::PublicOnly),
        }
    }

    /// Fetches once, all documents together within the time limit.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = tokio::time::timeout(limits::ISSUER_TIMEOUT, self.document()).await;
        let document = document.map_err(|_| FetchError::Timeout)??;
        KeySet::parse(&document).map_err(FetchError::KeySet)
    }

    async fn document(&self) -> Result<Vec<u8>, FetchError> {
        match &self.source {
            KeySource::File(path) => read_file(path).await.map_err(FetchError::File),
            KeySource::Url(url) => self.key_set(&self.client, url).await,
            KeySource::Discovery { document } => {
                let document = self
                    .client
                    .document(document, bounds(limits::DISCOVERY_BYTES))
                    .await
                    .map_err(FetchError::DiscoveryDocument)?;
                let location = discovery::key_set_location(&document, &self.issuer)
                    .map_err(FetchError::Discovery)?;
                // The issuer chose the URL, not the operator: on another host only if public.
                let client =
                    if location.is_on_issuer_host { &self.client } else { &self.public_client };
                self.key_set(client, &location.url).await
            }
        }
    }

    async fn key_set(&self, client: &HttpClient, url: &url::Url) -> Result<Vec<u8>, FetchError> {
        let document = client.document(url, bounds(limits::JWKS_BYTES)).await;
        Ok(document.map_err(FetchError::KeySetDocument)?.to_vec())
    }
}

const fn bounds(bytes: usize) -> Bounds {
    Bounds { timeout: limits::ISSUER_TIMEOUT, bytes }
}

async fn read_file(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt;

    let file = tokio::fs::File::open(path).await?;
    let mut document = Vec::new();
    file.take(limits::JWKS_BYTES as u64 + 1).read_to_end(&mut document).await?;
    if document.len() > limits::JWKS_BYTES {
        return Err(std::io::Error::other("the file is too large"));
    }
    Ok(document)
}
