//! A broker with real rules and real keys, two accounts, a clock that is moved by hand, and the
//! pretend Octopus.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emulator::{Algorithm, SigningKey, jwt};
use octobroker::broker::{
    AccessTokens, Admission, AdmissionError, Broker, Credential, ExchangeFailure, Memories,
    StandIns, UsedTokens,
};
use octobroker::clock::{Clock, ManualClock};
use octobroker::config;
use octobroker::identity::Verifier;
use octobroker::limits;
use octobroker::telemetry::{Labels, Metrics};
use octobroker::trust::Policy;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::octopus::{Mood, Octopus};

/// Whose access token it is: the account's name and the subject.
pub(crate) type Key = (String, String);

/// Longest life of a stand-in, in seconds.
pub(crate) const STAND_IN_LIFE: u64 = 1_500;

const NOW: u64 = 1_795_000_000;

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) octopus: Arc<Octopus>,
}

impl World {
    /// Access tokens are remembered up to this number.
    pub(crate) async fn start(remembered: u64) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let dyn_clock: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let metrics = Arc::new(Metrics::new(&Labels::default()).expect("metrics"));
        let config = config::parse(yaml(), Path::new("octobroker.yaml"), &|_| None);
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let mood = Mutex::new(Mood::Well { life: 600 });
        let octopus = Octopus { mood, exchanges: Mutex::default(), clock: Arc::clone(&clock) };
        let octopus = Arc::new(octopus);
        let verifier = Verifier::new(
            config.issuers.clone(),
            config.audiences(),
            Arc::clone(&dyn_clock),
            Arc::clone(&metrics),
        );
        for (_, keys) in verifier.issuers() {
            keys.fetch_first().await;
        }
        let exchange = Arc::clone(&octopus) as _;
        let access_tokens =
            AccessTokens::new(exchange, remembered, Arc::clone(&dyn_clock), metrics);
        let life = Duration::from_secs(STAND_IN_LIFE);
        let stand_ins = StandIns::new(100, life, Arc::clone(&dyn_clock));
        let used_tokens = UsedTokens::new(100, Arc::clone(&dyn_clock));
        let memories = Memories { verified_tokens: 100, access_tokens, stand_ins, used_tokens };
        let policy = Policy::new(config.rules);
        let accounts = config.service_accounts;
        let broker = Broker::new(Arc::new(verifier), policy, accounts, memories, dyn_clock);
        Self { broker, clock, octopus }
    }

    /// Seconds since the story began.
    pub(crate) fn now(&self) -> u64 {
        self.clock.elapsed().as_secs()
    }

    /// A token of the issuer that lives so long from now on.
    pub(crate) fn mint(&self, subject: &str, life: Duration) -> String {
        let now = NOW + self.now();
        let claims = json!({
            "iss": "https://ci.example", "sub": subject, "aud": "octopus",
            "iat": now, "exp": now + life.as_secs(),
        });
        jwt::encode(&json!({ "alg": "ES256", "kid": "story" }), &claims, key())
    }

    pub(crate) async fn admit(
        &self,
        token: &str,
        account: &str,
    ) -> Result<Admission, AdmissionError> {
        let presented = self.broker.recognize(token, limits::OWN_TOKEN_BYTES).expect("a token");
        self.broker.admit(presented, Some(account)).await
    }

    /// The text of the access token for an admission.
    pub(crate) async fn credential(
        &self,
        admission: &Admission,
    ) -> Result<String, ExchangeFailure> {
        self.obtained(admission).await.map(|credential| match credential {
            Credential::AccessToken(obtained) => obtained.token().expose().to_owned(),
            Credential::ApiKey(_) => panic!("no account has an API key"),
        })
    }

    /// Without patience for a rate limit.
    pub(crate) async fn obtained(
        &self,
        admission: &Admission,
    ) -> Result<Credential, ExchangeFailure> {
        self.broker.credential(admission, Instant::now()).await
    }

    /// Lets all that runs in the background come to its end.
    pub(crate) async fn settle(&self) {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }
}

/// The `sub` of a token.
pub(crate) fn subject_of(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    payload["sub"].as_str().expect("a subject").to_owned()
}

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::Es256, "story"))
}

fn yaml() -> &'static str {
    static YAML: OnceLock<String> = OnceLock::new();
    YAML.get_or_init(|| {
        let name = format!("story-{}.jwks.json", std::process::id());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let keys = json!({ "keys": [key().public_jwk()] });
        std::fs::write(&file, keys.to_string()).expect("a file with keys");
        format!(
            "octopus: {{ url: https://octopus.example }}\n\
             issuers: {{ ci: {{ provider: custom, url: 'https://ci.example', algorithms: [ES256], \
             jwks_file: '{}' }} }}\n\
             service_accounts:\n  \
               one: {{ id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: octopus }}\n  \
               two: {{ id: 6f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: octopus }}\n\
             rules:\n  \
               - {{ name: one, issuer: ci, service_account: one, claims: {{ sub: {{ glob: 'job:*' }} }} }}\n  \
               - {{ name: two, issuer: ci, service_account: two, claims: {{ sub: {{ glob: 'job:*' }} }} }}\n",
            file.display()
        )
    })
}
