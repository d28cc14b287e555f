//! `check`: findings with severities, what fails by them, and that `serve` says them as well.

use serde_json::{Value, json};

use crate::process::{Folder, Process, run};

/// Sound, but a rule looks at a person alone.
const DOUBTFUL: &str = "octopus: { url: 'http://127.0.0.1:1' }\n\
    listeners: [{ bind: '127.0.0.1:0' }]\nadmin: { bind: '127.0.0.1:0' }\n\
    issuers:\n  ci: { provider: custom, url: 'http://127.0.0.1:1', algorithms: [RS256] }\n\
    service_accounts:\n  bot: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33 }\n  \
    spare: { id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34 }\n\
    rules:\n  - { name: web, issuer: ci, service_account: bot, claims: { actor: alice } }\n";

#[test]
fn warnings_are_said_and_fail_only_a_strict_check() {
    let folder = Folder::new("check-strict");
    let file = folder.write("doubtful.yaml", DOUBTFUL);

    let easy = run(&["check", "--config", &file], &[], folder.path());
    let strict = run(&["check", "--strict", "--config", &file], &[], folder.path());

    assert_eq!((easy.code, easy.stderr.as_str()), (Some(0), ""), "{easy:?}");
    let lines: Vec<&str> = easy.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{easy:?}");
    assert!(lines[0].starts_with(&format!("{file}:8:3: info[USE2]: service_accounts.spare: ")));
    assert!(lines[1].starts_with(&format!("{file}:10:52: warning[ID2]: rules[0].claims: ")));
    let counts = "1 issuer, 2 service accounts, 1 rule, 1 warning, 1 info";
    assert_eq!(lines[2], format!("{file}: ok ({counts})"));
    assert_eq!((strict.code, strict.stderr.as_str()), (Some(3), ""), "{strict:?}");
    assert!(strict.stdout.contains("not ok, for --strict takes no warnings"), "{strict:?}");
}

#[test]
fn infos_fail_nothing() {
    let folder = Folder::new("check-info");
    let file = folder.write("info.yaml", &DOUBTFUL.replace("actor: alice", "id: 7"));

    let strict = run(&["check", "--strict", "--config", &file], &[], folder.path());

    assert_eq!(strict.code, Some(0), "{strict:?}");
    assert!(strict.stdout.contains("info[USE2]"), "{strict:?}");
}

#[test]
fn machines_get_every_finding_with_its_place() {
    let folder = Folder::new("check-json");
    let file = folder.write("broken.yaml", &format!("{DOUBTFUL}log: {{ level: loud }}\n"));

    let ended = run(&["check", "--config", &file, "--output", "json"], &[], folder.path());

    assert_eq!(ended.code, Some(3), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let short = |of: &str| -> Vec<Value> {
        let findings = report[of].as_array().unwrap().iter();
        findings.map(|one| json!([one["id"], one["severity"], one["line"], one["key"]])).collect()
    };
    let level = json!([null, "error", 11, "log.level"]);
    assert_eq!(short("problems"), std::slice::from_ref(&level));
    let expected = [
        json!(["USE2", "info", 8, "service_accounts.spare"]),
        json!(["ID2", "warning", 10, "rules[0].claims"]),
        level,
    ];
    assert_eq!(short("findings"), expected);
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["file"], json!(file));
        assert!(finding["column"].is_u64() && finding["message"].is_string(), "{finding}");
    }
}

#[tokio::test]
async fn serve_logs_warnings_once_and_goes_on() {
    let folder = Folder::new("serve-warns");
    let file = folder.write("doubtful.yaml", DOUBTFUL);

    let mut process = Process::start(&["serve", "--config", &file], folder.path());
    process.until_heard("\"serving\"").await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));

    let heard = process.heard();
    let warnings = heard.lines().filter(|line| line.contains("octobroker::config"));
    let warnings: Vec<Value> = warnings.map(|line| serde_json::from_str(line).unwrap()).collect();
    let [warned] = &*warnings else { panic!("{heard}") };

    assert_eq!((&warned["level"], &warned["id"]), (&json!("warn"), &json!("ID2")), "{warned}");
    assert_eq!(warned["key"], "rules[0].claims");
    assert_eq!(warned["place"], format!("{file}:10:52"));
    assert!(!heard.contains("USE2"));
}
