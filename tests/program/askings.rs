//! `explain --octopus` and `doctor`: asked as an administrator, Octopus's side of a refusal.

use serde_json::{Value, json};

use crate::process::Ended;
use crate::site::Site;

/// A site whose configuration has one rule, and whose token is in a file.
async fn site(name: &str) -> Site {
    let site = Site::set(name).await;
    let config = format!(
        "octopus: {{ url: '{}' }}\n\
         issuers: {{ ci: {{ provider: custom, url: '{}', algorithms: [RS256] }} }}\n\
         service_accounts: {{ bot: {{ id: {} }} }}\n\
         rules: [{{ name: web, issuer: ci, service_account: bot, claims: {{ sub: job }} }}]\n\
         ambient: {{ token: {{ file: token }}, service_account: bot }}\n",
        site.stage.octopus.url(),
        site.stage.issuer.url(),
        site.stage.account.id,
    );
    site.write(&config);
    site.stage.octopus.remove_identities(&site.stage.account);
    site
}

/// Runs `explain --octopus` on the token, and says nothing of it.
async fn explain(site: &Site, more: &[&str]) -> Ended {
    let ended = site.run(&[&["explain", "--token", "token", "--octopus"], more].concat()).await;
    let token = std::fs::read_to_string(site.stage.path("token")).unwrap();
    let signature = token.trim().rsplit('.').next().unwrap();
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(signature));
    ended
}

/// As one line, for a page is wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_identity_that_should_have_matched_is_named_with_what_differs() {
    let site = site("asking-identity").await;
    let (octopus, url) = (&site.stage.octopus, site.stage.issuer.url());
    let account = &site.stage.account;
    let slash = format!("{url}/");
    let rows: [(&str, &str, Option<&str>, String); 3] = [
        (
            &url,
            "Job",
            None,
            "its subject is \"Job\", and the token's is \"job\" (they differ in case, and Octopus \
             minds it)."
                .to_owned(),
        ),
        (
            &slash,
            "job",
            None,
            format!(
                "its issuer is \"{slash}\", and the token's is \"{url}\" (they differ in the slash \
                 at the end)."
            ),
        ),
        (
            &url,
            "job",
            Some("octobroker"),
            format!("its audience is \"octobroker\", and the token's is \"{}\".", account.id),
        ),
    ];
    for (issuer, subject, audience, told) in rows {
        octopus.remove_identities(account);
        octopus.add_identity(account, "https://elsewhere.example", "other", Some("x"));
        octopus.add_identity(account, issuer, subject, audience);

        let explained = explain(&site, &[]).await;
        assert_eq!(explained.code, Some(4), "{explained:?}");
        let text = flat(&explained.stdout);
        assert!(text.starts_with("✓ allowed"), "the broker would take it: {text}");
        assert!(text.contains("of release-bot should match, and does not:"), "{text}");
        assert!(text.replace(' ', "").contains(&told.replace(' ', "")), "{told}\n{text}");
        let doctored = site.run(&["doctor"]).await;
        assert_eq!(doctored.code, Some(4));
        assert!(doctored.stdout.contains(&told), "{}", doctored.stdout);
    }
    site.close().await;
}

#[tokio::test]
async fn an_identity_that_matches_and_one_that_is_missing_are_told() {
    let site = site("asking-none").await;
    let (octopus, account) = (&site.stage.octopus, &site.stage.account);

    let none = explain(&site, &[]).await;
    assert_eq!(none.code, Some(4));
    assert!(flat(&none.stdout).contains("release-bot has no OIDC identity in Octopus"), "{none:?}");
    assert!(site.run(&["doctor"]).await.stdout.contains("has no OIDC identity in Octopus"));

    octopus.add_identity(account, &site.stage.issuer.url(), "j*", None);
    let matched = explain(&site, &["--output", "json"]).await;
    assert_eq!(matched.code, Some(0), "{matched:?}");
    let matched: Value = serde_json::from_str(&matched.stdout).unwrap();
    let found = &matched["octopus"]["found"];
    assert_eq!((&found["matches"], &found["username"]), (&true.into(), &"release-bot".into()));
    assert_eq!(found["differences"], json!([]), "{found:#}");
    assert!(found["identity"]["id"].as_str().unwrap().starts_with("ServiceAccountOidcIdentitys-"));
    octopus.set_active("release-bot", false);
    let off = explain(&site, &[]).await;
    assert_eq!(off.code, Some(4));
    assert!(flat(&off.stdout).contains("switched off in Octopus"), "{}", off.stdout);
    octopus.set_active("release-bot", true);

    site.write(
        &std::fs::read_to_string(site.stage.path("octobroker.yaml"))
            .unwrap()
            .replace(&account.id, "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33"),
    );
    let unknown = explain(&site, &["--no-verify"]).await;
    assert_eq!(unknown.code, Some(4), "no rule is for the audience, so nobody is asked about");
    assert!(unknown.stderr.contains("Octopus was not asked"), "{unknown:?}");
    site.close().await;
}

#[tokio::test]
async fn an_account_by_key_needs_no_id_and_its_name_is_checked() {
    let site = site("asking-name").await;
    let key = site.stage.octopus.add_api_key(&site.stage.account);
    let config = |username: &str| {
        format!(
            "octopus: {{ url: '{}' }}\nambient: {{ service_account: bot }}\n\
             service_accounts: {{ bot: {{ username: {username}, api_key: {{ env: KEY }} }} }}\n",
            site.stage.octopus.url()
        )
    };

    site.write(&config("Release-Bot"));
    let named = site.stage.run(&["doctor"], &[("KEY", &key)]).await;
    assert_eq!(named.code, Some(0), "{named:?}");
    site.write(&config("svc-other"));
    let other = site.stage.run(&["doctor"], &[("KEY", &key)]).await;
    assert_eq!(other.code, Some(3), "{other:?}");
    assert!(other.stdout.contains("Octopus knows this as release-bot"), "{}", other.stdout);
    assert!(other.stdout.contains("names svc-other: correct `username`"), "{}", other.stdout);
    assert!(!other.stdout.contains(&key));
    site.close().await;
}

#[tokio::test]
async fn who_may_not_ask_is_told_so_and_nothing_is_asked_unless_said() {
    let site = site("asking-refused").await;
    let stage = &site.stage;
    let key = stage.octopus.add_api_key(&stage.account);
    let arguments = ["explain", "--token", "token", "--octopus"];

    let nobody = stage.run(&arguments, &[]).await;
    assert_eq!(nobody.code, Some(6), "{nobody:?}");
    let other = [("OCTOBROKER_ADMIN_API_KEY", key.as_str())];
    let refused = stage.run(&arguments, &other).await;
    assert_eq!(refused.code, Some(4));
    assert!(refused.stderr.contains("403") && refused.stdout.contains("✓ allowed"), "{refused:?}");
    let doctored = stage.run(&["doctor"], &other).await;
    assert_eq!(doctored.code, Some(4));
    assert!(doctored.stdout.contains("What is there can't be told: "), "{}", doctored.stdout);
    assert!(!doctored.stdout.contains(&key));
    for wrong in [
        &["explain", "--token", "token", "--admin-key-file", "key"][..],
        &["explain", "--live", "id", "--octopus"][..],
    ] {
        assert_eq!(stage.run(wrong, &other).await.code, Some(2), "{wrong:?}");
    }
    site.close().await;
}

fn answer(status: u16, body: &Value) -> emulator::RawAnswer {
    emulator::RawAnswer {
        status,
        content_type: Some("application/json".to_owned()),
        body: body.to_string().into_bytes(),
        headers: Vec::new(),
    }
}

#[tokio::test]
async fn what_can_t_be_read_is_no_empty_octopus() {
    let site = site("asking-garbage").await;
    let team = |id: &str| json!({ "Id": id, "Name": "A", "MemberUserIds": [] });
    let list = |items: &[Value]| json!({ "Items": items, "TotalResults": 5 });
    let rows = [
        vec![list(&[team("Teams-7"), json!({ "Id": "Teams-8" })])],
        vec![list(&[json!(7)])],
        // A server that does not know what `skip` is would send the same page for ever.
        vec![list(&[team("Teams-7")]); 2],
    ];
    for pages in rows {
        for page in &pages {
            site.stage.octopus.answer_once("/api/teams", answer(200, page));
        }
        let planned = site.run(&["plan"]).await;
        assert_eq!(planned.code, Some(5), "{pages:?}: {planned:?}");
        assert!(planned.stderr.contains("GET /api/teams: what was answered is not"), "{planned:?}");
    }
    site.close().await;
}

#[tokio::test]
async fn what_octopus_says_steers_no_terminal_and_echoes_no_key() {
    let site = site("asking-hostile").await;
    let error = json!({ "ErrorMessage": format!("no\u{1b}[2J\u{202e} {}", site.key) });
    let answer = answer(403, &error);
    for arguments in [&["plan"][..], &["apply", "--yes"], &["import"], &["doctor"]] {
        site.stage.octopus.answer_once("/api/users", answer.clone());
        let ended = site.run(arguments).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(4), "{said}");
        assert!(said.contains("[token]"), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
    site.close().await;
}
