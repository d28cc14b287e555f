//! What a rule allows, over real HTTP.

use serde_json::json;

use crate::world::{Call, SUBJECT, Settings, TemporaryFile, World};

/// The default rule with further keys.
pub(crate) fn rule(keys: &str) -> String {
    format!(
        "{{ name: web, issuer: ci, service_account: release-bot, claims: {{ sub: '{SUBJECT}' }}, \
         {keys} }}"
    )
}

impl World {
    /// A world whose one rule has these keys.
    pub(crate) async fn allowing(keys: &str) -> Self {
        Self::start_with(|settings| settings.rules = rule(keys)).await
    }

    /// `POST /api/Spaces-1/x`, by the job; writes have a JSON body.
    pub(crate) fn ask(&self, job: &str, call: &str) -> Call<'_> {
        let (method, target) = call.split_once(' ').unwrap();
        let call = self.call(method, target).bearer(job);
        if method == "GET" { call } else { call.json(&json!({})) }
    }

    /// Method and target of what came to Octopus.
    pub(crate) fn came(&self) -> Vec<String> {
        let requests = self.octopus.api_requests();
        requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }
}

/// A capability, and what its clients ask: the command line, the actions, .NET, scripts.
const STORIES: &[(&str, &[&str])] = &[
    (
        "push-packages",
        &[
            "GET /api/",
            "GET /api/spaces",
            "GET /api/Spaces-1",
            "GET /api/users/me",
            "GET /api/Spaces-1/packages/shop/1.0.1/delta-signature",
            "POST /api/Spaces-1/packages/shop/1.0.0/delta?overwriteMode=FailIfExists",
            "POST /api/Spaces-1/packages/raw?overwriteMode=FailIfExists",
            "PUT /api/Spaces-1/nuget/packages",
        ],
    ),
    (
        "push-build-information",
        &[
            "GET /api",
            "GET /api/spaces?partialName=Default&skip=0&take=2147483647",
            "POST /api/Spaces-1/build-information?overwriteMode=OverwriteExisting",
            "GET /api/Spaces-1/build-information/BuildInformation-1",
        ],
    ),
    (
        "create-releases",
        &[
            "GET /api/",
            "GET /api/spaces",
            "GET /api/Spaces-1",
            "GET /api/Spaces-1/projects/Fire%20Project",
            "GET /api/Spaces-1/deploymentprocesses/deploymentprocess-Projects-1/template",
            "GET /api/Spaces-1/feeds/feeds-builtin/packages/versions?packageId=shop&take=1",
            "POST /api/Spaces-1/releases/create/v1",
            "GET /api/Spaces-1/releases/Releases-1",
            "GET /api/Spaces-1/channels/Channels-1",
        ],
    ),
    (
        "deploy",
        &[
            "GET /api/",
            "GET /api/Spaces-1",
            "GET /api/Spaces-1/projects/shop",
            "GET /api/Spaces-1/environments?name=Test",
            "POST /api/Spaces-1/deployments/create/untenanted/v1",
            "POST /api/Spaces-1/deployments/create/tenanted/v1",
            "GET /api/Spaces-1/tasks?skip=0&take=300&ids=ServerTasks-1",
            "GET /api/tasks/ServerTasks-1/details?verbose=true&tail=100",
            "GET /api/Spaces-1/tasks/ServerTasks-1/raw",
        ],
    ),
    (
        "run-runbooks",
        &[
            "GET /api/",
            "GET /api/Spaces-1",
            "GET /api/Spaces-1/projects/Projects-1/runbooks?partialName=backup",
            "POST /api/Spaces-1/runbook-runs/create/v1",
            "POST /api/Spaces-1/runbook-runs/git/create/v1",
            "POST /api/Spaces-1/runbookRuns",
            "GET /api/Spaces-1/tasks?ids=ServerTasks-1",
        ],
    ),
    (
        "manage-targets",
        &[
            "GET /api",
            "GET /api/Spaces-1/environments/all",
            "GET /api/Spaces-1/machinepolicies/all",
            "GET /api/Spaces-1/machines/discover?host=10.0.0.1&port=10933&type=TentaclePassive",
            "POST /api/Spaces-1/machines",
            "PUT /api/Spaces-1/machines/Machines-1",
            "DELETE /api/Spaces-1/machines/Machines-1",
        ],
    ),
    (
        "cancel-tasks",
        &[
            "GET /api/",
            "GET /api/Spaces-1/tasks?ids=ServerTasks-1",
            "POST /api/spaces/Spaces-1/tasks/ServerTasks-1/cancel",
        ],
    ),
    ("mcp", &["POST /mcp"]),
    (
        "administer",
        &["GET /api/users", "POST /api/users/Users-21/apikeys", "PUT /api/teams/Teams-1"],
    ),
];

#[tokio::test]
async fn each_capability_is_enough_for_its_own_clients() {
    for (capability, calls) in STORIES {
        let world = World::allowing(&format!("allow: [{capability}]")).await;
        let job = world.job();

        for call in *calls {
            let reply = world.ask(&job, call).send().await;
            let refused = reply.header("octobroker-error");
            assert_eq!(refused, None, "{capability}: {call}");
        }

        assert_eq!(world.came(), *calls);
        world.close().await;
    }
}

#[tokio::test]
async fn no_capability_is_enough_for_the_clients_of_another() {
    for (capability, _) in STORIES {
        let world = World::allowing(&format!("allow: [{capability}]")).await;
        let job = world.job();
        let of_others = STORIES.iter().filter(|(other, _)| other != capability);

        for (other, calls) in of_others {
            // The last write of each story is its own.
            let own = calls.iter().rfind(|call| !call.starts_with("GET")).unwrap();
            world.ask(&job, own).refused(403, "request_not_allowed").await;
            let line = world.audit().pop().unwrap();
            let detail = format!("the call needs `{other}`, and the rule allows {capability}");
            assert_eq!(line["detail"], detail, "{own}");
        }

        assert_eq!(world.octopus.requests().len(), 0);
        world.close().await;
    }
}

#[tokio::test]
async fn the_caller_learns_what_the_call_needs_and_the_log_what_the_rule_has() {
    let world = World::allowing("allow: [push-packages, create-releases]").await;
    let deploy = "POST /api/spaces/Spaces-1/deployments/create/untenanted/v1";

    let reply = world.ask(&world.job(), deploy).refused(403, "request_not_allowed").await;

    let members = reply.json();
    let sentence = "This request needs the capability `deploy`, which is not granted.";
    assert_eq!(members["detail"], sentence);
    assert!(!reply.text().contains("push-packages") && !reply.text().contains("web"), "{members}");
    let line = world.audited(1).await;
    assert_eq!(line["route"], "/api/{space}/deployments/create/untenanted/v1");
    let detail = "the call needs `deploy`, and the rule allows push-packages, create-releases";
    assert_eq!(line["detail"], detail);
    assert_eq!((line["rule"].as_str(), line["status"].as_u64()), (Some("web"), Some(403)));
    assert_eq!(world.octopus.exchanges(), 0);
    world.close().await;
}

#[tokio::test]
async fn the_method_that_octopus_acts_on_is_what_counts() {
    let world = World::allowing("allow: [push-packages, manage-targets]").await;
    let job = world.job();
    let overridden = |target: &str, method: &str| {
        world.ask(&job, &format!("POST {target}")).header("x-http-method-override", method)
    };

    overridden("/api/Spaces-1/machines/Machines-1", "DELETE").ok().await;
    overridden("/api/Spaces-1/machines/Machines-1", "PUT").ok().await;
    let delete = overridden("/api/Spaces-1/packages/raw", "DELETE");
    delete.refused(403, "request_not_allowed").await;
    let patch = overridden("/api/Spaces-1/machines/Machines-1", "PATCH");
    patch.refused(403, "request_not_allowed").await;
    let post = world.ask(&job, "POST /api/Spaces-1/machines/Machines-1");
    post.refused(403, "request_not_allowed").await;

    world.close().await;
}

#[tokio::test]
async fn no_spelling_of_a_path_is_taken_for_another() {
    let world = World::allowing("allow: [read, push-packages]").await;
    let job = world.job();

    for call in [
        "POST /API/SPACES-1/PACKAGES/RAW",
        "POST /api/spaces/default/%70ackages/r%61w/",
        "GET /api/Spaces-1/%74asks",
    ] {
        // The pretend Octopus is not as lenient as the real one; it is asked.
        let reply = world.ask(&job, call).send().await;
        assert_eq!(reply.header("octobroker-error"), None, "{call}");
    }
    let refused = [
        ("POST /api/Spaces-1/packages/raw;x=1", "unsafe_path", 400),
        ("POST /api/Spaces-1//packages/raw", "unsafe_path", 400),
        ("POST /api/Spaces-1/packages%2fraw", "request_not_allowed", 403),
        ("POST /api/Spaces-1/packages/raw/x", "request_not_allowed", 403),
        ("POST /api/Spaces-1/packages/raw/validate/../../x", "unsafe_path", 400),
        ("GET /api/users/Users-1/%61pikeys", "request_not_allowed", 403),
        ("GET /api/users/Users-1/API%4beys/", "request_not_allowed", 403),
        ("GET /api/spaces/default/users/Users-1/apikeys", "request_not_allowed", 403),
        ("GET /api/Spaces-1/machines/%64iscover", "request_not_allowed", 403),
        ("GET /api/Spaces-1/certificates/Certificates-1/export", "request_not_allowed", 403),
        ("GET /mcp", "request_not_allowed", 403),
        ("GET /api/Spaces-1/novelties", "request_not_allowed", 403),
    ];
    for (call, code, status) in refused {
        world.ask(&job, call).refused(status, code).await;
    }

    assert_eq!(world.came().len(), 3);
    world.close().await;
}

#[tokio::test]
async fn a_call_of_the_operator_s_own_is_open_and_administration_is_not() {
    let keys = "allow: [{ method: POST, path: '/api/*/channels' }, { method: PUT, path: '/**' }]";
    let world = World::allowing(keys).await;
    let job = world.job();

    for call in [
        "POST /api/Spaces-1/channels",
        "POST /api/spaces/web/Channels",
        "POST /api/channels",
        "PUT /api/Spaces-1/projects/Projects-1",
    ] {
        world.ask(&job, call).ok().await;
    }
    for call in ["GET /api/tasks", "POST /api/Spaces-1/projects", "PUT /api/teams/Teams-1"] {
        world.ask(&job, call).refused(403, "request_not_allowed").await;
    }

    let line = world.audited(7).await;
    let detail = "the call needs `administer`, and the rule allows only calls that it lists";
    assert_eq!(line["detail"], detail);
    world.close().await;
}

#[tokio::test]
async fn administration_is_had_by_name_and_logins_never() {
    let world = World::allowing("allow: [everything, administer]").await;
    let job = world.job();

    let key = json!({"Purpose": "a test", "UserId": "Users-21"});
    world.ask(&job, "POST /api/users/Users-21/apikeys").json(&key).ok().await;
    world.ask(&job, "DELETE /api/Spaces-1/projects/Projects-1").ok().await;
    for call in ["POST /api/users/login", "POST /token/v1/", "GET /users/authenticate/x"] {
        world.ask(&job, call).refused(403, "request_not_allowed").await;
    }

    world.close().await;
}

#[tokio::test]
async fn a_stand_in_may_do_what_its_rule_allows() {
    let world = World::allowing("allow: [push-packages]").await;
    let key = world.stand_in().await;

    let push = world.call("POST", "/api/Spaces-1/packages/raw").header("x-octopus-apikey", &key);
    push.body("a package").ok().await;
    let deploy = world.call("POST", "/api/Spaces-1/deployments").header("x-octopus-apikey", &key);
    deploy.refused(403, "request_not_allowed").await;

    world.close().await;
}

#[tokio::test]
async fn an_access_token_is_not_given_to_whom_less_is_allowed() {
    for keys in ["allow: [deploy]", "allow: [administer]", "projects: [Web]"] {
        let world = World::start_with(|settings| {
            settings.rules = rule(keys);
            settings.more = "token_door: { issues: access-token }".to_owned();
        })
        .await;

        let login = world.call("POST", "/token/v1").json(&world.login_fields(&world.job()));
        let reply = login.refused(400, "request_not_allowed").await;

        assert_eq!(reply.json()["error"], "invalid_request");
        assert_eq!(world.octopus.exchanges(), 0, "{keys}");
        world.close().await;
    }
}

#[tokio::test]
async fn the_own_identity_is_held_to_what_it_is_allowed() {
    let mut world = World::without_broker().await;
    let file = TemporaryFile::new("own-token", world.job());
    let mut settings = Settings::of(&world);
    "{ bind: 127.0.0.1:0, ambient: true }".clone_into(&mut settings.listeners);
    settings.more = format!(
        "ambient: {{ token: {{ file: '{}' }}, service_account: release-bot, \
         allow: [push-packages], spaces: [Spaces-1] }}",
        file.path().display()
    );
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;

    world.call("POST", "/api/Spaces-1/packages/raw").body("a package").ok().await;
    for target in ["/api/Spaces-2/packages/raw", "/api/packages/raw", "/api/Spaces-1/releases"] {
        world.call("POST", target).refused(403, "request_not_allowed").await;
    }

    world.close().await;
}

#[tokio::test]
async fn an_agent_needs_mcp_to_be_said() {
    for (keys, is_open) in [("", false), ("allow: [read]", false), ("allow: [read, mcp]", true)] {
        let mut world = World::without_broker().await;
        let key = world.keep_secret(world.octopus.add_api_key(&world.account));
        let file = TemporaryFile::new("agent-key", key);
        let mut settings = Settings::of(&world);
        settings.service_accounts = format!(
            "release-bot: {{ agent: true, api_key: {{ file: '{}' }} }}",
            file.path().display()
        );
        settings.rules = rule(&format!("audience: octobroker, {keys}"));
        world.serve(&settings.to_yaml()).await;
        world.until_ready().await;
        let job = world.mint(&world.issuer.claims(SUBJECT, "octobroker"));

        let reply = world.ask(&job, "POST /mcp").send().await;

        assert_eq!(reply.status == 200, is_open, "{keys}: {reply:?}");
        world.ask(&job, "GET /api/Spaces-1/projects").ok().await;
        world.close().await;
    }
}
