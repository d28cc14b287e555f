//! Tests of the room: made-up environments, a platform on loopback, files and commands.

mod asking;
mod detection;
mod keeping;
mod platform;
#[cfg(unix)]
mod reading;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{AmbientError, AmbientIdentity, AmbientSurroundings, TokenSource};
use crate::clock::{Clock, ManualClock};
use crate::http_client::TlsRoots;

/// The service account's id.
const AUDIENCE: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";

/// The time of the fixtures.
const NOW: u64 = 1_795_000_000;

/// Environment variables, the time, and the files that are there.
struct Surroundings {
    variables: HashMap<String, String>,
    files: Vec<&'static str>,
    audience: String,
    clock: Arc<ManualClock>,
}

impl Surroundings {
    fn with(variables: &[(&str, &str)]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let variables = variables.iter().map(owned).collect();
        let clock = Arc::new(ManualClock::at(NOW));
        Self { variables, files: Vec::new(), audience: AUDIENCE.to_owned(), clock }
    }

    fn and_files(mut self, files: &[&'static str]) -> Self {
        self.files = files.to_vec();
        self
    }

    fn find(&self, source: &TokenSource) -> Result<AmbientIdentity, AmbientError> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let surroundings = AmbientSurroundings {
            environment: &|name| self.variables.get(name).cloned(),
            clock,
            tls_roots: TlsRoots::system(),
            exists: &|path| self.files.iter().any(|file| path == Path::new(file)),
        };
        AmbientIdentity::find(source, &self.audience, surroundings)
    }

    fn named(&self, name: &str) -> Result<AmbientIdentity, AmbientError> {
        self.find(&TokenSource::named(name).unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A token for `audience` that lives from `issued_at` on for `seconds`. Its signature is a canary.
fn token_for(audience: &str, issued_at: u64, seconds: u64) -> String {
    signed(&json!({
        "iss": "https://ci.example", "sub": "repo:acme/shop", "aud": audience,
        "iat": issued_at, "exp": issued_at + seconds,
    }))
}

fn signed(claims: &serde_json::Value) -> String {
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("eyJhbGciOiJSUzI1NiJ9.{payload}.CANARY")
}

/// What an operator sees of an error: its sentence and those of its sources.
fn sentence(error: &AmbientError) -> String {
    let text = crate::telemetry::error_chain(error);
    assert!(!text.contains("CANARY") && !format!("{error:?}").contains("CANARY"), "{text}");
    text
}

/// Waits until something that happens in the background has happened.
async fn until(happened: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within 60 s");
}
