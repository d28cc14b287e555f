//! `octobroker explain --claims`: claims that somebody wrote, and what they do not say.

use serde_json::{Value, json};

use crate::explains::{ID, KEY, configuration, json, outcomes};
use crate::process::{Ended, Folder, run};

/// Explains these claims, with more flags.
fn explain(folder: &Folder, claims: &Value, flags: &[&str]) -> Ended {
    let config = folder.write("c.yaml", &configuration("https://ci.acme.example", ID));
    let claims = folder.write("claims.json", &claims.to_string());
    let arguments = [&["explain", "--config", &config, "--claims", &claims], flags].concat();
    run(&arguments, &KEY, folder.path())
}

#[test]
fn an_end_that_is_not_in_the_claims_is_not_told() {
    let folder = Folder::new("bare-claims-end");
    let claims = json!({ "iss": "https://ci.acme.example", "sub": "job", "aud": ID, "iat": 1 });

    let human = explain(&folder, &claims, &[]);
    let told = json(&explain(&folder, &claims, &["--output", "json"]));

    assert_eq!(human.code, Some(0), "{human:?}");
    assert!(human.stdout.contains("· times       not checked\n"), "{}", human.stdout);
    assert!(!human.stdout.contains("expire"), "{}", human.stdout);
    assert_eq!(outcomes(&told)[6], ("times", "skipped"));
    assert_eq!(told["token"]["claims"], claims);
    assert_eq!(told["token"]["expires"], json!(null));
}

#[test]
fn where_times_count_the_end_must_be_there() {
    let folder = Folder::new("bare-claims-at");
    let claims = json!({ "iss": "https://ci.acme.example", "sub": "job", "aud": ID });

    let ended = explain(&folder, &claims, &["--at", "2026-11-24T16:00:00Z"]);

    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stdout.starts_with("✗ refused: claims_invalid\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("the claim exp is missing"), "{}", ended.stdout);
}

#[test]
fn claims_that_name_no_issuer_are_asked_for_one() {
    let folder = Folder::new("bare-claims-issuer");

    let ended = explain(&folder, &json!({ "sub": "job", "aud": ID }), &[]);

    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stdout.contains("--issuer NAME"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("RFC 7519"), "{}", ended.stdout);
}

#[test]
fn the_issuer_is_named_though_the_claims_are_of_the_wrong_type() {
    let folder = Folder::new("bare-claims-type");
    let claims = json!({ "iss": "https://ci.acme.example", "sub": "job", "aud": ID, "exp": "1" });

    let ended = explain(&folder, &claims, &[]);

    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stdout.contains("✓ issuer      configured as ci\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("the claim exp is not a number"), "{}", ended.stdout);
}

/// Forgejo writes subjects that look like GitHub's, and a custom issuer may.
#[test]
fn only_of_github_it_is_told_how_its_subjects_change() {
    let folder = Folder::new("bare-claims-forge");
    for (provider, issuer, is_told) in [
        ("github-actions", "https://token.actions.githubusercontent.com", true),
        ("forgejo", "https://git.acme.example/api/actions", false),
        ("custom", "https://ci.acme.example", false),
    ] {
        let url = if is_told { String::new() } else { format!(", url: '{issuer}'") };
        let algorithms = if provider == "custom" { ", algorithms: [RS256]" } else { "" };
        let config = format!(
            "octopus: {{ url: 'https://acme.octopus.app' }}\n\
             issuers: {{ forge: {{ provider: {provider}{url}{algorithms} }} }}\n\
             service_accounts: {{ bot: {{ id: {ID} }} }}\n\
             rules: [{{ name: web, issuer: forge, service_account: bot, \
             claims: {{ repository_id: 7 }} }}]\n"
        );
        let config = folder.write("forge.yaml", &config);
        let claims = json!({
            "iss": issuer, "aud": ID, "sub": "repo:acme/web:ref:refs/heads/main",
            "repository_id": "7", "event_name": "push", "ref": "refs/heads/main",
        });
        let claims = folder.write("claims.json", &claims.to_string());

        let ended = run(&["explain", "--config", &config, "--claims", &claims], &[], folder.path());

        assert_eq!(ended.code, Some(0), "{provider}: {ended:?}");
        assert!(ended.stdout.contains("repo:acme/web:ref:refs/heads/main"), "{ended:?}");
        assert_eq!(ended.stdout.contains("GitHub"), is_told, "{provider}: {}", ended.stdout);
    }
}
