//! What a rule means, end to end: operators, order, accounts.

use serde_json::{Value, json};

use crate::forge::{self, judged};
use crate::world::{SUBJECT, Settings, World};

/// A condition on the claim `x`, and what it makes of values; `null!` stands for no claim.
const OPERATORS: [(&str, &[(&str, bool)]); 16] = [
    (
        "x: production",
        &[
            ("\"production\"", true),
            ("\"Production\"", false),
            ("\"production \"", false),
            ("\"production2\"", false),
            ("\"prod\"", false),
            ("\"*\"", false),
            ("\"\"", false),
            ("[\"production\"]", false),
            ("{\"production\":true}", false),
            ("null", false),
            ("null!", false),
        ],
    ),
    (
        "x: 812345678",
        &[
            ("812345678", true),
            ("\"812345678\"", true),
            ("812345678.0", false),
            ("8.12345678e8", false),
            ("\"0812345678\"", false),
            ("\"812345678.0\"", false),
            ("[812345678]", false),
            ("-812345678", false),
        ],
    ),
    ("x: true", &[("true", true), ("\"true\"", true), ("\"True\"", false), ("1", false)]),
    ("x: \"\"", &[("\"\"", true), ("\" \"", false), ("null", false), ("null!", false)]),
    ("x: \"*\"", &[("\"*\"", true), ("\"a\"", false)]),
    (
        "x: { one_of: [push, release] }",
        &[
            ("\"release\"", true),
            ("\"pull_request\"", false),
            ("\"push,release\"", false),
            ("[\"push\"]", false),
            ("null!", false),
        ],
    ),
    (
        "x: { not_one_of: [pull_request, workflow_run] }",
        &[
            ("\"push\"", true),
            ("\"workflow_run\"", false),
            ("[\"push\"]", false),
            ("null", false),
            ("1.5", false),
            ("null!", false),
        ],
    ),
    (
        "x: { glob: 'refs/heads/*' }",
        &[
            ("\"refs/heads/main\"", true),
            ("\"refs/heads/a:b\"", true),
            ("\"refs/heads/release/1\"", false),
            ("\"refs/heads/\"", false),
            ("\"xrefs/heads/main\"", false),
            ("\"refs/heads/main/\"", false),
            ("\"refs/tags/refs/heads/main\"", false),
            ("\"REFS/heads/main\"", false),
            ("[\"refs/heads/main\"]", false),
            ("7", false),
            ("null!", false),
        ],
    ),
    (
        "x: { glob: ['v?.?', 'release/**'] }",
        &[
            ("\"v1.2\"", true),
            ("\"release/1/2\"", true),
            ("\"v10.2\"", false),
            ("\"v/.2\"", false),
            ("\"release/\"", false),
        ],
    ),
    ("x: { contains: deploy }", &[("[\"read\",\"deploy\"]", true), ("[\"deployer\"]", false)]),
    (
        "x: { contains: [deploy, 7] }",
        &[
            ("[\"deploy\",7,null]", true),
            ("[\"deploy\",\"7\"]", true),
            ("[\"deploy\"]", false),
            ("[[\"deploy\",7]]", false),
            ("[\"deploy\",7.0]", false),
            ("\"deploy\"", false),
            ("{\"deploy\":1,\"7\":1}", false),
            ("[]", false),
            ("null!", false),
        ],
    ),
    (
        "x: { same_as: other }",
        &[("\"same\"", true), ("\"Same\"", false), ("[\"same\"]", false), ("null!", false)],
    ),
    (
        "x: { absent: true }",
        &[("null!", true), ("null", false), ("\"\"", false), ("false", false), ("[]", false)],
    ),
    (
        "/x/deep/1: web",
        &[
            ("{\"deep\":[\"api\",\"web\"]}", true),
            ("{\"deep\":[\"web\",\"api\"]}", false),
            ("{\"deep\":{\"1\":\"web\"}}", true),
            ("{\"deep\":\"web\"}", false),
            ("\"/x/deep/1\"", false),
            ("null!", false),
        ],
    ),
    (
        "/x/a~1b~0c: web",
        &[("{\"a/b~c\":\"web\"}", true), ("{\"a\":{\"b~c\":\"web\"}}", false), ("{}", false)],
    ),
    (
        "x: { glob: 'a*', not_one_of: [ab], one_of: [ab, ac] }",
        &[("\"ac\"", true), ("\"ab\"", false), ("\"ad\"", false), ("\"c\"", false)],
    ),
];

#[tokio::test]
async fn every_operator_means_what_it_says() {
    let world = World::start_with(|settings: &mut Settings| {
        let rules = OPERATORS.iter().enumerate().map(|(at, (condition, _))| {
            format!(
                "{{ name: operator-{at}, issuer: ci, service_account: release-bot, \
                 claims: {{ sub: operator-{at}, {condition} }} }}"
            )
        });
        settings.rules = rules.collect::<Vec<_>>().join("\n");
    })
    .await;
    let mut rows = 0;
    for (at, (condition, values)) in OPERATORS.iter().enumerate() {
        for (value, matches) in *values {
            let mut claims = forge::claims_with(&world, "sub", json!(format!("operator-{at}")));
            claims["other"] = json!("same");
            if *value != "null!" {
                claims["x"] = json!("HERE");
            }
            let payload = claims.to_string().replace("\"HERE\"", value);
            let line = judged(&world, &forge::signed(&world, forge::HEADER, &payload)).await;
            let (status, code) = if *matches { (200, "ok") } else { (403, "no_rule_matched") };
            assert_eq!(
                (&line["status"], &line["code"]),
                (&status.into(), &code.into()),
                "{condition} {value}: {line}"
            );
            rows += 1;
        }
    }
    assert_eq!(rows, 89);
    world.close().await;
}

#[tokio::test]
async fn the_first_rule_that_matches_decides() {
    for names in [["one", "two"], ["two", "one"]] {
        let world = World::start_with(|settings: &mut Settings| {
            let rule = |name: &str, condition: &str| {
                settings.rules.replace("web,", &format!("{name},")).replace(
                    &format!("sub: '{SUBJECT}'"),
                    &format!("sub: '{SUBJECT}', {condition}"),
                )
            };
            let never = rule("never", "nothing: here");
            let [first, second] = names.map(|name| rule(name, "nothing: { absent: true }"));
            settings.rules = format!("{never}\n{first}\n{second}");
        })
        .await;

        for _ in 0..3 {
            assert_eq!(judged(&world, &world.job()).await["rule"], names[0]);
        }
        world.close().await;
    }
}

#[tokio::test]
async fn a_caller_may_name_one_of_the_accounts_of_its_audience() {
    let mut world = World::without_broker().await;
    let url = world.issuer.url();
    let accounts = ["first", "second", "without-rule", "elsewhere"]
        .map(|name| (name, world.octopus.add_service_account(name)));
    for (_, account) in &accounts {
        world.octopus.add_identity(account, &url, SUBJECT, Some("octobroker"));
    }
    let mut settings = Settings::of(&world);
    let rule = settings.rules.clone();
    let lines = accounts.iter().map(|(name, account)| {
        let audience = if *name == "elsewhere" { "another" } else { "octobroker" };
        format!("{name}: {{ id: {}, audience: {audience} }}", account.id)
    });
    settings.service_accounts = lines.collect::<Vec<_>>().join("\n");
    let rules = ["first", "second", "elsewhere"].map(|name| {
        rule.replace("release-bot", name).replace("name: web", &format!("name: {name}"))
    });
    settings.rules = rules.join("\n");
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let job = world.mint(&forge::claims_with(&world, "aud", json!("octobroker")));
    let name = |name: &str| {
        world.get("/api/users/me").bearer(&job).header("octobroker-service-account", name)
    };

    // Not named: the first in the order of the file.
    world.get("/api/users/me").bearer(&job).ok().await;
    name("first").ok().await;
    name("second").ok().await;
    // What was found for a name is no answer for who gives none.
    world.get("/api/users/me").bearer(&job).ok().await;
    name("second").ok().await;
    for other in
        ["third", "FIRST", "first,second", "*", "elsewhere", "without-rule", &accounts[0].1.id]
    {
        name(other).refused(403, "no_rule_matched").await;
    }
    name("").refused(400, "bad_request").await;
    name("first").header("octobroker-service-account", "second").refused(400, "bad_request").await;

    let credentials: Vec<_> = world
        .octopus
        .api_requests()
        .into_iter()
        .map(|request| request.credential.unwrap())
        .collect();
    assert_eq!(credentials, ["first", "first", "second", "first", "second"]);
    assert_eq!(world.octopus.exchanges(), 2, "each account has an access token of its own");
    world.close().await;
}

#[tokio::test]
async fn an_account_with_an_audience_of_its_own_takes_no_token_for_its_id() {
    let world = World::start_with(|settings: &mut Settings| {
        settings.service_accounts =
            settings.service_accounts.replace(" }", ", audience: octobroker }");
    })
    .await;
    let url = world.issuer.url();
    world.octopus.add_identity(&world.account, &url, SUBJECT, Some("octobroker"));

    world.get("/api/users/me").bearer(&world.job()).refused(401, "audience_refused").await;
    let job = world.mint(&forge::claims_with(&world, "aud", json!("octobroker")));
    world.get("/api/users/me").bearer(&job).ok().await;

    assert_eq!(world.octopus.successful_exchanges(), 1);
    world.close().await;
}

#[tokio::test]
async fn what_missed_is_told_to_the_operator_and_not_to_the_caller() {
    let world = World::start_with(|settings: &mut Settings| {
        let more = [
            "x: secret-x",
            "environment: { one_of: [secret-a, secret-b] }",
            "environment: { absent: true }",
            "/a/b: { glob: 'secret/**' }",
            "groups: { contains: secret-c }",
            "ref: { same_as: secret-d }",
        ];
        let rules = more.iter().enumerate().map(|(at, condition)| {
            let name = format!("secret-rule-{at}");
            let claims = format!("sub: '{SUBJECT}', {condition}");
            settings
                .rules
                .replace("web,", &format!("{name},"))
                .replace(&format!("sub: '{SUBJECT}'"), &claims)
        });
        settings.rules = rules.collect::<Vec<_>>().join("\n");
    })
    .await;
    let mut claims = forge::claims_with(&world, "environment", json!("production"));
    claims["groups"] = json!(["read", 7]);
    claims["ref"] = json!(1.5);
    let job = world.mint(&claims);

    let reply = world.get("/api/users/me").bearer(&job).refused(403, "no_rule_matched").await;

    let line = world.audited(1).await;
    let missed: Vec<[&str; 4]> = line["missed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|miss| ["rule", "claim", "expected", "actual"].map(|key| miss[key].as_str().unwrap()))
        .collect();
    assert_eq!(
        missed,
        [
            ["secret-rule-0", "x", "\"secret-x\"", "nothing"],
            [
                "secret-rule-1",
                "environment",
                "one of [\"secret-a\", \"secret-b\"]",
                "\"production\""
            ],
            ["secret-rule-2", "environment", "absent", "\"production\""],
            ["secret-rule-3", "/a/b", "a match of [\"secret/**\"]", "nothing"],
            ["secret-rule-4", "groups", "an array with [\"secret-c\"]", "[\"read\", 7]"],
            ["secret-rule-5", "ref", "the same as secret-d", "1.5"],
        ]
    );
    assert_eq!((&line["issuer"], &line["subject"]), (&json!("ci"), &json!(SUBJECT)));
    let told = format!("{:?} {}", reply.headers, reply.text());
    for hidden in ["secret", "environment", "production", "groups", SUBJECT, "web", "release-bot"] {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_refusal_does_not_cost_a_line_for_each_of_a_thousand_rules() {
    let world = World::start_with(|settings: &mut Settings| {
        let rule = |at: usize| {
            settings
                .rules
                .replace("web,", &format!("web-{at},"))
                .replace(SUBJECT, &format!("s{at}"))
        };
        settings.rules = (0..1_000).map(rule).collect::<Vec<_>>().join("\n");
    })
    .await;

    let line = judged(&world, &world.job()).await;
    let last = world.mint(&forge::claims_with(&world, "sub", json!("s999")));
    let found = judged(&world, &last).await;

    assert_eq!(line["missed"].as_array().map(Vec::len), Some(20));
    assert_eq!(found["rule"], "web-999");
    assert_eq!(found.get("missed"), None::<&Value>);
    world.close().await;
}
