//! Fetching an issuer's key set, from wherever it is.

use std::path::{Path, PathBuf};

use http::HeaderValue;

use super::discovery::{self, DiscoveryError};
use super::issuer::{Issuer, KeySource, TokenKind};
use super::jwks::{KeySet, KeySetError};
use crate::http_client::{Bounds, HttpClient, HttpError, Reach};
use crate::{bounded_file, limits};

/// Fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct KeyFetcher {
    source: KeySource,
    kind: TokenKind,
    token: Option<PathBuf>,
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
    #[error("the file of `jwks_token` can't be read")]
    Token(#[source] std::io::Error),
    #[error("the key set is refused")]
    KeySet(#[source] KeySetError),
    #[error("the issuer did not answer within {:?}", limits::ISSUER_TIMEOUT)]
    Timeout,
}

impl KeyFetcher {
    pub(super) fn new(issuer: &Issuer) -> Self {
        Self {
            source: issuer.key_source.clone(),
            kind: issuer.kind,
            token: issuer.jwks_token.clone(),
            client: HttpClient::new(&issuer.tls_roots, Reach::Anywhere),
            public_client: HttpClient::new(&issuer.tls_roots, Reach::PublicOnly),
        }
    }

    /// Fetches once, all documents together within the time limit.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let document = tokio::time::timeout(limits::ISSUER_TIMEOUT, self.document()).await;
        let document = document.map_err(|_| FetchError::Timeout)??;
        KeySet::parse_for(&document, self.kind).map_err(FetchError::KeySet)
    }

    async fn document(&self) -> Result<Vec<u8>, FetchError> {
        match &self.source {
            KeySource::File(path) => {
                read_file(path, limits::JWKS_BYTES).await.map_err(FetchError::File)
            }
            KeySource::Url(url) => key_set(&self.client, url, self.bearer().await?.as_ref()).await,
            KeySource::Discovery { document: url, issuer } => {
                let bearer = self.bearer().await?;
                let document = self
                    .client
                    .document_as(url, bearer.as_ref(), bounds(limits::DISCOVERY_BYTES))
                    .await
                    .map_err(FetchError::DiscoveryDocument)?;
                let location = discovery::key_set_location(&document, issuer)
                    .map_err(FetchError::Discovery)?;
                // The issuer chose the URL, not the operator: on another host only if public, and
                // the bearer token is for the origin that the operator wrote down.
                let client =
                    if location.is_on_issuer_host { &self.client } else { &self.public_client };
                let bearer = bearer.filter(|_| location.url.origin() == url.origin());
                key_set(client, &location.url, bearer.as_ref()).await
            }
        }
    }

    /// The credential for the issuer's documents, if it wants one. Read anew for each fetch:
    /// kubelet replaces the file.
    async fn bearer(&self) -> Result<Option<HeaderValue>, FetchError> {
        match &self.token {
            Some(path) => read_bearer(path).await.map(Some).map_err(FetchError::Token),
            None => Ok(None),
        }
    }
}

async fn key_set(
    client: &HttpClient,
    url: &url::Url,
    bearer: Option<&HeaderValue>,
) -> Result<Vec<u8>, FetchError> {
    let document = client.document_as(url, bearer, bounds(limits::JWKS_BYTES)).await;
    Ok(document.map_err(FetchError::KeySetDocument)?.to_vec())
}

async fn read_bearer(path: &Path) -> std::io::Result<HeaderValue> {
    let bytes = zeroize::Zeroizing::new(read_file(path, limits::OWN_TOKEN_BYTES).await?);
    let text = zeroize::Zeroizing::new([b"Bearer ", bytes.trim_ascii()].concat());
    let is_plain = !bytes.trim_ascii().is_empty() && text.iter().skip(7).all(u8::is_ascii_graphic);
    let value = HeaderValue::from_bytes(&text).ok().filter(|_| is_plain);
    let mut value = value.ok_or_else(|| std::io::Error::other("it holds no bearer token"))?;
    value.set_sensitive(true);
    Ok(value)
}

const fn bounds(bytes: usize) -> Bounds {
    Bounds { timeout: limits::ISSUER_TIMEOUT, bytes }
}

/// On a thread that may wait: a file system can hang.
async fn read_file(path: &Path, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || bounded_file::read(&path, bytes_max));
    read.await.map_err(std::io::Error::other)?
}
