//! The Octopus server: where it is, and how it is spoken to.

use std::time::Duration;

use http::HeaderValue;
use http::uri::Authority;
use url::Url;

use crate::http_client::TlsRoots;

/// One Octopus server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    base: Url,
    authority: Authority,
    host_header: HeaderValue,
    /// Roots for its certificate.
    pub tls_roots: TlsRoots,
    /// Where tokens are exchanged.
    pub token_endpoint: TokenEndpoint,
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest silence, each way, while a request is under way; also the wait for the answer's
    /// head. There is no limit on a whole transfer.
    pub idle_timeout: Duration,
    /// Whether it is told the caller's address (`X-Forwarded-For`).
    pub is_told_address: bool,
}

/// How the token endpoint is found. The published one is built from the server's own settings, not
/// from the URL that was asked, and often names a host that is not reachable from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenEndpoint {
    /// The published path and query, on the configured server.
    Rebase,
    /// As published.
    Published,
    /// As the operator wrote it; nothing is discovered.
    Fixed(Url),
}

/// Why a URL can't be an Octopus server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL of an Octopus server has a scheme, a host, perhaps a port and a path, no more")]
pub struct UpstreamUrlError;

impl Upstream {
    /// A server at `base`, its virtual directory included, with default timeouts.
    pub fn new(base: Url, tls_roots: TlsRoots) -> Result<Self, UpstreamUrlError> {
        let is_plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !is_plain || !matches!(base.scheme(), "http" | "https") {
            return Err(UpstreamUrlError);
        }
        let host = base.host_str().ok_or(UpstreamUrlError)?;
        let authority = match base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            host_header: HeaderValue::from_str(&authority).map_err(|_| UpstreamUrlError)?,
            authority: authority.parse().map_err(|_| UpstreamUrlError)?,
            base,
            tls_roots,
            token_endpoint: TokenEndpoint::Rebase,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            is_told_address: false,
        })
    }

    /// Scheme, host, port and virtual directory.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// True for https.
    pub fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Host, and port unless it is the scheme's own.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The `Host` of every request to it.
    pub fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// True if access tokens of the one serve at the other: the same server with the same token
    /// endpoint, whichever authority vouches for its certificate.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.base == other.base && self.token_endpoint == other.token_endpoint
    }

    /// Host without brackets, and port, to connect to.
    pub fn socket(&self) -> (String, u16) {
        let host = self.base.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, self.base.port_or_known_default().unwrap_or_default())
    }

    /// The virtual directory without a slash at its end; empty at the root.
    pub fn path_prefix(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    /// A URL below the virtual directory; `path` starts with a slash.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.path_prefix()));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(url: &str) -> Result<Upstream, UpstreamUrlError> {
        Upstream::new(url.parse().unwrap(), TlsRoots::system())
    }

    #[test]
    fn a_server_stays_the_same_whatever_the_timeouts() {
        let server = upstream("https://octopus.example").unwrap();
        let patient = Upstream { idle_timeout: Duration::from_secs(1), ..server.clone() };
        let found_otherwise =
            Upstream { token_endpoint: TokenEndpoint::Published, ..server.clone() };

        assert!(server.is_same_server(&patient) && server != patient);
        for other in [
            upstream("https://octopus.example/octopus").unwrap(),
            upstream("https://octopus.example:8443").unwrap(),
            upstream("http://octopus.example").unwrap(),
            found_otherwise,
        ] {
            assert!(!server.is_same_server(&other), "{other:?}");
        }
    }

    #[test]
    fn a_virtual_directory_is_kept() {
        for url in ["https://octopus.example:8443/octopus", "https://octopus.example:8443/octopus/"]
        {
            let upstream = upstream(url).unwrap();

            assert_eq!(upstream.path_prefix(), "/octopus");
            assert_eq!(upstream.authority(), "octopus.example:8443");
            assert_eq!(
                upstream.below("/.well-known/openid-configuration").as_str(),
                "https://octopus.example:8443/octopus/.well-known/openid-configuration"
            );
        }
        assert_eq!(upstream("https://octopus.example").unwrap().path_prefix(), "");
    }

    #[test]
    fn the_default_port_is_not_in_the_host_header() {
        assert_eq!(
            upstream("https://octopus.example:443").unwrap().host_header(),
            "octopus.example"
        );
        assert_eq!(upstream("http://[::1]:80").unwrap().socket(), ("::1".to_owned(), 80));
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "https://u:p@octopus.example",
            "https://o.example/?a",
            "https://o.example/#a",
            "ftp://o.example",
        ] {
            assert!(upstream(url).is_err(), "{url}");
        }
    }
}
