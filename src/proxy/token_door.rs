//! The exchange door: the broker speaks the token exchange as Octopus does, so that
//! `octopus login`, the login action and the .NET client work by pointing them here.
//!
//! What comes back as `access_token` is a stand-in, unless the operator wants Octopus's own. It is
//! given only after Octopus has accepted the ID token, so that a login that can't work fails at the
//! login. RFC 8693; Octopus's documentation, "Using OpenID Connect with other issuers".

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use hyper::body::Incoming;
use serde_json::json;
use url::form_urlencoded;

use super::answer_body::AnswerBody;
use super::credentials::{self, Found};
use super::forward::refused;
use super::headers::AskedAs;
use super::journey::Journey;
use super::refusal::Refusal;
use super::target::Target;
use super::{Origin, Proxy};
use crate::broker::{Admission, AdmissionError, Credential};
use crate::identity::Json;
use crate::limits;
use crate::secret::Secret;
use crate::telemetry::{Code, Door};

/// What the exchange door gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDoor {
    /// Which of the two.
    pub issues: Issues,
    /// Longest life of a stand-in.
    pub stand_in_lifetime: std::time::Duration,
}

/// What stands in `access_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issues {
    /// A key of ours, worth nothing at Octopus.
    StandIn,
    /// Octopus's own access token: for callers that must talk to Octopus past the broker.
    AccessToken,
}

impl Default for TokenDoor {
    fn default() -> Self {
        Self {
            issues: Issues::StandIn,
            stand_in_lifetime: std::time::Duration::from_secs(12 * 60 * 60),
        }
    }
}

/// Which of the door's two requests a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoorRequest {
    Discovery,
    Exchange,
}

impl DoorRequest {
    /// Looks at a method and a raw path. The login action asks for `//.well-known/…` when its
    /// server ends in a slash; no other doubled slash is known.
    pub(super) fn of(method: &Method, path: &str, prefix: &str) -> Option<Self> {
        let below = path.strip_prefix(prefix)?;
        match below {
            "/.well-known/openid-configuration" | "//.well-known/openid-configuration"
                if matches!(*method, Method::GET | Method::HEAD) =>
            {
                Some(Self::Discovery)
            }
            "/token/v1" if *method == Method::POST => Some(Self::Exchange),
            _ => None,
        }
    }
}

impl Proxy {
    /// Answers a request of the exchange door.
    pub(super) async fn answer_at_door(
        &self,
        request: DoorRequest,
        (head, body): (&Parts, &mut Option<Incoming>),
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Response<AnswerBody>, Refusal> {
        journey.came_by(Door::Exchange);
        match request {
            DoorRequest::Discovery => {
                journey.routed("/.well-known/openid-configuration");
                self.discovery(head, origin)
            }
            DoorRequest::Exchange => {
                journey.routed("/token/v1");
                self.exchange((head, origin), body, journey).await
            }
        }
    }

    /// The document, with the origin under which the caller knows this listener.
    fn discovery(&self, head: &Parts, origin: &Origin) -> Result<Response<AnswerBody>, Refusal> {
        let base = match origin.asked_as(head) {
            Some(AskedAs::Public(url)) => url.to_owned(),
            Some(AskedAs::Host(scheme, host)) => {
                let host = host.to_str().map_err(|_| Refusal::new(Code::BadRequest))?;
                format!("{scheme}://{host}{}", self.upstream.path_prefix())
            }
            // HTTP/1.0 lets a caller leave out under which name it asks.
            None => return Err(Refusal::new(Code::BadRequest)),
        };
        let document = json!({
            "issuer": base,
            "token_endpoint": format!("{base}/token/v1"),
            "grant_types_supported": [GRANT_TYPE],
            "token_endpoint_auth_methods_supported": ["none"],
        });
        Ok(own_json(&document))
    }

    async fn exchange(
        &self,
        (head, origin): (&Parts, &Origin),
        body: &mut Option<Incoming>,
        journey: &mut Journey,
    ) -> Result<Response<AnswerBody>, Refusal> {
        // The token is in the body; a second credential beside it is a second opinion.
        let raw = head.uri.path_and_query().map_or("", |target| target.as_str());
        let target = Target::judge(raw)?;
        if credentials::find(&head.headers, target.keys())? != Found::Nothing {
            return Err(Refusal::new(Code::AmbiguousCredentials));
        }
        let held = self.hold_of_stranger(body, origin, journey).await?;
        let fields = Fields::read(&head.headers, &held)?;
        let admission = self.admit_at_door(&fields, origin, journey).await?;
        journey.admitted(&admission);
        if self.token_door.issues == Issues::AccessToken && !admission.grant().is_whole() {
            let detail = "whoever has an access token is not held to `allow` and its narrowings, so \
                          the rule's callers get none; write `token_door: { issues: stand-in }`";
            return Err(Refusal::new(Code::RequestNotAllowed).with_detail(detail));
        }
        self.check_unused(&admission)?;
        let credential = self.first_credential(&admission, self.patience(), journey).await?;
        let remaining = match &credential {
            Credential::AccessToken(obtained) => {
                obtained.token().usable_for_at(self.clock.reading())
            }
            Credential::ApiKey(_) => limits::API_KEY_COVER,
        };
        let (text, life) = match (self.token_door.issues, &credential) {
            (Issues::AccessToken, Credential::AccessToken(obtained)) => {
                (Secret::new(obtained.token().expose()), remaining)
            }
            (Issues::AccessToken, Credential::ApiKey(_)) => {
                self.broker.used_tokens().give_back(&admission);
                let detail = "the service account has an API key, which is never given out";
                return Err(Refusal::new(Code::RequestNotAllowed).with_detail(detail));
            }
            (Issues::StandIn, _) => {
                let stand_in = self.broker.issue_stand_in(admission.clone()).map_err(|error| {
                    self.broker.used_tokens().give_back(&admission);
                    Refusal::new(Code::Overloaded).with_detail(error.to_string())
                })?;
                (stand_in, remaining.min(self.token_door.stand_in_lifetime))
            }
        };
        Ok(own_json(&json!({
            "access_token": text.expose(),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": life.as_secs(),
        })))
    }
}

impl Proxy {
    /// The admission for the token as the account that is named. Where several have the id that is
    /// named, the audience of the token fits one of them at most.
    async fn admit_at_door(
        &self,
        fields: &Fields,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Admission, Refusal> {
        let recognized = || {
            let token = fields.subject_token.expose();
            let token = self.broker.recognize(token, self.limits.id_token_bytes);
            token.map_err(credentials::form_code)
        };
        let token = recognized()?;
        journey.presented(token.fingerprint());
        self.check_patience(&token, origin)?;
        let accounts = self.broker.accounts_named(&fields.audience);
        let Some((first, others)) = accounts.split_first() else {
            let sentence = "The field audience must be the id (a GUID) or the name of a service account \
                            that is configured here.";
            return Err(Refusal::new(Code::AudienceRefused).saying(sentence));
        };
        let mut admitted = self.broker.admit(token, Some(first)).await;
        for other in others {
            // The one that was meant has a rule at least, which may miss.
            match &admitted {
                Err(AdmissionError::NoRule { missed, .. }) if missed.is_empty() => {}
                _ => break,
            }
            // It has been verified, and is known.
            admitted = self.broker.admit(recognized()?, Some(other)).await;
        }
        let admitted = admitted.map(Admission::of_login);
        admitted.map_err(|error| refused(error, Some(&fields.audience), journey))
    }

    /// Holds the body of an exchange. Nobody knows yet who sends it: it has the time of a head in all,
    /// and an address may have a share of them, so that strangers can't keep the places of everybody.
    async fn hold_of_stranger(
        &self,
        body: &mut Option<Incoming>,
        origin: &Origin,
        journey: &mut Journey,
    ) -> Result<Bytes, Refusal> {
        let limited = || {
            let refusal = Refusal::new(Code::RateLimited).closing();
            refusal.retrying_after(self.limits.head_timeout).saying(
                "Too many logins from this address have begun whose bodies are still to come.",
            )
        };
        let all = self.limits.concurrent_requests;
        // A body that is not begun stays with the caller, who then reads why.
        let place = origin.peer.map(|peer| self.peers.wait_for(peer, all).ok_or_else(limited));
        let _place = place.transpose()?;
        let Some(incoming) = body.take() else { return Ok(Bytes::new()) };
        let within = Some(self.limits.head_timeout);
        self.hold(incoming, (limits::EXCHANGE_REQUEST_BYTES, within), journey).await
    }
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What is read of an exchange request.
#[derive(Debug)]
struct Fields {
    subject_token: Secret,
    audience: String,
}

impl Fields {
    /// All four fields of Octopus, each exactly once, as JSON or as a form.
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let wrong = |sentence: &str| Refusal::new(Code::BadRequest).saying(sentence);
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let pairs: Vec<(String, Secret)> = if kind.eq_ignore_ascii_case("application/json") {
            let Ok(Json::Object(members)) = Json::parse(body) else {
                return Err(wrong("The body is not one strict JSON object."));
            };
            let texts = members.iter().filter_map(|(name, value)| {
                value.as_str().map(|text| (name.to_owned(), Secret::new(text)))
            });
            texts.collect()
        } else if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let pairs = form_urlencoded::parse(body);
            pairs.map(|(name, value)| (name.into_owned(), Secret::new(value))).collect()
        } else {
            return Err(wrong("The body is neither application/json nor a form."));
        };
        let only = |name: &str| {
            let mut values = pairs.iter().filter(|(found, _)| found == name);
            match (values.next(), values.next()) {
                (Some((_, value)), None) if !value.expose().is_empty() => Ok(value.clone()),
                _ => Err(wrong(&format!("The field {name} is not there exactly once, as a text."))),
            }
        };
        if only("grant_type")?.expose() != GRANT_TYPE {
            return Err(wrong("The grant_type is not that of a token exchange."));
        }
        if only("subject_token_type")?.expose() != TOKEN_TYPE {
            return Err(wrong("The subject_token_type is not that of a JWT."));
        }
        let audience = only("audience")?.expose().to_owned();
        Ok(Self { subject_token: only("subject_token")?, audience })
    }
}

fn own_json(document: &serde_json::Value) -> Response<AnswerBody> {
    let mut answer = Response::new(AnswerBody::own(Bytes::from(document.to_string())));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_has_two_requests_below_the_virtual_directory() {
        let rows = [
            ("GET", "/octopus/.well-known/openid-configuration", Some(DoorRequest::Discovery)),
            ("HEAD", "/octopus/.well-known/openid-configuration", Some(DoorRequest::Discovery)),
            ("GET", "/octopus//.well-known/openid-configuration", Some(DoorRequest::Discovery)),
            ("POST", "/octopus/token/v1", Some(DoorRequest::Exchange)),
            ("POST", "/octopus/.well-known/openid-configuration", None),
            ("GET", "/octopus/token/v1", None),
            ("GET", "/.well-known/openid-configuration", None),
            ("GET", "//octopus/.well-known/openid-configuration", None),
            ("POST", "/octopus//token/v1", None),
            ("POST", "/octopus/token/v1/", None),
        ];
        for (method, path, expected) in rows {
            let found = DoorRequest::of(&method.parse().unwrap(), path, "/octopus");
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
