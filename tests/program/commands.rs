//! Commands that end by themselves: what they say where, and with which code.

use serde_json::{Value, json};

use crate::process::{Ended, Folder, run};

const GOOD: &str = "octopus: { url: 'http://127.0.0.1:1' }\n\
    issuers:\n  ci: { provider: custom, url: 'http://127.0.0.1:1', algorithms: [RS256] }\n\
    service_accounts:\n  bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 }\n\
    rules:\n  - { name: web, issuer: ci, service_account: bot, claims: { sub: job } }\n";

fn bad() -> String {
    GOOD.replace("algorithms:", "algoritms:")
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn the_version_goes_to_stdout() {
    let folder = Folder::new("version");

    let human = run(&["version"], &[], folder.path());
    let machine = run(&["version", "--output", "json"], &[], folder.path());
    let flag = run(&["--version"], &[], folder.path());

    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((human.code, human.stderr.as_str()), (Some(0), ""));
    assert!(human.stdout.starts_with(&format!("octobroker {version} ")), "{human:?}");
    assert_eq!((machine.code, &json(&machine)["version"]), (Some(0), &json!(version)));
    assert_eq!((flag.code, flag.stdout), (Some(0), format!("octobroker {version}\n")));
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = Folder::new("usage");
    for arguments in [
        &["serve", "--no-such-flag"] as &[&str],
        &["no-such-command"],
        &["check", "--output", "xml"],
        &["version", "surplus"],
        &[],
    ] {
        let ended = run(arguments, &[], folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("--help"), "{ended:?}");
    }
}

#[test]
fn a_good_configuration_is_counted() {
    let folder = Folder::new("check-good");
    let file = folder.write("good.yaml", GOOD);

    let human = run(&["check", "--config", &file], &[], folder.path());
    let machine = run(&["check", "--config", &file, "--output", "json"], &[], folder.path());

    assert_eq!((human.code, human.stderr.as_str()), (Some(0), ""), "{human:?}");
    assert!(human.stdout.contains("1 issuer, 1 service account, 1 rule"), "{human:?}");
    let machine = json(&machine);
    assert_eq!(machine["ok"], true);
    assert_eq!(machine["counts"], json!({ "issuers": 1, "service_accounts": 1, "rules": 1 }));
}

#[test]
fn a_problem_of_the_configuration_ends_with_3_and_has_its_place() {
    let folder = Folder::new("check-bad");
    let file = folder.write("bad.yaml", &bad());

    for command in ["check", "serve", "healthcheck"] {
        let ended = run(&[command, "--config", &file], &[], folder.path());
        // What is wrong is the result of `check`, and the complaint of everything else.
        let (said, silent) = match command {
            "check" => (ended.stdout.as_str(), ended.stderr.as_str()),
            _ => (ended.stderr.as_str(), ended.stdout.as_str()),
        };
        assert_eq!((ended.code, silent), (Some(3), ""), "{command}: {ended:?}");
        assert!(said.contains(&format!("{file}:3:")), "{command}: {ended:?}");
        assert!(said.contains("algoritms"), "{command}: {ended:?}");
    }
    let machine = run(&["check", "--config", &file, "--output", "json"], &[], folder.path());
    assert_eq!(machine.code, Some(3));
    let machine = json(&machine);
    assert_eq!(machine["ok"], false);
    let problem = &machine["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&json!(file), &json!(3)), "{problem}");
    assert!(problem["column"].as_u64().unwrap() > 0 && problem["message"].is_string(), "{problem}");
}

#[test]
fn the_configuration_is_looked_for_where_it_is_said_to_be() {
    let folder = Folder::new("search");

    let nowhere = run(&["check"], &[], folder.path());
    assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
    let missing = run(&["check", "--config", "missing.yaml"], &[], folder.path());
    assert!(missing.code == Some(3) && missing.stdout.contains("missing.yaml"), "{missing:?}");

    let named = folder.write("named.yaml", GOOD);
    let by_variable = run(&["check"], &[("OCTOBROKER_CONFIG", &named)], folder.path());
    assert!(by_variable.stdout.contains("named.yaml: ok"), "{by_variable:?}");
    folder.write("octobroker.yaml", GOOD);
    let here = run(&["check"], &[], folder.path());
    assert!(here.stdout.contains("octobroker.yaml: ok"), "{here:?}");
}

#[test]
fn the_schema_and_completions_are_results() {
    let folder = Folder::new("scripts");

    let schema = run(&["schema"], &[], folder.path());
    assert_eq!((schema.code, schema.stderr.as_str()), (Some(0), ""), "{schema:?}");
    assert_eq!(json(&schema)["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell], &[], folder.path());
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""), "{script:?}");
        for word in ["octobroker", "healthcheck", "strict"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "tcsh"], &[], folder.path()).code, Some(2));
}

#[test]
fn a_health_check_of_nothing_ends_with_7() {
    let folder = Folder::new("health");

    for url in ["foo:1:2", "unix:/run/x", "mailto://x", "ftp://x", ""] {
        let ended = run(&["healthcheck", "--url", url], &[], folder.path());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("write an address such as 127.0.0.1:9484"), "{ended:?}");
    }
    let ended = run(&["healthcheck", "--url", "127.0.0.1:1"], &[], folder.path());

    assert_eq!((ended.code, ended.stdout.as_str()), (Some(7), ""), "{ended:?}");
    assert!(ended.stderr.contains("not ready"), "{ended:?}");
}
