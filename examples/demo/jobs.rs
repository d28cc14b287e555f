//! Who calls: jobs with claims like those of GitHub Actions, and what they send to Octopus.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use emulator::Issuer;
use serde_json::{Value, json};

use crate::caller::Ask;
use crate::surprise::Surprise;

/// A repository as GitHub knows it: its id stays, its name can be given up and taken by others.
#[derive(Clone, Copy)]
pub(crate) struct Repository {
    owner: &'static str,
    name: &'static str,
    pub(crate) id: &'static str,
}

/// The one that the rule means.
pub(crate) const ACME: Repository = Repository { owner: "acme", name: "web", id: "812345678" };

/// The one that would like to be it.
pub(crate) const EVIL: Repository = Repository { owner: "acme-evil", name: "web", id: "990000004" };

/// Bytes of the pretend package.
const PACKAGE_BYTES: usize = 256 * 1024;

impl Repository {
    /// `owner/name`
    pub(crate) fn full_name(self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The `sub` of a job that deploys to production.
    pub(crate) fn subject(self) -> String {
        format!("repo:{}:environment:production", self.full_name())
    }

    /// The claims of a job that deploys to production.
    fn claims(self, run: u32) -> Value {
        json!({
            "repository": self.full_name(),
            "repository_id": self.id,
            "repository_owner": self.owner,
            "environment": "production",
            "event_name": "push",
            "ref": "refs/heads/main",
            "ref_type": "branch",
            "workflow": "Deploy",
            "run_number": run.to_string(),
            "run_attempt": "1",
            "runner_environment": "github-hosted",
        })
    }

    /// What GitHub would give to this run: a genuine ID token, five minutes long.
    pub(crate) fn token(self, issuer: &Issuer, audience: &str, run: u32) -> String {
        let mut claims = issuer.claims(&self.subject(), audience);
        if let (Some(all), Value::Object(more)) = (claims.as_object_mut(), self.claims(run)) {
            all.extend(more);
        }
        issuer.mint(&claims)
    }
}

/// The same token with another `repository_id` written into it: the signature fits no more.
pub(crate) fn forge(token: &str, repository_id: &str) -> Result<String, Surprise> {
    let altered = || {
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let mut claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        *claims.get_mut("repository_id")? = repository_id.into();
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        Some(format!("{header}.{payload}.{signature}"))
    };
    altered().ok_or_else(|| Surprise("the token to forge is no token".to_owned()))
}

/// Pushes the package, as `multipart/form-data` like Octopus's own clients.
pub(crate) fn push_package(version: &str) -> Ask {
    const EDGE: &str = "octobroker-demo-edge";

    let mut body = format!(
        "--{EDGE}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"web.{version}.zip\"\
         \r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend((0..PACKAGE_BYTES).map(|index| (index % 251).to_le_bytes()[0]));
    body.extend(format!("\r\n--{EDGE}--\r\n").bytes());
    Ask {
        method: "POST",
        path: "/api/Spaces-1/packages/raw",
        content_type: "multipart/form-data; boundary=octobroker-demo-edge",
        body: Bytes::from(body),
    }
}

/// Creates the release.
pub(crate) fn create_release(version: &str) -> Ask {
    let body = json!({
        "spaceIdOrName": "Spaces-1",
        "projectName": "Web",
        "packageVersion": version,
        "releaseVersion": version,
    });
    Ask::json("/api/Spaces-1/releases/create/v1", &body)
}

/// Deploys it to Production.
pub(crate) fn deploy(version: &str) -> Ask {
    let body = json!({
        "spaceIdOrName": "Spaces-1",
        "projectName": "Web",
        "releaseVersion": version,
        "environmentNames": ["Production"],
    });
    Ask::json("/api/Spaces-1/deployments/create/untenanted/v1", &body)
}
