//! What the steps need: a folder with keys, tokens and configurations, and a broker made of it.
//!
//! The folder is prepared once, for making keys takes another number of instructions each time. Its
//! tokens are of a fixed time, at which the broker's clock stands.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emulator::{Algorithm, SigningKey};
use octobroker::app::{App, Surroundings};
use octobroker::broker::Broker;
use octobroker::clock::ManualClock;
use octobroker::config;
use octobroker::identity::IdToken;
use octobroker::telemetry::{Audited, Format, Sink};
use serde_json::{Value, json};

use super::Outcome;

/// Where the clock stands.
const NOW: u64 = 1_800_000_000;

/// How many different tokens there are of each algorithm.
pub(crate) const TOKENS: u32 = 40;

pub(crate) const ISSUER: &str = "https://ci.example/oidc";
pub(crate) const ACCOUNT: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";

/// The longest token that is taken here.
const TOKEN_BYTES: usize = 16 << 10;

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];

/// A folder that is gone when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes keys, tokens and configurations.
    pub(crate) fn prepare() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("octobroker-cost-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        let folder = Self(path);
        let keys = ALGORITHMS.map(|algorithm| SigningKey::generate(algorithm, algorithm.name()));
        let public: Vec<Value> = keys.iter().map(SigningKey::public_jwk).collect();
        folder.write("keys.json", &json!({ "keys": public }).to_string())?;
        for key in &keys {
            let tokens: Vec<String> =
                (0..TOKENS).map(|number| token(key, &claims(NOW, number))).collect();
            folder.write(&format!("{}.tokens", key.algorithm()), &tokens.join("\n"))?;
        }
        let mut stranger = claims(NOW, 0);
        if let Some(repository) = stranger.get_mut("repository") {
            *repository = "stranger/web".into();
        }
        let [.., last] = &keys;
        folder.write("strangers.tokens", &token(last, &stranger))?;
        for rules in [Rules::One, Rules::Thousand] {
            folder.write(rules.file(), &configuration(rules))?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How many rules a stage has. The last accepts the tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rules {
    One,
    Thousand,
}

impl Rules {
    const fn file(self) -> &'static str {
        match self {
            Self::One => "one.yaml",
            Self::Thousand => "thousand.yaml",
        }
    }
}

/// A broker that knows its issuer's keys, and serves nobody.
pub(crate) struct Stage {
    pub(crate) broker: Arc<Broker>,
    folder: PathBuf,
}

impl Stage {
    /// By a configuration of the folder.
    pub(crate) async fn open(folder: &Path, rules: Rules) -> Outcome<Self> {
        let config = config::load(&folder.join(rules.file()), &|_| None)?;
        let (sink, _) = Sink::memory();
        let surroundings = Surroundings {
            clock: Arc::new(ManualClock::at(NOW)),
            sink,
            format: Format::Json,
            audited: Audited::All,
            environment: &|_| None,
        };
        let broker = App::bind(config, surroundings).await?.broker();
        for (_, keys) in broker.verifier().issuers() {
            keys.fetch_first().await;
        }
        Ok(Self { broker, folder: folder.to_owned() })
    }

    /// The tokens of a file. No two are the same.
    pub(crate) fn tokens(&self, file: &str) -> Outcome<Vec<IdToken>> {
        let text = fs::read_to_string(self.folder.join(file))?;
        let tokens = text.lines().map(|line| IdToken::parse(line, TOKEN_BYTES));
        Ok(tokens.collect::<Result<_, _>>()?)
    }
}

fn token(key: &SigningKey, claims: &Value) -> String {
    let header = json!({ "alg": key.algorithm().name(), "kid": key.kid(), "typ": "JWT" });
    emulator::jwt::encode(&header, claims, key)
}

/// What GitHub says of a job, which the last of all rules accepts.
pub(crate) fn claims(now: u64, number: u32) -> Value {
    json!({
        "iss": ISSUER, "sub": "repo:acme/web:environment:production", "aud": ACCOUNT,
        "iat": now - 30, "nbf": now - 30, "exp": now + 3000, "jti": format!("job-{number}"),
        "repository": "acme/web", "repository_id": "812345678", "repository_owner": "acme",
        "repository_owner_id": "4711", "environment": "production", "event_name": "push",
        "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
        "sha": "9f2c1e4d7a6b5c8f0e1d2a3b4c5d6e7f8a9b0c1d", "workflow": "release",
        "run_id": "9876543210", "run_number": "42", "run_attempt": "1",
        "actor": "octocat", "actor_id": "583231", "runner_environment": "github-hosted",
        "job_workflow_ref": "acme/ci/.github/workflows/release.yml@refs/tags/v1.2.3",
    })
}

/// Nothing is listened on for long, and nothing asked.
fn configuration(rules: Rules) -> String {
    let others = match rules {
        Rules::One => 0,
        Rules::Thousand => 999,
    };
    let others = (0..others).map(|at| rule(&format!("other-{at}"), &format!("acme/other-{at}")));
    let rules: String = others.chain([rule("web", "acme/web")]).collect();
    document("http://127.0.0.1:9", "", &rules)
}

/// A rule with a name, an id, an environment and a pattern.
pub(crate) fn rule(name: &str, repository: &str) -> String {
    format!(
        "  - name: {name}\n    issuer: ci\n    service_account: release-bot\n    claims:\n      \
         repository: {repository}\n      repository_id: \"812345678\"\n      environment: \
         production\n      job_workflow_ref: {{ glob: \
         \"acme/ci/.github/workflows/release.yml@refs/tags/*\" }}\n"
    )
}

/// A configuration on free ports for an Octopus at this URL.
pub(crate) fn document(octopus: &str, ca_file: &str, rules: &str) -> String {
    format!(
        "octopus: {{ url: \"{octopus}\"{ca_file} }}\n\
         listeners: [{{ bind: \"127.0.0.1:0\" }}]\n\
         admin: {{ bind: \"127.0.0.1:0\" }}\n\
         issuers:\n  ci:\n    provider: custom\n    url: \"{ISSUER}\"\n    \
         algorithms: [RS256, PS256, ES256, ES384, EdDSA]\n    jwks_file: keys.json\n\
         service_accounts: {{ release-bot: {{ id: {ACCOUNT} }} }}\n\
         log: {{ format: json }}\n\
         rules:\n{rules}"
    )
}
