//! `octobroker explain`: why a token is let through or not. Whatever it says, it never says the
//! token.

use emulator::{IssuerEndpoint, jwt};
use serde_json::{Value, json};

use crate::execs::Stage;
use crate::process::{Ended, Folder, run, run_fed};

/// What the configuration reads from the environment.
pub(crate) const KEY: [(&str, &str); 1] = [("AGENT_KEY", "API-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];

pub(crate) const ID: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";

/// With rules that the job's token matches and misses.
pub(crate) fn configuration(issuer: &str, id: &str) -> String {
    format!(
        "octopus: {{ url: 'http://127.0.0.1:1' }}\n\
         issuers:\n  ci: {{ provider: custom, url: '{issuer}', algorithms: [RS256] }}\n  \
         other: {{ provider: custom, url: 'https://other.acme.example', algorithms: [RS256] }}\n\
         service_accounts:\n  bot: {{ id: {id} }}\n  \
         reader: {{ id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34, audience: octobroker }}\n  \
         agent: {{ api_key: {{ env: AGENT_KEY }}, agent: true }}\n\
         rules:\n  \
         - {{ name: far, issuer: ci, service_account: bot, claims: {{ sub: a, ref: b, env: c }} }}\n  \
         - {{ name: near, issuer: ci, service_account: bot, claims: {{ sub: job, ref: main }} }}\n  \
         - {{ name: web, issuer: ci, service_account: bot, claims: {{ sub: job }} }}\n  \
         - {{ name: elsewhere, issuer: other, service_account: bot, claims: {{ sub: job }} }}\n  \
         - {{ name: apart, issuer: ci, service_account: reader, claims: {{ sub: job }} }}\n  \
         - {{ name: agents, issuer: ci, service_account: agent, audience: '{id}', \
         claims: {{ sub: job }} }}\n"
    )
}

async fn explain(stage: &Stage, flags: &[&str]) -> Ended {
    let config =
        stage.folder.write("c.yaml", &configuration(&stage.issuer.url(), &stage.account.id));
    let token = stage.path("token").display().to_string();
    let mut arguments = vec!["explain", "--config", &config, "--token", &token];
    arguments.extend(flags);
    let ended = stage.run(&arguments, &KEY).await;
    assert_silent(&ended, &std::fs::read_to_string(&token).unwrap());
    let is_narrow = ended.stdout.lines().all(|line| line.chars().count() <= 100);
    assert!(is_narrow || ended.stdout.starts_with('{'), "{}", ended.stdout);
    ended
}

/// No part of the token is in what was said.
fn assert_silent(ended: &Ended, token: &str) {
    for part in token.trim().split('.') {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(part.is_empty() || !said.contains(part), "a part of the token is in the output");
    }
}

pub(crate) fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

pub(crate) fn outcomes(explanation: &Value) -> Vec<(&str, &str)> {
    let checks = explanation["checks"].as_array().unwrap().iter();
    checks
        .map(|line| (line["check"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_good_token_is_told_check_by_check_and_rule_by_rule() {
    let stage = Stage::set("explain-good").await;

    let human = explain(&stage, &[]).await;
    let machine = explain(&stage, &["--output", "json"]).await;

    assert_eq!((human.code, human.stderr.as_str()), (Some(0), ""), "{human:?}");
    assert!(human.stdout.starts_with("✓ allowed\n  The broker would act as bot, by the rule web."));
    for line in
        ["✓ signature", "✓ web", "it decides", "✗ near", "ref is nothing, expected \"main\""]
    {
        assert!(human.stdout.contains(line), "{line}: {}", human.stdout);
    }
    assert_eq!(machine.code, Some(0));
    let told = json(&machine);
    assert_eq!(
        (&told["ok"], &told["code"], &told["decides"]),
        (&json!(true), &json!("ok"), &json!("web"))
    );
    assert_eq!(told["signature_checked"], true);
    assert_eq!(told["token"]["subject"], "job");
    assert!(outcomes(&told).iter().all(|(_, outcome)| *outcome == "holds"), "{told}");
    let rules: Vec<_> =
        told["rules"].as_array().unwrap().iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(rules, ["web", "agents", "near", "far", "apart", "elsewhere"]);
    assert_eq!(
        told["rules"][2]["missed"],
        json!([{ "claim": "ref", "expected": "\"main\"", "actual": "nothing" }])
    );
    assert_eq!(told["octopus"]["subjects"], json!(["job"]));
    assert_eq!(told["octopus"]["audience_is_id"], true);
    stage.octopus.stop().await;
}

#[tokio::test]
async fn every_member_of_the_json_is_documented() {
    let stage = Stage::set("explain-documented").await;
    let flags = ["--output", "json", "--path", "/api/users/me"];
    let told = json(&explain(&stage, &flags).await);

    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/explain.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let nested = [&told, &told["token"], &told["rules"][0], &told["request"], &told["octopus"]];
    for member in nested.iter().flat_map(|object| object.as_object().unwrap().keys()) {
        assert!(docs.contains(&format!("\"{member}\":")), "docs/explain.md lacks {member}");
    }
    stage.octopus.stop().await;
}

#[tokio::test]
async fn without_verification_nothing_is_asked_and_times_do_not_count() {
    let stage = Stage::set("explain-offline").await;
    stage.write_token("job", 0);
    let past = "2020-01-01T00:00:00Z";

    let online = explain(&stage, &["--at", "2030-01-01T00:00:00Z"]).await;
    let asked = stage.issuer.requests(IssuerEndpoint::Jwks);
    let offline = explain(&stage, &["--no-verify", "--output", "json"]).await;
    let then = explain(&stage, &["--no-verify", "--at", past]).await;

    assert_eq!((asked, stage.issuer.requests(IssuerEndpoint::Jwks)), (1, 1));
    assert_eq!(online.code, Some(4), "{online:?}");
    assert!(online.stdout.contains("✗ refused: token_expired"), "{}", online.stdout);
    assert!(online.stdout.contains("rules, if the token were valid\n"), "{}", online.stdout);
    assert!(online.stdout.contains("✓ web"), "{}", online.stdout);
    let told = json(&offline);
    assert_eq!((offline.code, &told["signature_checked"]), (Some(0), &json!(false)));
    assert_eq!(&outcomes(&told)[3..5], [("key", "skipped"), ("signature", "skipped")]);
    assert!(told["summary"].as_str().unwrap().starts_with("If the token is genuine"), "{told}");
    assert_eq!(then.code, Some(4), "a time that is asked for counts: {then:?}");
    assert!(then.stdout.contains("token_not_yet_valid"), "{}", then.stdout);
    stage.octopus.stop().await;
}

#[tokio::test]
async fn a_forged_token_is_refused_at_its_signature_and_still_explained() {
    let stage = Stage::set("explain-forged").await;
    let token = std::fs::read_to_string(stage.path("token")).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged =
        signature.replacen(|_: char| true, if signature.starts_with('A') { "B" } else { "A" }, 1);
    std::fs::write(stage.path("token"), format!("{signed}.{forged}")).unwrap();

    let ended = explain(&stage, &[]).await;

    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stdout.starts_with("✗ refused: signature_invalid\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("✓ web"), "{}", ended.stdout);
    stage.octopus.stop().await;
}

#[tokio::test]
async fn an_issuer_out_of_reach_ends_with_5_and_without_verification_it_does_not_matter() {
    let stage = Stage::set("explain-away").await;
    let config = configuration("http://127.0.0.1:1", &stage.account.id);
    let config = stage.folder.write("away.yaml", &config);
    let mut claims = stage.issuer.claims("job", &stage.account.id);
    claims["iss"] = json!("http://127.0.0.1:1");
    let token = stage.folder.write("away.jwt", &stage.issuer.mint(&claims));

    let arguments = ["explain", "--config", &config, "--token", &token];
    let online = run(&arguments, &KEY, stage.folder.path());
    let offline = run(&[&arguments[..], &["--no-verify"]].concat(), &KEY, stage.folder.path());

    assert_eq!(online.code, Some(5), "{online:?}");
    assert!(online.stdout.contains("keys_unavailable") && online.stdout.contains("--no-verify"));
    assert_eq!(offline.code, Some(0), "{offline:?}");
    stage.octopus.stop().await;
}

#[tokio::test]
async fn a_request_needs_a_rule_that_allows_it() {
    let stage = Stage::set("explain-request").await;
    let asked = |method, path, account| {
        ["--method", method, "--path", path, "--service-account", account, "--output", "json"]
    };

    let release = "/api/Spaces-1/releases/create/v1";
    let rows = [
        (asked("POST", release, "bot"), 0, "ok", json!("create-releases")),
        (asked("GET", "/api/users/me", "agent"), 0, "ok", json!("read")),
        (asked("POST", release, "agent"), 4, "request_not_allowed", json!("create-releases")),
        (
            asked("POST", "/api/users/Users-1/apikeys", "bot"),
            4,
            "request_not_allowed",
            json!("administer"),
        ),
        (asked("GET", "/api/../users", "bot"), 4, "unsafe_path", json!(null)),
        (asked("GET", release, "reader"), 4, "no_rule_matched", json!("read")),
    ];
    for (flags, exit, code, needs) in rows {
        let ended = explain(&stage, &flags).await;
        let told = json(&ended);
        assert_eq!((ended.code, &told["code"]), (Some(exit), &json!(code)), "{flags:?}: {told}");
        if code != "no_rule_matched" {
            assert_eq!(told["request"]["needs"], needs, "{flags:?}: {told}");
        }
        assert_eq!(told["request"]["allowed"], code == "ok", "{flags:?}");
        // An account with an API key exchanges nothing.
        let needs_identity = &told["octopus"]["needs_identity"];
        assert!(flags[5] != "agent" || *needs_identity == json!(false), "{flags:?}: {told}");
    }
    stage.octopus.stop().await;
}

#[test]
fn a_token_comes_from_stdin_trimmed_and_never_as_an_argument() {
    let folder = Folder::new("explain-stdin");
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let claims = json!({ "iss": "https://ci.acme.example", "sub": "canary", "aud": ID, "exp": 1 });
    let parts = [r#"{"alg":"RS256"}"#, &claims.to_string(), "a signature that is none"];
    let token = &parts.map(jwt::b64).join(".");
    let arguments = ["explain", "--config", &config, "--no-verify", "--token", "-"];

    for text in
        [format!("{token}\n"), format!("  Bearer {token}\r\n\n"), format!("bearer  {token}")]
    {
        let ended = run_fed(&arguments, &KEY, &text, folder.path());
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(
            ended.stdout.contains("canary") && ended.stdout.contains("no_rule_matched"),
            "{ended:?}"
        );
        assert_silent(&ended, token);
    }
    for stray in [
        &["--token", token] as &[&str],
        &[token],
        &["--claims", token],
        &["--live", token],
        &["--service-account", token],
    ] {
        let arguments = [&["explain", "--config", &config], stray].concat();
        let ended = run(&arguments, &KEY, folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("--token -"), "{ended:?}");
        assert_silent(&ended, token);
    }
    for (text, sentence) in [("", "is empty"), ("{\"sub\":1}", "--claims"), ("API-ABC", "API key")]
    {
        let ended = run_fed(&arguments, &KEY, text, folder.path());
        assert_eq!(ended.code, Some(2), "{text}: {ended:?}");
        assert!(ended.stderr.contains(sentence), "{text}: {ended:?}");
    }
}

#[test]
fn what_is_no_token_is_told_as_the_broker_would() {
    let folder = Folder::new("explain-form");
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let arguments = ["explain", "--config", &config, "--token", "-", "--output", "json"];

    for (text, code) in [
        ("not a token".to_owned(), "token_malformed"),
        ("a.b.c".to_owned(), "token_malformed"),
        (format!("a.{}.c", "b".repeat(20_000)), "token_too_large"),
        // {"alg":"none"}
        ("eyJhbGciOiJub25lIn0.e30.AA".to_owned(), "algorithm_refused"),
    ] {
        let ended = run_fed(&arguments, &KEY, &text, folder.path());
        assert_eq!((ended.code, &json(&ended)["code"]), (Some(4), &json!(code)), "{ended:?}");
    }
}

#[test]
fn claims_without_an_issuer_are_tried_for_the_one_that_is_named() {
    let folder = Folder::new("explain-issuer");
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let claims = json!({ "sub": "job", "aud": ID });
    let claims = folder.write("claims.json", &claims.to_string());
    let explain = |issuer: &str| {
        let arguments = ["explain", "--config", &config, "--claims", &claims, "--issuer", issuer];
        run(&arguments, &KEY, folder.path())
    };

    assert!(explain("ci").stdout.contains("by the rule web"), "{:?}", explain("ci"));
    assert!(explain("other").stdout.contains("by the rule elsewhere"));
}

#[test]
fn an_svid_without_an_issuer_is_explained_by_its_trust_domain() {
    let folder = Folder::new("explain-svid");
    let config = folder.write(
        "c.yaml",
        "octopus: { url: 'https://acme.octopus.app' }\n\
         issuers: { mesh: { provider: spiffe, trust_domain: acme.example, \
         jwks_url: 'https://spire.acme.example/keys' } }\n\
         service_accounts: { bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 } }\n\
         rules: [{ name: shop, issuer: mesh, service_account: bot, \
         sub: 'spiffe://acme.example/ns/shop/sa/bot' }]\n",
    );
    let claims = json!({ "sub": "spiffe://acme.example/ns/shop/sa/bot", "aud": ID });
    let claims = folder.write("claims.json", &claims.to_string());

    let ended = run(&["explain", "--config", &config, "--claims", &claims], &[], folder.path());

    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in ["configured as mesh", "by the rule shop", "Octopus refuses such"] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
}

#[test]
fn claims_are_data_and_persons_are_masked() {
    let folder = Folder::new("explain-claims");
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let claims = json!({
        "iss": "https://ci.acme.example", "sub": "job\u{1b}[2J\u{202e}\n", "aud": ID,
        "user_email": "jdoe@acme.example", "actor": "jdoe", "x\u{7}": "y",
    });
    let claims = folder.write("claims.json", &claims.to_string());
    let arguments = ["explain", "--config", &config, "--claims", &claims];

    let human = run(&arguments, &KEY, folder.path());
    let machine = run(&[&arguments[..], &["--output", "json"]].concat(), &KEY, folder.path());

    for ended in [&human, &machine] {
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(!ended.stdout.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{ended:?}");
        assert!(!ended.stdout.contains("jdoe"), "{ended:?}");
        assert!(ended.stdout.contains("j…@acme.example"), "{ended:?}");
    }
    assert_eq!(json(&machine)["token"]["subject"], "job\u{1b}[2J\u{202e}\n");
}

#[test]
fn what_is_asked_wrongly_ends_with_2_and_a_wrong_file_with_3() {
    let folder = Folder::new("explain-usage");
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let claims = folder.write("claims.json", "{\"sub\":\"job\"}");
    let rows: [(&[&str], i32, &str); 10] = [
        (&["--config", &config], 2, "--token FILE"),
        (&["--config", &config, "--token", "missing.jwt"], 2, "missing.jwt can't be read"),
        (&["--config", &config, "--claims", &config], 2, "is not strict JSON"),
        (&["--config", &config, "--claims", &claims, "--token", "-"], 2, "cannot be used with"),
        (
            &["--config", &config, "--claims", &claims, "--service-account", "bto"],
            2,
            "known are bot",
        ),
        (
            &["--config", &config, "--claims", &claims, "--method", "GTE", "--path", "/"],
            2,
            "GET, HEAD",
        ),
        (&["--config", &config, "--claims", &claims, "--issuer", "cy"], 2, "known are ci, other"),
        (&["--config", &config, "--claims", "-", "--path", "/", "--body", "-"], 2, "stdin"),
        (&["--config", &config, "--claims", &claims, "--at", "noon"], 2, "2026-11-24T16:00:00Z"),
        (&["--config", "missing.yaml", "--claims", &claims], 3, "missing.yaml"),
    ];
    for (flags, exit, sentence) in rows {
        let ended = run(&[&["explain"], flags].concat(), &KEY, folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(exit), ""), "{flags:?}: {ended:?}");
        assert!(ended.stderr.contains(sentence), "{flags:?}: {ended:?}");
    }
}
