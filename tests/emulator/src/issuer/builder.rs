//! Starting an issuer at an address, under a name, with TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::{Issuer, Shared};
use crate::clock::Clock;
use crate::keys::KeyLease;
use crate::server::{Server, local_address};
use crate::tls::Tls;

/// How to start an [`Issuer`] that is not the usual one.
#[must_use]
pub struct IssuerBuilder {
    clock: Clock,
    address: SocketAddr,
    url: Option<String>,
    is_tls: bool,
}

impl IssuerBuilder {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, address: (Ipv4Addr::LOCALHOST, 0).into(), url: None, is_tls: false }
    }

    /// Listens here instead of on a free port.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Calls itself this instead of by its address; the exact `iss`.
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Speaks TLS with a certificate for loopback and the host of [`url`](Self::url).
    pub fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Issuer {
        let listener = Server::bind(self.address).await;
        let address = local_address(&listener);
        let scheme = if self.is_tls { "https" } else { "http" };
        let url = self.url.unwrap_or_else(|| format!("{scheme}://{address}"));
        let tls = self.is_tls.then(|| Tls::generate(&url));

        let lease = KeyLease::take(address);
        let shared = Arc::new(Shared::new(self.clock, url, lease.key().with_kid("ci-1")));
        let (acceptor, ca_pem) = tls.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
        Issuer {
            server: Some(Server::start(listener, acceptor, shared.clone())),
            shared,
            lease: Some(lease),
            address,
            ca_pem,
        }
    }
}
