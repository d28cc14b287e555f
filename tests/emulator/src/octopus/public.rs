//! What anybody may ask: discovery, the root documents, health, and a few redirects.

use http::Method;
use serde_json::{Value, json};

use super::credentials::query_pairs;
use super::knobs::TokenEndpoint;
use super::routes::Admitted;
use super::shared::Shared;
use crate::answer::{self, Reply};
use crate::keys::SigningKey;

impl Shared {
    /// The discovery document, whose URLs come from the configuration and not from the request.
    pub(super) fn discovery(&self) -> Reply {
        let knobs = self.knobs();
        if let Some(scripted) = knobs.discovery_answer.clone() {
            return scripted.into_reply();
        }
        let base = match &knobs.token_endpoint {
            TokenEndpoint::Host(origin) => format!("{origin}{}", self.virtual_directory),
            TokenEndpoint::Same | TokenEndpoint::Other(_) => self.url.clone(),
        };
        let token_endpoint = match &knobs.token_endpoint {
            TokenEndpoint::Other(url) => url.clone(),
            TokenEndpoint::Same | TokenEndpoint::Host(_) => format!("{base}/token/v1"),
        };
        let document = json!({
            "issuer": base,
            "token_endpoint": token_endpoint,
            "jwks_uri": format!("{base}/.well-known/jwks"),
        });
        answer::json_reply(200, &document)
    }

    pub(super) fn public(&self, request: &Admitted) -> Reply {
        let prefix = &self.virtual_directory;
        match (&request.head.method, request.path.as_str()) {
            (&Method::HEAD, "/") => answer::typed(200, "text/html", ""),
            (&Method::GET, "/" | "/relative-redirect") => {
                answer::redirect(302, &format!("{prefix}/app"))
            }
            (&Method::GET, "/app") => answer::typed(200, "text/html", "<html>Octopus</html>"),
            (&Method::GET, "/.well-known/jwks") => {
                let keys: Vec<_> = self.published_keys().iter().map(server_jwk).collect();
                answer::json_reply(200, &json!({"keys": keys}))
            }
            (_, "/api" | "/api/") => answer::json_reply(200, &self.root_document()),
            (_, "/api/octopusservernodes/ping" | "/api/serverstatus/health") => self.health(),
            (&Method::GET, "/app-redirect") => answer::redirect(302, &format!("{}/app", self.url)),
            (_, "/redirect") => redirect_as_asked(request),
            _ => answer::octopus_error(404, "The resource you requested was not found."),
        }
    }

    fn health(&self) -> Reply {
        let draining = self.knobs().draining;
        let state = json!({
            "IsOperatingNormally": !draining,
            "IsEntireClusterDrainingTasks": draining,
            "IsEntireClusterReadOnly": false,
        });
        answer::json_reply(if draining { 418 } else { 200 }, &state)
    }

    fn root_document(&self) -> Value {
        let link = |path: &str| format!("{}/api{path}", self.virtual_directory);
        json!({
            "Application": "Octopus Deploy",
            "Version": "2026.3.1234",
            "ApiVersion": "3.0.0",
            "InstallationId": "0b501e09-4000-4000-8000-000000000000",
            "IsEarlyAccessProgram": false,
            "HasLongTermSupport": true,
            "Links": {
                "Self": link(""),
                "CurrentUser": link("/users/me"),
                "Spaces": link("/spaces{/id}{?skip,ids,take,partialName}"),
                "Tasks": link("/tasks{/id}{?skip,take,ids}"),
            },
        })
    }
}

/// The server's own key set does not name algorithms.
fn server_jwk(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk();
    if let Some(members) = jwk.as_object_mut() {
        members.remove("alg");
    }
    jwk
}

/// `/redirect?to=<Location>&status=<code>`
fn redirect_as_asked(request: &Admitted) -> Reply {
    let value = |wanted: &str| {
        query_pairs(&request.recorded).find(|(name, _)| name == wanted).map(|(_, value)| value)
    };
    let status = value("status").and_then(|status| status.parse().ok());
    match value("to") {
        Some(location) => answer::redirect(status.unwrap_or(302), &location),
        None => answer::octopus_error(400, "to is missing"),
    }
}
