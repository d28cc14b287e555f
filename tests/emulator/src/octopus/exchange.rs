//! `POST /token/v1`: an ID token in, an access token out (RFC 8693), nothing taken on trust.

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::accounts::{Claims, ServiceAccount};
use super::credentials::form_pairs;
use super::knobs::ErrorStyle;
use super::shared::Shared;
use crate::answer::{self, Reply};
use crate::jwt::{self, Parts};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
const ISSUED_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The four fields, all there and none empty.
struct Demand {
    audience: String,
    subject_token: String,
}

impl Shared {
    /// Answers an exchange as the knobs say.
    pub(super) fn exchange(&self, headers: &HeaderMap, body: &[u8]) -> Reply {
        let knobs = self.knobs().clone();
        if let Some(scripted) = knobs.exchange_answer {
            return scripted.into_reply();
        }
        match knobs.error_style {
            ErrorStyle::Html503 => return answer::maintenance_page(503),
            ErrorStyle::Empty => return answer::bare(400, crate::body::full("")),
            ErrorStyle::RateLimited { retry_after } => return rate_limited(retry_after),
            ErrorStyle::Rfc | ErrorStyle::Octopus => {}
        }
        match self.exchanged(headers, body) {
            Ok(account) => self.issue(&account),
            Err(why) if knobs.error_style == ErrorStyle::Octopus => {
                answer::octopus_error(400, &why)
            }
            Err(why) => {
                let error = json!({"error": "invalid_request", "error_description": why});
                answer::json_reply(400, &error)
            }
        }
    }

    fn exchanged(&self, headers: &HeaderMap, body: &[u8]) -> Result<ServiceAccount, String> {
        let demand = Demand::read(headers.get(CONTENT_TYPE), body)?;
        let payload = self.verified(&demand.subject_token)?;
        let claims = Claims::read(&payload)?;
        let accounts = self.accounts();
        accounts
            .by_id(&demand.audience)
            .filter(|account| {
                let id = &account.public.id;
                account.is_active
                    && account.identities.iter().any(|identity| identity.matches(&claims, id))
            })
            .map(|account| account.public.clone())
            .ok_or_else(|| {
                format!(
                    "Could not find matching identity for presented assertions. Assertions - \
                     Issuer: '{}', Subject: '{}', Audience: '{}'",
                    claims.issuer,
                    claims.subject,
                    claims.audiences.join(", ")
                )
            })
    }

    /// The payload of a token whose signature and times are right.
    fn verified(&self, token: &str) -> Result<Value, String> {
        let parts = Parts::read(token).ok_or("The subject token is not a JWT")?;
        let issuer = text(&parts.payload, "iss")?;
        let keys = self
            .trusted_keys(issuer)
            .ok_or_else(|| format!("The issuer '{issuer}' is not known"))?;
        let (kid, alg) = (text(&parts.header, "kid")?, text(&parts.header, "alg")?);
        let key = keys
            .iter()
            .find(|key| key.kid() == kid && key.algorithm().name() == alg)
            .ok_or("The issuer has no such signing key")?;
        if !signature_is_valid(&parts, &key.public_jwk(), alg) {
            return Err("The signature of the subject token is not valid".to_owned());
        }

        let now = self.clock.now_unix();
        let time = |name| parts.payload.get(name).and_then(Value::as_u64);
        let expiry = time("exp").ok_or("The subject token has no exp")?;
        if expiry <= now {
            return Err("The subject token has expired".to_owned());
        }
        if time("nbf").is_some_and(|start| start > now) {
            return Err("The subject token is not valid yet".to_owned());
        }
        Ok(parts.payload)
    }

    fn issue(&self, account: &ServiceAccount) -> Reply {
        let expires_in = self.knobs().expires_in.clone();
        let now = self.clock.now_unix();
        let expires_at = now + expires_in.lifetime();
        let number = self.count_success();
        let key = self.signing_key();
        let header = json!({"alg": key.algorithm().name(), "kid": key.kid(), "typ": "JWT"});
        let claims = json!({
            "iss": self.url,
            "sub": account.id,
            "aud": self.url,
            "iat": now,
            "exp": expires_at,
            "jti": format!("access-{number}"),
            "canary": "canary-access-token",
        });
        let token = jwt::encode(&header, &claims, &key);
        self.accounts().keep_token(&token, account, expires_at);

        let mut answer = json!({
            "access_token": token,
            "issued_token_type": ISSUED_TOKEN_TYPE,
            "token_type": "Bearer",
        });
        if let (Some(members), Some(value)) = (answer.as_object_mut(), expires_in.on_the_wire()) {
            members.insert("expires_in".to_owned(), value);
        }
        answer::json_reply(200, &answer)
    }
}

impl Demand {
    fn read(content_type: Option<&HeaderValue>, body: &[u8]) -> Result<Self, String> {
        let media_type = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase());
        let mut fields = match media_type.as_deref() {
            Some("application/json") => json_fields(body)?,
            Some("application/x-www-form-urlencoded") => form_fields(body)?,
            _ => return Err("The content type is neither JSON nor a form".to_owned()),
        };
        let mut field = |name: &str| {
            fields
                .remove(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("{name} is missing"))
        };
        let (grant_type, token_type) = (field("grant_type")?, field("subject_token_type")?);
        let demand = Self { audience: field("audience")?, subject_token: field("subject_token")? };
        if grant_type != GRANT_TYPE || token_type != SUBJECT_TOKEN_TYPE {
            return Err("grant_type or subject_token_type is not supported".to_owned());
        }
        if let Some(unknown) = fields.keys().next() {
            return Err(format!("the field {unknown} is not documented"));
        }
        Ok(demand)
    }
}

fn json_fields(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_slice(body).map_err(|_| "The body is not a JSON object of strings".to_owned())
}

fn form_fields(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_pairs(&String::from_utf8_lossy(body)) {
        if let Some(_twice) = fields.insert(name.clone(), value) {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(fields)
}

impl<'a> Claims<'a> {
    fn read(payload: &'a Value) -> Result<Self, String> {
        let audiences = match payload.get("aud") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return Err("The subject token has no aud".to_owned()),
        };
        Ok(Self { issuer: text(payload, "iss")?, subject: text(payload, "sub")?, audiences })
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str, String> {
    object
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("The subject token has no {name}"))
}

/// Checks with `jsonwebtoken`, so that not the code which signs decides what is well signed.
fn signature_is_valid(parts: &Parts<'_>, jwk: &Value, alg: &str) -> bool {
    let verify = || {
        let jwk = serde_json::from_value(jwk.clone()).ok()?;
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).ok()?;
        let message = parts.signing_input.as_bytes();
        jsonwebtoken::crypto::verify(parts.signature, message, &key, alg.parse().ok()?).ok()
    };
    verify().unwrap_or(false)
}

fn rate_limited(retry_after: Option<u64>) -> Reply {
    let mut reply = answer::octopus_error(429, "Too many requests");
    if let Some(seconds) = retry_after {
        answer::add_header(&mut reply, "Retry-After", &seconds.to_string());
    }
    reply
}
