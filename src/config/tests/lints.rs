//! What the lints find in sound configurations, and what they refuse.

use super::{config, found_in, sound};
use crate::config::LINTS;

fn found(sections: &str) -> Vec<String> {
    found_in(&config(sections))
}

#[track_caller]
fn each_finds(rows: &[(&str, &[&str])]) {
    for (sections, expected) in rows {
        assert_eq!(found(sections), *expected, "{sections}");
    }
}

/// A rule whose claims begin in line 5.
fn claims(claims: &str) -> String {
    format!("rules:\n- name: web\n  issuer: ci\n  service_account: bot\n  claims: {claims}")
}

#[test]
fn a_plain_configuration_has_nothing_to_find() {
    each_finds(&[("", &[])]);
}

#[test]
fn a_pattern_goes_on_behind_whole_names() {
    each_finds(&[
        (&claims("{sub: {glob: 'repo:acme*'}}"), &["SUB1 5:24 rules[0].claims.sub.glob"]),
        (
            &claims("{id: 7, repository: {glob: [acme/web, acme/sh*]}}"),
            &["SUB1 5:49 rules[0].claims.repository.glob[1]"],
        ),
        (&claims("{sub: {glob: 'repo:**'}}"), &["SUB2 5:24 rules[0].claims.sub.glob"]),
        (&claims("{sub: {glob: '*'}}"), &["SUB2 5:24 rules[0].claims.sub.glob"]),
        (&claims("{id: 7, ref: {glob: '**/*'}}"), &["SUB2 5:31 rules[0].claims.ref.glob"]),
        (&claims("{sub: {glob: 'repo:acme/*:ref:refs/heads/main'}}"), &[]),
        (&claims("{id: 7, ref: {glob: 'refs/heads/release-*'}}"), &[]),
    ]);
}

#[test]
fn a_rule_looks_at_what_runs() {
    each_finds(&[
        (&claims("{actor: alice}"), &["ID2 5:3 rules[0].claims"]),
        (
            &claims("{email: a@acme.example, email_verified: true, ref: {absent: true}}"),
            &["ID2 5:3 rules[0].claims"],
        ),
        (&claims("{actor: alice, repository_id: 7}"), &[]),
        (&claims("{a: {absent: true}}"), &["NEG1 5:3 rules[0].claims"]),
    ]);
}

#[test]
fn an_audience_says_whom_a_token_is_for() {
    let account = |audience: &str| {
        format!(
            "service_accounts:\n  bot: {{id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: \
             '{audience}'}}"
        )
    };
    let at = "AUD2 2:61 service_accounts.bot.audience";
    each_finds(&[
        (&account("api://AzureADTokenExchange"), &[at]),
        (&account("https://github.com/acme"), &[at]),
        (&account("https://ci.example"), &[at]),
        (&account("octobroker"), &[]),
        (
            "issuers:\n  ci: {provider: custom, url: 'https://ci.example/org/o1', algorithms: [RS256]}\n\
          service_accounts:\n  bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: o1}",
            &["AUD2 4:61 service_accounts.bot.audience"],
        ),
    ]);
    let two = "issuers:
  ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}
  cd: {provider: custom, url: https://cd.example, algorithms: [RS256]}
service_accounts:
  bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: octobroker}
  cat: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34, audience: octobroker}
rules:
- {name: a, issuer: ci, claims: {id: 7}, service_account: bot}
- {name: b, issuer: cd, claims: {id: 7}, service_account: ";
    each_finds(&[
        (&format!("{two}cat}}"), &["AUD3 9:3 rules[1]"]),
        (&format!("{two}bot}}"), &["USE2 6:3 service_accounts.cat"]),
    ]);
}

#[test]
fn long_lives_are_limited_by_age() {
    let issuer = |more: &str| {
        format!(
            "issuers:\n  ci:\n    provider: custom\n    url: https://ci.example\n    algorithms: \
             [RS256]\n    {more}"
        )
    };
    each_finds(&[
        (&issuer("max_token_lifetime: 2h"), &["LIFE1 6:25 issuers.ci.max_token_lifetime"]),
        (&issuer("max_token_lifetime: 1h"), &[]),
        (&issuer("max_token_lifetime: 2h\n    max_token_age: 1h"), &[]),
        (
            &issuer("max_token_lifetime: 2h\n    max_token_age: 61m"),
            &["LIFE1 6:25 issuers.ci.max_token_lifetime"],
        ),
        (
            &issuer("max_token_lifetime: 2h\n    max_token_age: 1"),
            &["- 7:20 issuers.ci.max_token_age"],
        ),
    ]);
}

#[test]
fn what_could_not_be_read_is_not_missed() {
    let accounts = "service_accounts:
  bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}
  own: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34}\n";
    let github = "issuers: {gh: {provider: github-actions}}\nrules:\n- name: web\n  issuer: gh\n  \
                  service_account: bot\n";
    each_finds(&[
        (
            &format!("{accounts}ambient: {{service_account: own, token: github}}"),
            &["- 4:40 ambient.token"],
        ),
        (
            &format!("{github}  repository_id: 7\n  environment: a\n  <<: {{branch: main}}"),
            &["- 8:3 rules[0].\"<<\""],
        ),
        (&format!("{github}  <<: {{repository_id: 7}}"), &["- 6:3 rules[0].\"<<\""]),
    ]);
}

#[test]
fn a_server_s_url_is_no_page_of_it() {
    let octopus = |url: &str| format!("octopus: {{url: 'https://a.example{url}'}}");
    each_finds(&[
        (&octopus("/app"), &["URL1 1:16 octopus.url"]),
        (&octopus("/octopus/API/"), &["URL1 1:16 octopus.url"]),
        (&octopus("/octopus"), &[]),
    ]);
}

#[test]
fn a_rule_behind_a_broader_one_never_matches() {
    let accounts = "service_accounts:
  bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, audience: octobroker}
  cat: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34, audience: octobroker}\nrules:\n";
    let rule = |name: &str, claims: &str, account: &str| {
        format!("- {{name: {name}, issuer: ci, claims: {claims}, service_account: {account}}}\n")
    };
    let rules = |of_last: (&str, &str)| {
        let first = rule("a", "{id: 7, ref: {glob: 'refs/heads/*'}}", "bot");
        let other = rule("b", "{id: 8}", "cat");
        format!("{accounts}{first}{other}{}", rule("c", of_last.0, of_last.1))
    };
    each_finds(&[
        (&rules(("{id: 7, ref: {glob: 'refs/heads/*'}}", "bot")), &["DUP1 7:3 rules[2]"]),
        (&rules(("{id: 7, ref: refs/heads/main, x: z}", "bot")), &["DUP1 7:3 rules[2]"]),
        (&rules(("{id: 7, ref: refs/heads/main}", "cat")), &["DUP2 7:3 rules[2]"]),
        (&rules(("{id: 7, ref: refs/tags/v1}", "bot")), &[]),
        (&rules(("{id: 7}", "bot")), &[]),
        (&rules(("{id: 8, x: z}", "bot")), &["DUP2 7:3 rules[2]"]),
    ]);
}

#[test]
fn what_nothing_uses_is_said() {
    let issuers = "issuers:
  ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}
  cd: {provider: custom, url: https://cd.example, algorithms: [RS256]}";
    let accounts = "service_accounts:
  bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}
  cat: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a34}";
    each_finds(&[
        (issuers, &["USE1 3:3 issuers.cd"]),
        (accounts, &["USE2 3:3 service_accounts.cat"]),
        (&format!("{accounts}\nambient: {{service_account: cat}}"), &[]),
    ]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    let key = format!("API-{}", "CANARY7".repeat(4));
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmF0dXJl";
    for secret in [key.as_str(), token] {
        let places = [
            (format!("log: {{level: '{secret}'}}"), "SEC1 1:14 log.level"),
            (claims(&format!("{{id: '{secret}'}}")), "SEC1 5:16 rules[0].claims.id"),
            (format!("octopus: {{url: 'https://{secret}'}}"), "SEC1 1:16 octopus.url"),
        ];
        for (sections, expected) in places {
            assert_eq!(found(&sections), [expected], "{sections}");
            assert!(!config(&sections).unwrap_err().to_string().contains(secret));
        }
    }
    let account = format!("service_accounts: {{bot: {{api_key: {key}, audience: x}}}}");
    assert_eq!(found(&account), ["SEC1 1:35 service_accounts.bot.api_key"]);
}

#[test]
#[cfg(unix)]
fn everybody_s_file_is_warned_of() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::environment;
    use crate::config::load;

    let folder = std::env::temp_dir().join(format!("octobroker-lints-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("octobroker.yaml");
    let text = include_str!("../../../config/octobroker.yaml");
    let ids = |mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let findings = load(&file, &environment).unwrap().findings;
        findings.iter().filter_map(|finding| finding.id).collect::<Vec<_>>()
    };

    assert_eq!((ids(0o666), ids(0o644)), (vec!["SEC2"], vec![]));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn warnings_come_along_with_problems() {
    let error = config(&format!("log: {{level: loud}}\n{}", claims("{actor: a}"))).unwrap_err();

    assert_eq!(error.problems().len(), 1);
    assert_eq!(error.warnings()[0].id, Some("ID2"));
    assert!(sound("").findings.is_empty());
}

/// Docs: the rows `| id | severity | meaning |` are the table's, in its order.
#[test]
fn every_lint_has_its_row_and_every_row_its_lint() {
    let docs = include_str!("../../../docs/lints.md");
    let rows: Vec<String> = docs
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.rsplit_once(" | ").map(|(row, _)| row.to_owned()))
        .collect();
    let expected: Vec<String> = LINTS
        .iter()
        .map(|lint| format!("| `{}` | {} | {}", lint.id, lint.severity.as_str(), lint.meaning))
        .collect();

    assert_eq!(rows, expected);
}
