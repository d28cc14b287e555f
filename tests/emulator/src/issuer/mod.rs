//! A pretend CI issuer: discovery, a key set, and tokens on demand.
//!
//! Its discovery document has the members of GitHub's and no more: an issuer of workload tokens has
//! no authorization endpoint, and a client that insists on one must fail here.

mod builder;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;

use crate::answer::RawAnswer;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::keys::{KeyLease, SigningKey};
use crate::server::Server;

pub use builder::IssuerBuilder;
pub(crate) use serve::Shared;

/// An endpoint of the issuer that clients fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerEndpoint {
    /// `GET /.well-known/openid-configuration`
    Discovery,
    /// `GET /.well-known/jwks`
    Jwks,
}

/// A pretend CI issuer. It stops when dropped, and panics then if it has complaints.
pub struct Issuer {
    shared: Arc<Shared>,
    server: Option<Server>,
    lease: Option<KeyLease>,
    address: SocketAddr,
    ca_pem: Option<String>,
}

impl Issuer {
    /// Starts on a free port of 127.0.0.1 with one RS256 key, `ci-1`, that no other living issuer
    /// of the process has.
    pub async fn start(clock: Clock) -> Self {
        Self::builder(clock).start().await
    }

    /// Starts at this address, with the key that an issuer stopped there has left.
    pub async fn start_at(clock: Clock, address: SocketAddr) -> Self {
        Self::builder(clock).at(address).start().await
    }

    /// For another address, name or TLS.
    pub fn builder(clock: Clock) -> IssuerBuilder {
        IssuerBuilder::new(clock)
    }

    /// The exact `iss` of its tokens, without a trailing slash.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority to trust, when it speaks TLS.
    pub fn ca_pem(&self) -> Option<String> {
        self.ca_pem.clone()
    }

    /// The key that [`mint`](Self::mint) uses: the first of the set.
    pub fn key(&self) -> SigningKey {
        self.shared.key()
    }

    /// Replaces the served key set. The first key signs.
    pub fn set_keys(&self, keys: Vec<SigningKey>) {
        assert!(!keys.is_empty(), "an issuer without keys cannot mint; use set_jwks");
        self.shared.state().keys = keys;
    }

    /// Serves this document as key set, whatever it is. Minting is not affected.
    pub fn set_jwks(&self, document: Value) {
        self.shared.state().jwks.document = Some(document);
    }

    /// Serves this document as discovery, whatever it is.
    pub fn set_discovery(&self, document: Value) {
        self.shared.state().discovery.document = Some(document);
    }

    /// Serves exactly this answer, or the usual one again.
    pub fn set_answer(&self, endpoint: IssuerEndpoint, answer: Option<RawAnswer>) {
        self.shared.state().endpoint(endpoint).answer = answer;
    }

    /// Makes an endpoint sick, or well again.
    pub fn set_fault(&self, endpoint: IssuerEndpoint, fault: Option<Fault>) {
        self.shared.state().endpoint(endpoint).fault = fault;
    }

    /// Shows an endpoint only to requests with this bearer token, as a cluster may; to everybody
    /// if there is none. Elsewhere a credential remains a complaint.
    pub fn want_bearer(&self, endpoint: IssuerEndpoint, token: Option<&str>) {
        self.shared.state().endpoint(endpoint).bearer = token.map(str::to_owned);
    }

    /// Requests to this endpoint wait at the gate from now on.
    pub fn hold(&self, endpoint: IssuerEndpoint) -> Gate {
        let (gate, barrier) = Gate::closed();
        self.shared.state().endpoint(endpoint).barrier = Some(barrier);
        gate
    }

    /// `iss`, `sub`, `aud`, `iat`, `nbf`, `exp` (five minutes from now) and a unique `jti`.
    pub fn claims(&self, subject: &str, audience: &str) -> Value {
        self.shared.claims(subject, audience)
    }

    /// Signs the claims as they are, with a header of `alg`, `kid` and `typ`.
    pub fn mint(&self, claims: &Value) -> String {
        self.mint_with(&self.key(), claims)
    }

    /// Signs with any key, published or not.
    pub fn mint_with(&self, key: &SigningKey, claims: &Value) -> String {
        serve::mint(key, claims)
    }

    /// How often this endpoint was asked.
    pub fn requests(&self, endpoint: IssuerEndpoint) -> usize {
        self.shared.state().endpoint(endpoint).requests
    }

    /// Credentials that were sent to it, as sentences without secrets.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.state().complaints.clone()
    }

    /// The same, and the test takes responsibility for them.
    pub fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().complaints)
    }

    /// Fails the test if anybody sent it a credential.
    pub fn assert_no_complaints(&self) {
        let complaints = self.take_complaints();
        assert!(
            complaints.is_empty(),
            "the pretend issuer complains:\n- {}",
            complaints.join("\n- ")
        );
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        if let Some(lease) = self.lease.take() {
            lease.keep_for(self.address);
        }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let crashes = self.server.as_ref().map_or(0, Server::crashes);
        assert!(crashes == 0, "the pretend issuer itself panicked {crashes} times");
        self.assert_no_complaints();
    }
}
