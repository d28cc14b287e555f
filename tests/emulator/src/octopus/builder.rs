//! Starting a pretend server at an address, below a path, under a name, with TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Octopus;
use super::shared::Shared;
use crate::clock::Clock;
use crate::server::{Server, local_address};
use crate::tls::Tls;

/// How to start an [`Octopus`] that is not the usual one.
#[must_use]
pub struct OctopusBuilder {
    clock: Clock,
    address: SocketAddr,
    virtual_directory: String,
    origin: Option<String>,
    is_tls: bool,
}

impl OctopusBuilder {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            virtual_directory: String::new(),
            origin: None,
            is_tls: false,
        }
    }

    /// Listens here instead of on a free port.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Lives below this path, such as `/octopus`.
    pub fn virtual_directory(mut self, path: &str) -> Self {
        assert!(
            path.starts_with('/') && !path.ends_with('/'),
            "a virtual directory starts with a slash and does not end with one"
        );
        path.clone_into(&mut self.virtual_directory);
        self
    }

    /// Calls itself this (`https://octopus.example.com`) instead of by its address. Both are
    /// accepted as `Host`.
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.trim_end_matches('/').to_owned());
        self
    }

    /// Speaks TLS with a certificate for `localhost`, `127.0.0.1` and the host of the origin.
    pub fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Octopus {
        let listener = Server::bind(self.address).await;
        let address = local_address(&listener);
        let scheme = if self.is_tls { "https" } else { "http" };
        let origin = self.origin.unwrap_or_else(|| format!("{scheme}://{address}"));
        let mut authorities = vec![address.to_string(), format!("localhost:{}", address.port())];
        authorities.extend(origin.split_once("://").map(|(_, name)| name.to_owned()));

        let tls = self.is_tls.then(|| Tls::generate(&origin));
        let (acceptor, ca_pem) = tls.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
        let url = format!("{origin}{}", self.virtual_directory);
        let shared = Shared::new(url, self.virtual_directory, authorities, self.clock);
        let shared = Arc::new(shared);
        Octopus {
            server: Some(Server::start(listener, acceptor, shared.clone())),
            shared,
            address,
            ca_pem,
        }
    }
}
