//! Platforms that are asked for a token over HTTP.

use super::platform::{Asked, Platform};
use super::*;

/// A job on GitHub Actions whose requests go to `platform`.
fn github(platform: &Platform) -> Surroundings {
    let url = platform.url("/token?api-version=2.0");
    Surroundings::with(&[
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY-request"),
    ])
}

fn value(token: &str) -> String {
    json!({ "count": 9, "value": token }).to_string()
}

/// An answer whose token is the member `name`.
fn member(name: &str) -> String {
    json!({ name: token_for(AUDIENCE, NOW, 300), "other": [1, null] }).to_string()
}

/// Asks once as `name`, with `{url}` in a variable standing for the platform's address.
async fn ask(name: &str, variables: &[(&str, &str)], answer: String) -> Asked {
    let platform = Platform::answering(move |_| (200, answer.clone())).await;
    let variables: Vec<(&str, String)> = variables
        .iter()
        .map(|(name, value)| (*name, value.replace("{url}", &platform.url(""))))
        .collect();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let identity = Surroundings::with(&variables).named(name).unwrap();

    let token = identity.id_token().await.unwrap();

    assert_eq!(token.subject(), "repo:acme/shop");
    assert_eq!(token.issuer(), "https://ci.example");
    assert_eq!(token.audiences(), [AUDIENCE]);
    assert_eq!(token.id_token().expose(), token_for(AUDIENCE, NOW, 300));
    assert!(!format!("{token:?}").contains("CANARY"));
    let asked = platform.asked();
    assert_eq!(asked.len(), 1);
    asked[0].clone()
}

#[tokio::test]
async fn each_platform_is_asked_as_it_wants() {
    let asked = ask(
        "github-actions",
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "{url}/idtoken/1?api-version=2.0"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CANARY"),
        ],
        member("value"),
    )
    .await;
    assert_eq!(asked.line, format!("GET /idtoken/1?api-version=2.0&audience={AUDIENCE}"));
    assert_eq!(asked.header("authorization"), "Bearer CANARY");
    assert!(asked.header("user-agent").starts_with("octobroker/"));

    let asked = ask(
        "azure-devops",
        &[
            ("SYSTEM_OIDCREQUESTURI", "{url}/oidctoken"),
            ("SYSTEM_ACCESSTOKEN", "CANARY"),
            ("OCTOBROKER_SERVICE_CONNECTION_ID", "c0ffee"),
        ],
        member("oidcToken"),
    )
    .await;
    assert_eq!(asked.line, "POST /oidctoken?api-version=7.1&serviceConnectionId=c0ffee");
    assert_eq!((asked.header("content-length"), asked.body.as_str()), ("0", ""));

    let asked = ask(
        "azure-devops",
        &[
            ("SYSTEM_COLLECTIONURI", "{url}/acme/"),
            ("SYSTEM_TEAMPROJECTID", "p"),
            ("SYSTEM_HOSTTYPE", "build"),
            ("SYSTEM_PLANID", "n"),
            ("SYSTEM_JOBID", "j"),
            ("SYSTEM_ACCESSTOKEN", "CANARY"),
        ],
        member("oidcToken"),
    )
    .await;
    let path = "/acme/p/_apis/distributedtask/hubs/build/plans/n/jobs/j/oidctoken";
    assert_eq!(asked.line, format!("POST {path}?api-version=7.1"));

    let asked = ask(
        "buildkite",
        &[
            ("BUILDKITE_AGENT_ENDPOINT", "{url}/v3"),
            ("BUILDKITE_JOB_ID", "0192"),
            ("BUILDKITE_AGENT_ACCESS_TOKEN", "CANARY"),
        ],
        member("token"),
    )
    .await;
    assert_eq!(asked.line, "POST /v3/jobs/0192/oidc/tokens");
    assert_eq!(asked.header("authorization"), "Token CANARY");
    assert_eq!(asked.header("content-type"), "application/json");
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["audience"], AUDIENCE);
    assert_eq!(body["claims"], json!(["organization_id", "pipeline_id"]));

    let variables = [("CF_OIDC_REQUEST_URL", "{url}/oidc"), ("CF_OIDC_REQUEST_TOKEN", "CANARY")];
    let asked = ask("codefresh", &variables, member("id_token")).await;
    assert_eq!(asked.line, format!("GET /oidc?audience={AUDIENCE}"));
    assert_eq!(asked.header("authorization"), "CANARY");
}

#[tokio::test]
async fn the_clouds_are_asked_when_named() {
    let token = token_for(AUDIENCE, NOW, 300);

    // The variable holds a host only, and the answer is the token itself.
    let platform = Platform::answering({
        let token = format!("{token}\n");
        move |_| (200, token.clone())
    })
    .await;
    let host = platform.address.to_string();
    let identity = Surroundings::with(&[("GCE_METADATA_HOST", &host)]).named("google").unwrap();
    identity.id_token().await.unwrap();
    let asked = platform.asked().remove(0);
    assert_eq!(
        asked.line,
        format!(
            "GET /computeMetadata/v1/instance/service-accounts/default/identity\
             ?audience={AUDIENCE}&format=full"
        )
    );
    assert_eq!(asked.header("metadata-flavor"), "Google");

    let answer = json!({ "access_token": token, "expires_on": "1795000300" }).to_string();
    let asked = ask(
        "azure",
        &[("IDENTITY_ENDPOINT", "{url}/msi/token"), ("IDENTITY_HEADER", "CANARY")],
        answer.clone(),
    )
    .await;
    let line = format!("GET /msi/token?api-version=2019-08-01&resource={AUDIENCE}");
    assert_eq!(asked.line, line);
    assert_eq!(asked.header("x-identity-header"), "CANARY");

    let asked = ask(
        "azure",
        &[
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "{url}"),
            ("AZURE_CLIENT_ID", "me"),
            ("OCTOBROKER_AZURE_RESOURCE", "api://octopus"),
        ],
        answer,
    )
    .await;
    assert_eq!(
        asked.line,
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01\
         &resource=api%3A%2F%2Foctopus&client_id=me"
    );
    assert_eq!(asked.header("metadata"), "true");
}

#[tokio::test]
async fn a_platform_that_is_sick_or_busy_is_asked_again() {
    let platform = Platform::answering(|number| match number {
        0 => (503, String::new()),
        1 => (429, String::new()),
        // Azure DevOps does this.
        2 => (200, json!({ "value": null }).to_string()),
        _ => (200, value(&token_for(AUDIENCE, NOW, 300))),
    })
    .await;

    let token = github(&platform).named("github-actions").unwrap().id_token().await;

    assert!(token.is_ok(), "{token:?}");
    assert_eq!(platform.asked().len(), 4);
}

#[tokio::test]
async fn after_the_last_try_the_platform_is_left_alone_for_a_while() {
    let platform = Platform::answering(|_| (500, "CANARY".to_owned())).await;
    let job = github(&platform);
    let identity = job.named("github-actions").unwrap();

    for _ in 0..3 {
        let error = identity.id_token().await.unwrap_err();
        assert!(sentence(&error).contains("the platform answered 500"), "{error}");
        assert!(!error.is_missing_identity());
    }
    assert_eq!(platform.asked().len(), 4);

    job.advance(1);
    let _ = identity.id_token().await;
    assert_eq!(platform.asked().len(), 8);
}

#[tokio::test]
async fn nobody_there_is_a_matter_of_reach() {
    let platform = Platform::answering(|_| (200, String::new())).await;
    let job = github(&platform);
    let server = platform.address;
    drop(platform);
    until(|| std::net::TcpStream::connect(server).is_err()).await;

    let error = job.named("github-actions").unwrap().id_token().await.unwrap_err();

    assert!(sentence(&error).contains("github-actions: the ID token can't be asked for"));
    assert!(!error.is_missing_identity());
}

#[tokio::test]
async fn what_is_final_is_asked_once_and_said_plainly() {
    let long = "a".repeat(70_000);
    let rows: &[(u16, &str, bool, &str)] = &[
        (403, "CANARY", true, "answered 403 Forbidden; give the workflow or the job `permissions"),
        (401, "", true, "answered 401"),
        (302, "http://127.0.0.1:9/CANARY", false, "the status 302 Found, which is not followed"),
        (200, "<html>CANARY", false, "is not one strict JSON object"),
        (200, "{\"value\":\"a.b.c\",\"value\":\"CANARY\"}", false, "is not one strict JSON object"),
        (200, "{\"value\":\"CANARY\"}", false, "no usable ID token: the token is not a JWS"),
        (200, "{\"value\":\"e30.e30.CANARY\"}", false, "the claim sub is missing"),
        (200, &long, false, "longer than 65536 bytes"),
    ];
    for (status, body, is_missing, part) in rows {
        let answer = (*status, (*body).to_owned());
        let platform = Platform::answering(move |_| answer.clone()).await;

        let error = github(&platform).named("github-actions").unwrap().id_token().await;
        let error = error.unwrap_err();

        let text = sentence(&error);
        assert!(text.contains(part), "{status} {body:.20}: {text}");
        assert_eq!(error.is_missing_identity(), *is_missing, "{text}");
        assert_eq!(platform.asked().len(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_not_used() {
    let answer = json!({ "oidcToken": token_for("api://AzureADTokenExchange", NOW, 600) });
    let platform = Platform::answering(move |_| (200, answer.to_string())).await;
    let url = platform.url("/oidc");
    let job = [("SYSTEM_OIDCREQUESTURI", url.as_str()), ("SYSTEM_ACCESSTOKEN", "CANARY")];

    let error = Surroundings::with(&job).named("azure-devops").unwrap().id_token().await;

    let text = sentence(&error.unwrap_err());
    assert!(text.contains("is for api://AzureADTokenExchange, but 5f2c8c0e-"), "{text}");
    assert!(text.contains("custom audience of the OIDC identity in Octopus"), "{text}");
}
