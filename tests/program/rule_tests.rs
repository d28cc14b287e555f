//! `octobroker check --test`: rules tested offline, as in a pull request.

use serde_json::{Value, json};

use crate::process::{Ended, Folder, run};

const CONFIG: &str = "octopus: { url: 'http://127.0.0.1:1' }\n\
    issuers:\n  ci: { provider: custom, url: 'https://ci.acme.example', algorithms: [RS256] }\n\
    service_accounts:\n  bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: guid }\n  \
    agent: { api_key: { env: AGENT_KEY }, agent: true }\n\
    rules:\n  - { name: web, issuer: ci, service_account: bot, claims: { sub: job, ref: main } }\n  \
    - { name: agents, issuer: ci, service_account: agent, audience: guid, claims: { sub: agent } }\n";

/// What the configuration reads from the environment.
const KEY: [(&str, &str); 1] = [("AGENT_KEY", "API-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];

const CLAIMS: &str = "{ sub: job, aud: guid, ref: main }";

fn check(folder: &Folder, tests: &str, flags: &[&str]) -> Ended {
    let config = folder.write("c.yaml", CONFIG);
    let file = folder.write("tests.yaml", tests);
    let arguments = [&["check", "--config", &config, "--test", &file], flags].concat();
    run(&arguments, &KEY, folder.path())
}

/// One case, whose lines beside name and issuer are these.
fn case(lines: &str) -> String {
    format!("- name: the case\n  issuer: ci\n{lines}\n")
}

#[test]
fn the_example_passes_against_the_example() {
    let folder = Folder::new("rule-tests-example");
    let root = env!("CARGO_MANIFEST_DIR");
    let config = format!("{root}/config/github-actions.yaml");
    let tests = format!("{root}/config/rule-tests.yaml");

    let ended = run(&["check", "--config", &config, "--test", &tests], &[], folder.path());

    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.contains("7 passed, 0 failed"), "{ended:?}");
}

#[test]
fn each_case_is_judged_as_the_broker_would() {
    let folder = Folder::new("rule-tests-cases");
    folder.write(
        "claims.json",
        r#"{"iss":"https://ci.acme.example","sub":"job","aud":"guid","ref":"main","exp":1}"#,
    );
    folder.write("fixture.json", r#"{"header":{},"payload":{"iss":"https://ci.acme.example","sub":"job","aud":"guid","ref":"main","exp":1}}"#);
    let release = "{ method: POST, path: /api/Spaces-1/releases/create/v1 }";
    let from_file = |file: &str| {
        format!("- name: x\n  claims: {{ file: {file} }}\n  expect: {{ rule: web }}\n")
    };
    let agent = "  claims: { sub: agent, aud: guid }\n";
    let rows = [
        (
            case(&format!("  claims: {CLAIMS}\n  expect: {{ rule: web, service_account: bot }}")),
            true,
        ),
        (case(&format!("  claims: {CLAIMS}\n  expect: {{ service_account: agent }}")), false),
        (case(&format!("  claims: {CLAIMS}\n  expect: refused")), false),
        (case(&format!("  claims: {CLAIMS}\n  expect: {{ rule: agents }}")), false),
        (from_file("claims.json"), true),
        (from_file("fixture.json"), true),
        (from_file("claims.json") + "  at: 2026-11-24T16:00:00Z\n", false),
        (case("  claims: { sub: job, aud: guid }\n  expect: { refused: no_rule_matched }"), true),
        (case("  claims: { aud: guid }\n  expect: { refused: claims_invalid }"), true),
        (case("  claims: { sub: job, aud: x }\n  expect: { refused: audience_refused }"), true),
        (case("  claims: { sub: job, aud: x }\n  expect: { refused: no_rule_matched }"), false),
        (
            case(&format!(
                "  claims: {CLAIMS}\n  service_account: agent\n  expect: {{ refused: no_rule_matched }}"
            )),
            true,
        ),
        (
            case(&format!(
                "{agent}  request: {release}\n  expect: {{ refused: request_not_allowed }}"
            )),
            true,
        ),
        (case(&format!("{agent}  request: {release}\n  expect: allowed")), false),
        (
            case(&format!(
                "{agent}  request: {{ method: GET, path: /api/users/me }}\n  expect: allowed"
            )),
            true,
        ),
    ];
    for (tests, passes) in rows {
        let ended = check(&folder, &tests, &[]);
        assert_eq!(ended.code, Some(i32::from(!passes)), "{tests}\n{ended:?}");
    }
}

#[test]
fn a_failure_says_what_was_wanted_what_came_and_why() {
    let folder = Folder::new("rule-tests-fail");
    let tests = case("  claims: { sub: job, aud: guid, ref: dev }\n  expect: { rule: web }");

    let human = check(&folder, &tests, &[]);
    let machine = check(&folder, &tests, &["--output", "json"]);

    for line in [
        "✗ the case (line 1)",
        "wanted  allowed, by web",
        "got     refused: no_rule_matched",
        "web: ref is \"dev\", expected \"main\"",
        "0 passed, 1 failed",
    ] {
        assert!(human.stdout.contains(line), "{line}: {}", human.stdout);
    }
    let told: Value = serde_json::from_str(&machine.stdout).unwrap();
    assert_eq!((machine.code, &told["ok"]), (Some(1), &json!(false)));
    let run = &told["rule_tests"][0];
    assert_eq!((&run["passed"], &run["failed"]), (&json!(0), &json!(1)));
    assert_eq!(
        run["tests"][0]["got"],
        json!({ "code": "no_rule_matched", "rule": null, "service_account": null })
    );
    assert_eq!(run["tests"][0]["because"], json!(["web: ref is \"dev\", expected \"main\""]));
}

#[test]
fn a_wrong_file_ends_with_3_and_every_place() {
    let folder = Folder::new("rule-tests-wrong");
    let tests = case("  claims: { sub: job }\n  expected: allowed");

    let ended = check(&folder, &tests, &[]);

    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("tests.yaml:4:"), "{ended:?}");
    assert!(ended.stdout.contains("did you mean `expect`"), "{ended:?}");
    let config = folder.write("bad.yaml", &CONFIG.replace("algorithms", "algoritms"));
    let missing =
        run(&["check", "--config", &config, "--test", "missing.yaml"], &[], folder.path());
    assert!(missing.code == Some(3) && missing.stdout.contains("algoritms"), "{missing:?}");
}
