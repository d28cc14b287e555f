//! The props, seen from the wire: everything here speaks through a socket of its own making.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers outside of test functions may fail the test, too"
)]

mod administration;
mod api;
mod doors;
mod exchange;
mod faults;
mod issuer;
mod limits;
mod program;
mod tls;
mod wire;

use emulator::{Clock, Issuer, Octopus, ServiceAccount};
use serde_json::{Value, json};
use wire::{Answer, Wire};

pub(crate) const SUBJECT: &str = "repo:acme/shop:ref:refs/heads/main";

/// One issuer, one Octopus that trusts it, one account that the usual subject may become.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) issuer: Issuer,
    pub(crate) octopus: Octopus,
    pub(crate) account: ServiceAccount,
}

impl World {
    pub(crate) async fn start() -> Self {
        let clock = Clock::fixed(1_800_000_000);
        let issuer = Issuer::start(clock.clone()).await;
        let octopus = Octopus::start(clock.clone()).await;
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("deployer");
        octopus.add_identity(&account, &issuer.url(), "repo:acme/shop:*", None);
        Self { clock, issuer, octopus, account }
    }

    pub(crate) fn id_token(&self) -> String {
        self.issuer.mint(&self.issuer.claims(SUBJECT, &self.account.id))
    }

    /// The four fields of an exchange of this token.
    pub(crate) fn fields(&self, subject_token: &str) -> Value {
        json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": self.account.id,
            "subject_token": subject_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        })
    }

    pub(crate) async fn exchange(&self, subject_token: &str) -> Answer {
        self.post_json("/token/v1", &self.fields(subject_token)).await
    }

    pub(crate) async fn access_token(&self) -> String {
        let answer = self.exchange(&self.id_token()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json");
        self.send(&head, body.to_string().as_bytes()).await
    }

    /// A GET with this bearer token.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {token}"), b"").await
    }

    /// Sends a head, completed by Host, Content-Length and Connection, and a body.
    pub(crate) async fn send(&self, head: &str, body: &[u8]) -> Answer {
        let address = self.octopus.address();
        let mut wire = Wire::open(address).await;
        let length = body.len();
        let head = format!(
            "{head}\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        wire.write(head.as_bytes()).await;
        wire.write(body).await;
        wire.answer().await
    }
}
