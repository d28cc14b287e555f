//! What an authenticated account may ask. Unknown paths are echoed, so that tests can use any.

use http::Method;
use serde_json::{Value, json};

use super::credentials::query_pairs;
use super::releases;
use super::routes::{Admitted, Payload};
use super::shared::Shared;
use crate::answer::{self, RawAnswer, Reply};
use crate::body;

impl Shared {
    /// The next answer that a test wrote for this path.
    pub(super) fn scripted(&self, path: &str) -> Option<Reply> {
        let waiting = &mut self.knobs().api_answers;
        let place = waiting.iter().position(|(prefix, _)| path.starts_with(prefix))?;
        waiting.remove(place).map(|(_, answer)| answer.into_reply())
    }

    pub(super) async fn private(&self, mut request: Admitted) -> Reply {
        if request.path == "/mcp" {
            return self.remote_mcp(request).await;
        }
        let kept = self.whole_body(&mut request).await;
        let body: Value = serde_json::from_slice(&kept).unwrap_or_default();
        let path = request.path.clone();
        let segments: Vec<_> = in_space(&path).split('/').skip(1).collect();
        // RFC 9110 9.3.2: HEAD is answered as GET is, without the content.
        let method = match request.head.method.clone() {
            Method::HEAD => Method::GET,
            method => method,
        };
        match (method, segments.as_slice()) {
            (Method::GET, ["users", "me"]) => self.me(&request),
            (Method::GET, ["spaces"]) => collection(&[space()]),
            (Method::GET, ["spaces", "all"]) => answer::json_reply(200, &json!([space()])),
            (Method::GET, []) => answer::json_reply(200, &space()),
            (Method::POST, ["packages", "raw"]) | (Method::PUT, ["nuget", "packages"]) => {
                package_stored(&request)
            }
            (Method::GET, ["packages", _, "raw"]) => download(&request, "application/octet-stream"),
            (Method::POST, ["releases", "create", "v1"]) => releases::release_executed(&body),
            (Method::POST, ["deployments", "create", "untenanted" | "tenanted", "v1"]) => {
                releases::deployment_executed()
            }
            (Method::POST, ["runbook-runs", .., "create", "v1"]) => releases::runbook_executed(),
            (Method::POST, ["releases"]) => releases::release_created(&body),
            (Method::POST, ["deployments"]) => releases::deployment_created(&body),
            (Method::GET, ["projects", id]) => releases::project(id),
            (Method::GET, [kind, id]) if kind.eq_ignore_ascii_case("deploymentprocesses") => {
                releases::deployment_process(id)
            }
            (Method::GET, ["variables", id]) => releases::variable_set(id),
            (Method::GET, ["tasks"]) => collection(&tasks(&request)),
            (Method::GET, ["tasks", id, "details"]) => {
                answer::json_reply(200, &json!({"Task": task(id), "ActivityLogs": []}))
            }
            (Method::GET, ["tasks", _, "raw"]) => download(&request, "text/plain"),
            (Method::GET, ["dashboard"]) => {
                answer::json_reply(200, &json!({"Projects": [], "Environments": [], "Items": []}))
            }
            (Method::GET, ["events"]) => collection(&[]),
            (Method::GET, ["odd-headers"]) => odd_headers(),
            (Method::GET, ["authentication"]) => self.authentication(),
            (_, ["users" | "teams" | "serviceaccounts", ..]) => {
                self.administration(&request, &segments, &body)
            }
            (method, _) => answer::json_reply(
                200,
                &json!({"Path": request.recorded.path(), "Method": method.as_str()}),
            ),
        }
    }

    fn me(&self, request: &Admitted) -> Reply {
        let asking = request.account.as_ref().map(|account| account.user_id.clone());
        match asking.as_deref().and_then(|user| self.user_resource(user)) {
            Some(me) => answer::json_reply(200, &me),
            None => super::routes::unauthorized(),
        }
    }
}

/// The path below `/api` and, if there is one, below the space, in its two spellings.
fn in_space(path: &str) -> &str {
    let below = path.strip_prefix("/api").unwrap_or(path);
    let after_segment = |rest: &'_ str| rest.find('/').map_or(rest.len(), |slash| slash);
    if let Some(rest) = below.strip_prefix("/Spaces-") {
        return rest.get(after_segment(rest)..).unwrap_or_default();
    }
    match below.strip_prefix("/spaces/") {
        Some(rest) if rest != "all" => rest.get(after_segment(rest)..).unwrap_or_default(),
        _ => below,
    }
}

fn space() -> Value {
    json!({"Id": "Spaces-1", "Name": "Default", "Slug": "default", "IsDefault": true})
}

pub(super) fn collection(items: &[Value]) -> Reply {
    let page = json!({
        "ItemType": "Resource",
        "TotalResults": items.len(),
        "ItemsPerPage": 30,
        "NumberOfPages": 1,
        "LastPageNumber": 0,
        "Items": items,
        "Links": {},
    });
    answer::json_reply(200, &page)
}

fn package_stored(request: &Admitted) -> Reply {
    match &request.payload {
        Payload::Read(read) if read.bytes > 0 => {
            let package = json!({
                "Id": "packages-shop.1.0.0",
                "PackageId": "shop",
                "Version": "1.0.0",
                "FileExtension": ".zip",
                // Of the request's whole body, framing of multipart included.
                "PackageSizeBytes": read.bytes,
                "Hash": read.sha256,
            });
            answer::json_reply(201, &package)
        }
        _ => answer::octopus_error(400, "No package was uploaded"),
    }
}

/// `?bytes=N` bytes, or a few.
fn download(request: &Admitted, content_type: &'static str) -> Reply {
    let length = query_pairs(&request.recorded)
        .find(|(name, _)| name == "bytes")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(1_024);
    answer::typed(200, content_type, "").map(|_| body::generated(length))
}

fn tasks(request: &Admitted) -> Vec<Value> {
    query_pairs(&request.recorded)
        .filter(|(name, _)| name == "ids")
        .flat_map(|(_, ids)| ids.split(',').map(task).collect::<Vec<_>>())
        .collect()
}

fn task(id: &str) -> Value {
    json!({"Id": id, "State": "Success", "IsCompleted": true, "FinishedSuccessfully": true})
}

/// A member by its name in any case, as Octopus reads JSON.
pub(super) fn any_case<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .as_object()?
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Headers that a proxy has to keep from its caller, around one that it has to pass on.
fn odd_headers() -> Reply {
    RawAnswer::json(200, &json!({"Odd": true}))
        .header("Set-Cookie", "OctopusIdentificationToken_x=secret; Path=/")
        .header("Connection", "keep-alive, X-Named-By-Connection")
        .header("X-Named-By-Connection", "hop")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Authenticate", "Basic")
        .header("Proxy-Connection", "keep-alive")
        .header("Trailer", "X-Sum")
        .header("Upgrade", "h2c")
        .header("Octobroker-Error", "forged_by_upstream")
        .header("X-Octopus-Node", "end-to-end")
        .into_reply()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_of_a_space_meet() {
        for path in ["/api/tasks", "/api/Spaces-12/tasks", "/api/spaces/any-slug/tasks"] {
            assert_eq!(in_space(path), "/tasks", "{path}");
        }
        assert_eq!(in_space("/api/spaces/all"), "/spaces/all");
        assert_eq!(in_space("/api/spaces"), "/spaces");
        assert_eq!(in_space("/api/Spaces-1"), "");
    }

    #[test]
    fn json_names_match_in_any_case() {
        assert_eq!(any_case(&json!({"ReleaseVersion": "1"}), "releaseVersion"), Some(&json!("1")));
    }
}
