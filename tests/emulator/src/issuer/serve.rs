//! What the issuer answers, and the state behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::IssuerEndpoint;
use crate::answer::{self, RawAnswer, Reply};
use crate::body;
use crate::clock::Clock;
use crate::fault::{Cut, Fault};
use crate::gate::Barrier;
use crate::jwt;
use crate::keys::SigningKey;
use crate::server::{Answering, Call, Handler};

/// What the issuer's owner and its connections share, also with an Octopus that trusts it.
pub(crate) struct Shared {
    pub(super) url: String,
    clock: Clock,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) keys: Vec<SigningKey>,
    pub(super) discovery: Endpoint,
    pub(super) jwks: Endpoint,
    pub(super) complaints: Vec<String>,
}

/// One endpoint's script.
#[derive(Default)]
pub(super) struct Endpoint {
    pub(super) requests: usize,
    /// The bearer token without which nothing is shown.
    pub(super) bearer: Option<String>,
    pub(super) document: Option<Value>,
    pub(super) answer: Option<RawAnswer>,
    pub(super) fault: Option<Fault>,
    pub(super) barrier: Option<Barrier>,
}

impl Shared {
    pub(super) fn new(clock: Clock, url: String, key: SigningKey) -> Self {
        Self {
            url,
            clock,
            state: Mutex::new(State {
                keys: vec![key],
                discovery: Endpoint::default(),
                jwks: Endpoint::default(),
                complaints: Vec::new(),
            }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current keys, also for an Octopus that trusts this issuer.
    pub(crate) fn keys(&self) -> Vec<SigningKey> {
        self.state().keys.clone()
    }

    pub(super) fn key(&self) -> SigningKey {
        let state = self.state();
        state.keys.first().expect("the set is never empty").clone()
    }

    pub(super) fn claims(&self, subject: &str, audience: &str) -> Value {
        // One count for the process: a token is unique also among issuers and restarts.
        static TOKENS: AtomicU64 = AtomicU64::new(1);

        let now = self.clock.now_unix();
        json!({
            "iss": self.url,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": format!("token-{}", TOKENS.fetch_add(1, Ordering::SeqCst)),
        })
    }

    async fn serve(&self, endpoint: IssuerEndpoint) -> Result<Reply, Cut> {
        let barrier = {
            let mut state = self.state();
            let asked = state.endpoint(endpoint);
            asked.requests += 1;
            asked.barrier.clone()
        };
        if let Some(barrier) = barrier {
            barrier.pass().await;
        }
        let (fault, reply) = {
            let mut state = self.state();
            let usual = match endpoint {
                IssuerEndpoint::Discovery => self.discovery_document(&state.keys),
                IssuerEndpoint::Jwks => key_set(&state.keys),
            };
            let asked = state.endpoint(endpoint);
            let document = asked.document.clone().unwrap_or(usual);
            let reply = match asked.answer.clone() {
                Some(answer) => answer.into_reply(),
                None => answer::json_reply(200, &document),
            };
            (asked.fault.clone(), reply)
        };
        match fault {
            Some(fault) => fault.apply(async { reply }).await,
            None => Ok(reply),
        }
    }

    fn discovery_document(&self, keys: &[SigningKey]) -> Value {
        let algorithms: std::collections::BTreeSet<_> =
            keys.iter().map(|key| key.algorithm().name()).collect();
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/.well-known/jwks", self.url),
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf"],
            "id_token_signing_alg_values_supported": algorithms,
            "scopes_supported": ["openid"],
        })
    }

    /// Claims in, token out. Members that are not given (`iss`, times, `jti`) are filled in.
    async fn mint_endpoint(&self, request: Request<Incoming>) -> Reply {
        const BYTES_MAX: usize = 64 * 1024;
        let claims = body::read(request.into_body(), BYTES_MAX)
            .await
            .ok()
            .and_then(|read| serde_json::from_slice::<Value>(&read.kept).ok());
        let Some(Value::Object(given)) = claims else {
            return answer::octopus_error(400, "POST a JSON object of claims");
        };
        let mut claims = self.claims("", "");
        if let Some(members) = claims.as_object_mut() {
            members.extend(given);
        }
        answer::typed(200, "text/plain", mint(&self.key(), &claims))
    }
}

impl State {
    pub(super) fn endpoint(&mut self, endpoint: IssuerEndpoint) -> &mut Endpoint {
        match endpoint {
            IssuerEndpoint::Discovery => &mut self.discovery,
            IssuerEndpoint::Jwks => &mut self.jwks,
        }
    }

    fn bearer_for(&self, path: &str) -> Option<String> {
        match path {
            "/.well-known/openid-configuration" => self.discovery.bearer.clone(),
            "/.well-known/jwks" => self.jwks.bearer.clone(),
            _ => None,
        }
    }
}

impl Handler for Shared {
    fn answer(self: Arc<Self>, _call: Call, request: Request<Incoming>) -> Answering {
        Box::pin(async move {
            let bearer = self.state().bearer_for(request.uri().path());
            if let Some(wanted) = &bearer
                && bearer_of(&request) != Some(wanted.as_str())
            {
                return Ok(answer::octopus_error(401, "the issuer shows this to its own alone"));
            }
            if let Some(carrier) = credential_on(&request)
                && (carrier != "authorization" || bearer.is_none())
            {
                let sentence = format!("{}: {carrier} is sent to the issuer", request.uri().path());
                self.state().complaints.push(sentence.clone());
                return Ok(answer::octopus_error(400, &sentence));
            }
            match (request.method(), request.uri().path()) {
                (&Method::GET, "/.well-known/openid-configuration") => {
                    self.serve(IssuerEndpoint::Discovery).await
                }
                (&Method::GET, "/.well-known/jwks") => self.serve(IssuerEndpoint::Jwks).await,
                (&Method::POST, "/mint") => Ok(self.mint_endpoint(request).await),
                _ => Ok(answer::octopus_error(404, "the issuer has no such endpoint")),
            }
        })
    }
}

fn bearer_of(request: &Request<Incoming>) -> Option<&str> {
    let mut values = request.headers().get_all("authorization").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.strip_prefix("Bearer "),
        _ => None,
    }
}

/// What an issuer publishes is for everybody: whoever sends it a credential leaks it.
fn credential_on(request: &Request<Incoming>) -> Option<&'static str> {
    ["authorization", "cookie", "x-octopus-apikey", "x-nuget-apikey"]
        .into_iter()
        .find(|name| request.headers().contains_key(*name))
}

pub(super) fn mint(key: &SigningKey, claims: &Value) -> String {
    let header = json!({"alg": key.algorithm().name(), "kid": key.kid(), "typ": "JWT"});
    jwt::encode(&header, claims, key)
}

fn key_set(keys: &[SigningKey]) -> Value {
    let keys: Vec<_> = keys.iter().map(SigningKey::public_jwk).collect();
    json!({"keys": keys})
}
