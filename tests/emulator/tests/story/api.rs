//! What an authenticated caller gets, and what is recorded of it.

use emulator::{Octopus, RawAnswer};
use serde_json::json;

use crate::World;
use crate::wire::Wire;

#[tokio::test]
async fn anonymous_paths_are_open_and_the_rest_is_not() {
    let world = World::start().await;
    for (request, status) in [
        ("GET /api", 200),
        ("GET /api/", 200),
        ("GET /api/octopusservernodes/ping", 200),
        ("GET /api/serverstatus/health", 200),
        ("GET /.well-known/jwks", 200),
        ("HEAD /", 200),
        ("GET /", 302),
        ("GET /nowhere", 404),
        ("GET /api/users/me", 401),
        ("GET /api/anything", 401),
        ("POST /api", 401),
        ("POST /mcp", 401),
    ] {
        // A HEAD answer announces a body that does not come.
        let answer = match request.strip_prefix("HEAD") {
            Some(rest) => world.send(&format!("HEAD{rest} HTTP/1.1"), b"").await,
            None => world.send(&format!("{request} HTTP/1.1"), b"").await,
        };
        assert_eq!(answer.status, status, "{request}");
        if status == 401 {
            let message = answer.json()["ErrorMessage"].as_str().unwrap().to_owned();
            assert!(message.starts_with("You must be logged in"), "{message}");
        }
    }
}

#[tokio::test]
async fn tokens_and_api_keys_authenticate_by_every_carrier() {
    let world = World::start().await;
    let token = world.access_token().await;
    let key = world.octopus.add_api_key(&world.account);
    for head in [
        format!("GET /api/users/me HTTP/1.1\r\nAuthorization: Bearer {token}"),
        format!("GET /api/users/me HTTP/1.1\r\nX-Octopus-ApiKey: {key}"),
        format!("GET /api/users/me HTTP/1.1\r\nX-NuGet-ApiKey: {key}"),
        format!("GET /api/users/me?ApiKey={key} HTTP/1.1"),
    ] {
        let answer = world.send(&head, b"").await;
        assert_eq!(answer.json()["Username"], "deployer", "{head}");
    }
    let last = world.octopus.requests().pop().unwrap();
    assert_eq!(last.credential.as_deref(), Some("deployer"));

    world.octopus.revoke_api_key(&key);
    let head = format!("GET /api/users/me HTTP/1.1\r\nX-Octopus-ApiKey: {key}");
    assert_eq!(world.send(&head, b"").await.status, 401);
}

#[tokio::test]
async fn the_flows_of_a_deployment_work() {
    let world = World::start().await;
    let token = world.access_token().await;

    let spaces = world.get("/api/spaces?take=30", &token).await.json();
    assert_eq!(spaces["Items"][0]["Id"], "Spaces-1");
    assert_eq!(world.get("/api/spaces/all", &token).await.json()[0]["Id"], "Spaces-1");
    assert_eq!(world.get("/api/Spaces-1", &token).await.json()["Id"], "Spaces-1");
    let tasks = world.get("/api/Spaces-1/tasks?ids=ServerTasks-1,ServerTasks-2", &token).await;
    assert_eq!(tasks.json()["Items"].as_array().unwrap().len(), 2);
    let raw = world.get("/api/spaces/default/tasks/ServerTasks-1/raw", &token).await;
    assert_eq!(raw.header("content-type"), Some("text/plain"));

    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}");
    let release = post("/api/Spaces-1/releases/create/v1");
    let release = world.send(&release, br#"{"ReleaseVersion":"1.2.3"}"#).await.json();
    assert_eq!(release, json!({"ReleaseId": "Releases-1", "ReleaseVersion": "1.2.3"}));
    let deploy = post("/api/Spaces-1/deployments/create/untenanted/v1");
    let deploy = world.send(&deploy, b"{}").await.json();
    assert_eq!(deploy["DeploymentServerTasks"][0]["ServerTaskId"], "ServerTasks-1");
    let empty = world.send(&post("/api/Spaces-1/packages/raw"), b"").await;
    assert_eq!(empty.status, 400);
}

#[tokio::test]
async fn the_plain_resources_of_older_clients_work() {
    let world = World::start().await;
    let token = world.access_token().await;

    let project = world.get("/api/Spaces-1/projects/shop", &token).await.json();
    assert_eq!((&project["Id"], &project["Slug"]), (&json!("Projects-1"), &json!("shop")));
    let process = format!("/api/deploymentProcesses/{}", project["DeploymentProcessId"]);
    let process = world.get(&process.replace('"', ""), &token).await.json();
    assert_eq!(process["Steps"][0]["Actions"][0]["Name"], "Deploy");
    let variables = format!("/api/variables/{}", project["VariableSetId"]);
    let variables = world.get(&variables.replace('"', ""), &token).await.json();
    let environment = &variables["ScopeValues"]["Environments"][0];
    assert_eq!(environment["Name"], "Test");

    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}");
    let release = json!({"projectId": project["Id"], "version": "1.2.3"}).to_string();
    let release = world.send(&post("/api/releases"), release.as_bytes()).await;
    assert_eq!((release.status, &release.json()["Id"]), (201, &json!("Releases-1")));
    let deployment = json!({"releaseId": "Releases-1", "environmentId": environment["Id"]});
    let deployment = deployment.to_string();
    let deployment = world.send(&post("/api/deployments"), deployment.as_bytes()).await;
    assert_eq!((deployment.status, &deployment.json()["TaskId"]), (201, &json!("ServerTasks-1")));
    for path in ["/api/releases", "/api/deployments"] {
        assert_eq!(world.send(&post(path), b"{}").await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn nuget_pushes_where_the_documentation_says() {
    let world = World::start().await;
    let key = world.octopus.add_api_key(&world.account);
    let head = format!("PUT /api/Spaces-1/nuget/packages HTTP/1.1\r\nX-NuGet-ApiKey: {key}");

    assert_eq!(world.send(&head, b"a package").await.status, 201);
    assert_eq!(world.send(&head, b"").await.status, 400);
}

#[tokio::test]
async fn any_other_path_is_echoed_byte_for_byte() {
    let world = World::start().await;
    let token = world.access_token().await;
    for target in [
        "/api/Spaces-1/projects/Projects-1/refs%2ftags%2Fv3/deploymentprocesses",
        "/api//double//slash/",
        "/api/x/../y/./z",
        "/api/fire%20project?q=a+b%2B&&c=%zz",
        "/api/semi;colon=1/(paren)'quote",
        "/api/?",
    ] {
        world.get(target, &token).await;

        let recorded = world.octopus.requests().pop().unwrap();
        assert_eq!(recorded.target, target);
    }
    let echo = world.get("/api/a%2fb?c=d", &token).await.json();
    assert_eq!(echo, json!({"Path": "/api/a%2fb", "Method": "GET"}));
}

#[tokio::test]
async fn headers_body_and_connection_are_recorded() {
    let world = World::start().await;
    let token = world.access_token().await;
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let head = format!(
        "POST /api/x HTTP/1.1\r\nHOST: {address}\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\n\
         Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );

    for _ in 0..2 {
        wire.write(head.as_bytes()).await;
        wire.write(b"3\r\nabc\r\n0\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
    }

    let requests = world.octopus.api_requests();
    let [first, second] = requests.as_slice() else {
        panic!("two requests came");
    };
    assert_eq!(first.connection, second.connection);
    assert_eq!(first.headers, second.headers);
    assert_eq!(first.header_values("x-b"), ["1", "3"]);
    assert_eq!(first.headers[0].0, "host");
    assert_eq!((first.body_bytes, first.status), (3, 200));
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(second.body_sha256, abc);

    world.octopus.forget_requests();
    assert!(world.octopus.requests().is_empty());
}

#[tokio::test]
async fn scripted_answers_are_given_once_and_to_accounts_only() {
    let world = World::start().await;
    let token = world.access_token().await;
    let answer = RawAnswer::json(403, &json!({"ErrorMessage": "no"})).header("X-Extra", "1");
    world.octopus.answer_once("/api/projects", answer);

    assert_eq!(world.get("/api/projects", "unknown").await.status, 401);
    assert_eq!(world.get("/api/other", &token).await.status, 200);
    let scripted = world.get("/api/projects/1", &token).await;
    assert_eq!((scripted.status, scripted.header("x-extra")), (403, Some("1")));
    assert_eq!(world.get("/api/projects/1", &token).await.status, 200);
}

#[tokio::test]
async fn odd_headers_reach_the_wire() {
    let world = World::start().await;
    let token = world.access_token().await;

    let answer = world.get("/api/odd-headers", &token).await;

    for name in [
        "set-cookie",
        "x-named-by-connection",
        "keep-alive",
        "proxy-authenticate",
        "trailer",
        "upgrade",
        "octobroker-error",
        "x-octopus-node",
    ] {
        assert!(answer.header(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn redirects_are_absolute_relative_or_as_asked() {
    let world = World::start().await;
    for (path, location) in [
        ("/app-redirect", format!("{}/app", world.octopus.url())),
        ("/relative-redirect", "/app".to_owned()),
        (
            "/redirect?to=https%3A%2F%2Felsewhere.test%2F&status=307",
            "https://elsewhere.test/".to_owned(),
        ),
    ] {
        let answer = world.send(&format!("GET {path} HTTP/1.1"), b"").await;
        assert_eq!(answer.header("location"), Some(location.as_str()), "{path}");
    }
}

#[tokio::test]
async fn mcp_streams_event_by_event() {
    let world = World::start().await;
    let token = world.access_token().await;
    let gate = world.octopus.hold_events();
    let address = world.octopus.address();
    let mut wire = Wire::open(address).await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    wire.write(head.as_bytes()).await;

    let head = wire.until("\r\n\r\n").await;
    assert!(head.contains("text/event-stream"), "{head}");
    for number in 1..=3 {
        gate.wait_for(1).await;
        gate.let_through(1);
        let event = wire.until("\n\n\r\n").await;
        assert!(event.contains(&format!("id: {number}\n")), "{event}");
    }
    wire.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_virtual_directory_is_a_prefix_of_everything() {
    let world = World::start().await;
    let octopus = Octopus::builder(world.clock.clone()).virtual_directory("/octopus").start().await;
    let address = octopus.address();
    assert_eq!(octopus.url(), format!("http://{address}/octopus"));
    for (path, status) in [
        ("/octopus/api", 200),
        ("/octopus", 302),
        ("/octopus/.well-known/openid-configuration", 200),
        ("/api", 404),
        ("/octopusx/api", 404),
    ] {
        let mut wire = Wire::open(address).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        wire.write(request.as_bytes()).await;
        let answer = wire.answer().await;

        assert_eq!(answer.status, status, "{path}");
        if path.ends_with("configuration") {
            let endpoint = format!("{}/token/v1", octopus.url());
            assert_eq!(answer.json()["token_endpoint"], endpoint);
        }
    }
}

#[tokio::test]
async fn identities_and_keys_are_managed_over_http() {
    let world = World::start().await;
    let token = world.access_token().await;
    let base = format!("/api/serviceaccounts/{}/oidcidentities", world.account.user_id);
    let call = |method: &str, path: String| {
        format!("{method} {path} HTTP/1.1\r\nAuthorization: Bearer {token}")
    };

    let user = &world.account.user_id;
    let issuer = world.issuer.url();
    let body = json!({
        "ServiceAccountId": user, "Name": "n", "Issuer": issuer, "Subject": "new"
    });
    let body = body.to_string();
    let made = world.send(&call("POST", format!("{base}/create/v1")), body.as_bytes()).await;
    let id = made.json()["Id"].as_str().unwrap().to_owned();
    let list = world.get(&format!("{base}/v1"), &token).await.json();
    assert_eq!((&list["ExternalId"], &list["Count"]), (&json!(world.account.id), &json!(2)));
    let found = world.get(&format!("{base}/{id}/v1"), &token).await.json();
    assert_eq!((&found["Subject"], found.get("Audience")), (&json!("new"), None));
    world.send(&call("DELETE", format!("{base}/{id}/v1")), b"").await;
    assert_eq!(world.get(&format!("{base}/{id}/v1"), &token).await.status, 404);

    let keys = format!("/api/users/{}/apikeys", world.account.user_id);
    let body = json!({"UserId": user, "Purpose": "test"}).to_string();
    let key = world.send(&call("POST", keys), body.as_bytes()).await.json();
    let head = format!(
        "GET /api/users/me HTTP/1.1\r\nX-Octopus-ApiKey: {}",
        key["ApiKey"].as_str().unwrap()
    );
    assert_eq!(world.send(&head, b"").await.status, 200);
}
