//! Rules for some spaces, projects and environments, over real HTTP.

use serde_json::json;

use crate::capabilities::rule;
use crate::world::World;

/// As in a deployment pipeline.
const SHOP: &str = "allow: [push-packages, create-releases, deploy], spaces: [Spaces-1, Default], \
                    projects: [Shop, Projects-1], environments: [Test, Production]";

const RELEASES: &str = "/api/Spaces-1/releases/create/v1";
const DEPLOYMENTS: &str = "/api/Spaces-1/deployments/create/untenanted/v1";

#[tokio::test]
async fn a_pipeline_narrowed_to_its_project_does_its_work() {
    let world = World::allowing(SHOP).await;
    let job = world.job();
    let get = async |target: &str| world.get(target).bearer(&job).ok().await;
    let post = async |target: &str, body: &str| {
        let call = world.call("POST", target).bearer(&job);
        call.header("content-type", "application/json").body(body.to_owned()).ok().await
    };

    get("/api").await;
    get("/api/spaces?partialName=Default&skip=0&take=2147483647").await;
    get("/api/Spaces-1").await;
    get("/api/users/me").await;
    post("/api/Spaces-1/packages/raw?overwriteMode=FailIfExists", "a package").await;
    post(RELEASES, r#"{"spaceIdOrName":"Default","ProjectName":"Shop","ReleaseVersion":"1"}"#)
        .await;
    get("/api/Spaces-1/releases/Releases-1").await;
    let deployment = r#"{"spaceName":"Default","projectName":"shop","releaseVersion":"1",
        "environmentNames":["Test","production"]}"#;
    post(DEPLOYMENTS, deployment).await;
    get("/api/Spaces-1/tasks?skip=0&take=300&ids=ServerTasks-1").await;
    get("/api/Spaces-1/tasks/ServerTasks-1/raw").await;

    assert_eq!(world.came().len(), 10);
    world.close().await;
}

#[tokio::test]
async fn what_is_outside_or_not_to_be_seen_is_refused_before_any_exchange() {
    let world = World::allowing(SHOP).await;
    let job = world.job();
    let post = |target: &str, body: &str| {
        let call = world.call("POST", target).bearer(&job);
        call.header("content-type", "application/json").body(body.to_owned())
    };

    let bodies = [
        (RELEASES, r#"{"projectName":"Other"}"#),
        (RELEASES, r#"{"projectName":"Shop","spaceIdOrName":"Spaces-2"}"#),
        (RELEASES, "{}"),
        (DEPLOYMENTS, r#"{"projectName":"Shop","environmentNames":["Staging"]}"#),
        (DEPLOYMENTS, r#"{"projectName":"Shop"}"#),
        ("/api/Spaces-1/deployments", r#"{"ReleaseId":"R-1","EnvironmentId":"Test"}"#),
        ("/api/Spaces-2/releases/create/v1", r#"{"projectName":"Shop"}"#),
        ("/api/releases/create/v1", r#"{"projectName":"Shop"}"#),
    ];
    for (target, body) in bodies {
        post(target, body).refused(403, "request_not_allowed").await;
    }
    for target in [
        "/api/Spaces-2/projects",
        "/api/Spaces-1/projects/Other",
        "/api/Spaces-1/tasks",
        "/api/tasks?ids=ServerTasks-1",
        "/api/Spaces-1/environments/Staging",
    ] {
        world.get(target).bearer(&job).refused(403, "request_not_allowed").await;
    }

    let line = &world.audited_lines(13).await[0];
    let detail = "the project \"Other\" is not among the rule's projects: Shop, Projects-1";
    assert_eq!(line["detail"], detail);
    assert_eq!((world.octopus.requests().len(), world.octopus.exchanges()), (0, 0));
    world.close().await;
}

#[tokio::test]
async fn the_caller_does_not_learn_what_the_rule_lists() {
    let world = World::allowing(SHOP).await;

    let call = world.call("POST", RELEASES).bearer(&world.job());
    let reply = call.json(&json!({"projectName": "Other"})).refused(403, "request_not_allowed");
    let reply = reply.await;

    let sentence = "This request is for a project that is not open to you through the broker.";
    assert_eq!(reply.json()["detail"], sentence);
    assert!(!reply.text().contains("Shop") && !reply.text().contains("Projects-1"));
    world.close().await;
}

#[tokio::test]
async fn what_was_judged_is_forwarded_byte_for_byte() {
    let world = World::allowing("projects: [Größe]").await;
    let job = world.job();
    let body =
        " {\"projectName\" :\t\"Gr\\u00f6\u{df}e\" ,\r\n\"releaseNotes\":\"\\u0041 1.50 1e3\"} \n";

    let call = world.call("POST", RELEASES).bearer(&job);
    let call = call.header("content-type", "application/json; charset=utf-8");
    call.header("content-encoding", "identity").body(body.to_owned()).ok().await;

    let mut wire = world.wire().await;
    let (first, rest) = body.split_at(10);
    wire.write(format!(
        "POST {RELEASES} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {job}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        world.address(),
        first.len(),
        rest.len()
    ))
    .await;
    assert_eq!(wire.answer().await.status, 200);

    let requests = world.octopus.api_requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body_bytes == body.len() as u64));
    assert_eq!(requests[0].body_sha256, requests[1].body_sha256);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    assert_eq!(requests[0].body_sha256, octobroker::hex::hex(hash.as_ref()));
    world.close().await;
}

#[tokio::test]
async fn a_judged_body_is_sent_once_more_after_a_401() {
    let world = World::allowing("projects: [Shop]").await;
    let job = world.job();
    world.get("/api/users/me").bearer(&job).ok().await;
    world.octopus.revoke_access_tokens();

    let call = world.call("POST", RELEASES).bearer(&job);
    call.json(&json!({"projectName": "Shop"})).ok().await;

    let sent: Vec<u64> =
        world.octopus.api_requests().iter().skip(1).map(|request| request.body_bytes).collect();
    assert_eq!(sent, [22, 22]);
    world.close().await;
}

/// Headers and body; a phrase of the refusal.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a [u8], &'a str);

#[tokio::test]
async fn a_body_that_can_not_be_judged_is_refused() {
    let world = World::allowing("projects: [Shop]").await;
    let job = world.job();
    let good = r#"{"projectName":"Shop"}"#;
    let json = ("content-type", "application/json");
    let rows: &[Row<'_>] = &[
        (&[], good.as_bytes(), "application/json in UTF-8"),
        (&[("content-type", "text/plain")], good.as_bytes(), "application/json in UTF-8"),
        (&[("content-type", "application/json; charset=utf-16")], good.as_bytes(), "in UTF-8"),
        (&[json, json], good.as_bytes(), "application/json in UTF-8"),
        (&[json, ("content-encoding", "gzip")], good.as_bytes(), "without a content coding"),
        (&[json], b"", "not one strict JSON object"),
        (&[json], b"[]", "not one strict JSON object"),
        (&[json], b"{\"projectName\":\"Shop\"}{}", "not one strict JSON object"),
        (&[json], b"\xef\xbb\xbf{\"projectName\":\"Shop\"}", "not one strict JSON object"),
        (&[json], b"{\"projectName\":\"Shop\",\"x\":\"\xff\"}", "not one strict JSON object"),
        (&[json], br#"{"projectName":"Shop","projectName":"Other"}"#, "not one strict"),
        (&[json], br#"{"projectName":"Shop","ProjectName":"Other"}"#, "stands twice"),
        (&[json], br#"{"projectName":["Shop",{}]}"#, "neither a text nor a list"),
    ];
    for (headers, body, phrase) in rows {
        let mut call = world.call("POST", RELEASES).bearer(&job).body(body.to_vec());
        for (name, value) in *headers {
            call = call.header(name, value);
        }
        let reply = call.refused(403, "request_not_allowed").await;
        assert!(reply.text().contains(phrase), "{phrase}: {}", reply.text());
    }

    assert_eq!(world.octopus.requests().len(), 0);
    world.close().await;
}

#[tokio::test]
async fn a_judged_body_has_64_kib_at_most() {
    let world = World::allowing("projects: [Shop]").await;
    let job = world.job();
    let body = |bytes: usize| {
        let frame = r#"{"projectName":"Shop","releaseNotes":""}"#;
        let notes = "x".repeat(bytes - frame.len());
        frame.replace("\"\"}", &format!("\"{notes}\"}}"))
    };
    let post = |body: String| {
        let call = world.call("POST", RELEASES).bearer(&job);
        call.header("content-type", "application/json").body(body)
    };

    post(body(64 << 10)).ok().await;
    post(body((64 << 10) + 1)).refused(413, "body_too_large").await;
    let mut wire = world.wire().await;
    wire.write(format!(
        "POST {RELEASES} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {job}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        world.address()
    ))
    .await;
    let chunk = body((64 << 10) + 1);
    let _ = wire.try_write(format!("{:x}\r\n{chunk}\r\n0\r\n\r\n", chunk.len())).await;
    assert_eq!(wire.head().await.0, 413);

    assert_eq!(world.octopus.api_requests().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_body_is_read_only_where_it_decides() {
    let world = World::allowing("spaces: [Spaces-1], projects: [Shop]").await;
    let job = world.job();

    let push = world.call("POST", "/api/Spaces-1/packages/raw").bearer(&job);
    push.body(vec![0; 1 << 20]).ok().await;
    let other = World::allowing("allow: [create-releases]").await;
    let release = other.call("POST", RELEASES).bearer(&other.job());
    release.body("no JSON at all").ok().await;

    world.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_narrowed_rule_holds_below_a_virtual_directory_and_for_stand_ins() {
    let world = World::start_beside(
        |octopus| octopus.virtual_directory("/octopus"),
        |_, settings| settings.rules = rule("spaces: [Spaces-1], allow: [everything]"),
    )
    .await;
    let answer = world.call("POST", "/octopus/token/v1").json(&world.login_fields(&world.job()));
    let answer = answer.ok().await.json();
    let key = world.keep_secret(answer["access_token"].as_str().unwrap().to_owned());
    let get = |target: &str| world.get(target).header("x-octopus-apikey", &key);

    get("/octopus/api/Spaces-1/projects").ok().await;
    get("/octopus/api/spaces").ok().await;
    get("/octopus/api/Spaces-2/projects").refused(403, "request_not_allowed").await;
    get("/octopus/api/projects?spaces=Spaces-1").refused(403, "request_not_allowed").await;
    get("/api/Spaces-1/projects").refused(403, "request_not_allowed").await;

    world.close().await;
}
