//! `/` on the admin listener: the status as a page, and the same as JSON on `/status`.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator::RateLimit;
use serde_json::{Value, json};

use crate::world::{Reply, SUBJECT, Settings, World, get};

impl World {
    async fn page(&self) -> String {
        let reply = get(self.admin(), "/").await;
        assert_eq!(reply.status, 200);
        let page = reply.text();
        self.assert_no_secret("the page", &page);
        page
    }

    /// A request of a genuine job that no rule accepts.
    async fn refused_as(&self, subject: &str) -> Reply {
        let stranger = self.mint(&self.issuer.claims(subject, &self.account.id));
        self.get("/api/users/me").bearer(&stranger).refused(403, "no_rule_matched").await
    }
}

#[tokio::test]
async fn the_page_is_whole_in_itself_and_allows_nothing_else() {
    let world = World::start().await;

    let reply = get(world.admin(), "/").await;

    let page = reply.text();
    let (_, style) = page.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy.as_str()),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    for absent in ["<script", " style=", "<img", "<link", "<form", "<iframe", "url(", "@import"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(!page.contains("refresh\""), "it stands still");
    let live = get(world.admin(), "/?live").await;
    assert!(live.text().contains("<meta http-equiv=\"refresh\" content=\"5\">"));
    assert_eq!(live.header("content-security-policy"), Some(policy.as_str()));
    world.close().await;
}

#[tokio::test]
async fn it_says_who_may_do_what_and_who_did() {
    let world = World::start_with(|settings| {
        settings.rules = settings.rules.replace(" }", "")
            + " }, allow: [read, {method: POST, path: '/api/*/channels'}], spaces: [Spaces-1] }\n"
            + "{ name: idle, issuer: ci, service_account: release-bot, claims: { sub: nobody } }";
    })
    .await;
    for _ in 0..2 {
        world.get("/api/Spaces-1/projects").bearer(&world.job()).ok().await;
    }
    let key = world.stand_in().await;
    world.get("/api/Spaces-1/projects").header("x-octopus-apikey", &key).ok().await;
    world.audited_lines(4).await;
    world.advance(Duration::from_secs(60));

    let status = world.status().await;
    assert_eq!(
        status["rules"][0],
        json!({
            "name": "web", "issuer": "ci", "service_account": "release-bot",
            "audience": world.account.id,
            "conditions": [{ "claim": "sub", "expected": format!("{SUBJECT:?}") }],
            "allow": ["read", "POST /api/*/channels"], "spaces": ["Spaces-1"], "matched": 4,
        })
    );
    assert_eq!(status["rules"][1]["matched"], 0);
    assert_eq!(
        status["identities"],
        json!([{
            "issuer": "ci", "subject": SUBJECT, "audience": world.account.id,
            "service_account": "release-bot", "access_token_seconds_left": 3_540,
        }])
    );
    assert_eq!(
        status["stand_ins"],
        json!([{
            "rule": "web", "issuer": "ci", "subject": SUBJECT, "service_account": "release-bot",
            "age_seconds": 60, "seconds_left": 12 * 3_600 - 60,
        }])
    );
    assert_eq!((&status["uptime_seconds"], &status["unwell"]), (&json!(60), &json!([])));
    let page = world.page().await;
    for told in [
        "all is well",
        "matched 4 times",
        "never matched",
        "<code>sub</code> is <code>&quot;repo:acme/web:ref:refs/heads/main&quot;</code>",
        "<span class=\"chip\">POST /api/*/channels</span>",
        "59\u{a0}min left",
        "1\u{a0}min old, at most 11\u{a0}h 59\u{a0}min left",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
    world.close().await;
}

#[tokio::test]
async fn what_a_refused_token_lacks_stands_there_as_data() {
    let world = World::start().await;
    let hostile = "\"><script>alert(1)</script>\u{202e}\u{1b}[2J";
    let reply = world.refused_as(hostile).await;
    let id = reply.header("x-request-id").unwrap().to_owned();
    world.audited_lines(1).await;

    let answer = get(world.admin(), "/status").await;
    let refusal = &answer.json()["refusals"][0];
    assert_eq!(refusal["code"], "no_rule_matched");
    assert_eq!(refusal["request_id"], json!(id));
    assert_eq!(refusal["subject"], json!(hostile), "the same text, read back");
    let missed = &refusal["missed"][0];
    assert_eq!((&missed["rule"], &missed["claim"]), (&json!("web"), &json!("sub")));
    assert_eq!(missed["expected"], json!(format!("{SUBJECT:?}")));
    let decision = get(world.admin(), &format!("/decisions/{id}")).await;
    for text in [answer.text(), decision.text()] {
        assert!(!text.contains(['\u{202e}', '\u{1b}']), "what steers a terminal is escaped");
    }
    let page = world.page().await;
    assert!(!page.contains("<script") && !page.contains(['\u{202e}', '\u{1b}']));
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}\\u{1b}[2J"));
    assert!(page.contains("<time class=\"count\" datetime=\"2026-11-"), "{page}");
    assert!(get(world.admin(), "/").await.text().contains(&format!("/decisions/{id}")));
    world.close().await;
}

#[tokio::test]
async fn an_id_that_a_caller_made_up_leads_to_its_decision_and_nowhere_else() {
    let world = World::start().await;
    let id = "a.b_c-d";
    world.get("/api/users/me").header("x-request-id", id).refused(401, "credential_missing").await;
    world.audited_lines(1).await;

    let page = world.page().await;

    let (_, rest) = page.split_once("href=\"/decisions/").unwrap();
    let (link, _) = rest.split_once('"').unwrap();
    assert_eq!(link, "a%2Eb%5Fc%2Dd");
    assert_eq!(get(world.admin(), &format!("/decisions/{link}")).await.json()["request_id"], id);
    world.close().await;
}

#[tokio::test]
async fn lists_that_traffic_fills_are_bounded_and_say_so() {
    let world = World::start_with(|settings| {
        settings.rules =
            settings.rules.replace(&format!("'{SUBJECT}'"), "{ glob: 'repo:acme/**' }");
    })
    .await;
    for number in 0..103 {
        let claims = world.issuer.claims(&format!("repo:acme/{number:03}"), &world.account.id);
        world.get("/api/users/me").bearer(&world.mint(&claims)).ok().await;
    }
    for number in 0..55 {
        world.refused_as(&format!("stranger-{number:02}-{}", "x".repeat(900))).await;
    }
    world.audited_lines(158).await;

    let status = world.status().await;
    let subjects = |list: &Value| {
        let rows = list.as_array().unwrap().iter();
        let subjects = rows.map(|row| row["subject"].as_str().unwrap().to_owned());
        subjects.collect::<Vec<_>>()
    };
    let identities = subjects(&status["identities"]);
    assert_eq!((identities.len(), status["access_tokens_cached"].as_u64()), (100, Some(103)));
    assert_eq!(
        (identities[0].as_str(), identities[99].as_str()),
        ("repo:acme/102", "repo:acme/003")
    );
    let refused = subjects(&status["refusals"]);
    assert_eq!(refused.len(), 50);
    assert!(refused[0].starts_with("stranger-54-") && refused[49].starts_with("stranger-05-"));
    assert!(refused.iter().all(|subject| subject.chars().count() == 257), "and cut as in the log");
    let page = world.page().await;
    assert!(page.contains("The newest 100 of 103.") && !page.contains("repo:acme/002"));
    assert!(page.len() < 256 << 10, "{}", page.len());
    world.close().await;
}

#[tokio::test]
async fn what_is_unwell_is_said_first() {
    let world = World::start().await;
    world.works().await;
    let broken = Settings::of(&world).to_yaml().replace("release-bot: {", "Release Bot: {");
    world.reload(&broken).await.unwrap_err();

    let status = world.status().await;
    let unwell = status["unwell"].as_array().unwrap();
    assert_eq!(unwell.len(), 1, "{unwell:?}");
    assert!(unwell[0].as_str().unwrap().contains("can't be used, and the one before serves"));
    let page = world.page().await;
    assert!(page.contains("1 thing is unwell"));
    assert!(page.contains("refused, the one before serves"));

    world.reload_with(|_| {}).await;
    let status = world.status().await;
    assert_eq!((&status["unwell"], &status["config"]["generation"]), (&json!([]), &json!(2)));
    assert!(world.page().await.contains("all is well"));
    world.close().await;
}

#[tokio::test]
async fn an_issuer_without_keys_is_unwell() {
    let mut world = World::without_broker().await;
    let mut settings = Settings::of(&world);
    settings
        .issuers
        .push_str("\nother: { provider: custom, url: 'http://127.0.0.1:1', algorithms: [RS256] }");
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;

    let status = world.status().await;
    let unwell = status["unwell"][0].as_str().unwrap();
    assert!(unwell.starts_with("there are no keys of other, and its tokens are refused: "));
    assert!(world.page().await.contains("there are no keys of other"));
    world.close().await;
}

#[tokio::test]
async fn what_octopuss_rate_limit_leaves_is_a_bar() {
    let world = World::start().await;
    assert!(world.page().await.contains("none was told of"));
    world.octopus.set(|knobs| knobs.rate_limit = Some(RateLimit { limit: 200, per_minute: 1 }));
    for _ in 0..3 {
        world.works().await;
    }

    let status = world.status().await;
    let account = &status["service_accounts"][0];
    assert_eq!((&account["name"], &account["has_api_key"]), (&json!("release-bot"), &json!(false)));
    let budget = &account["rate_budget"];
    assert_eq!((&budget["limit"], &budget["per_minute"]), (&json!(200), &json!(1)));
    let left = budget["remaining"].as_u64().unwrap();
    assert!((190..200).contains(&left), "{left}");
    assert!(world.page().await.contains(&format!("value=\"{left}\"></meter>")));
    world.close().await;
}

#[tokio::test]
async fn the_broker_itself_is_shown_with_the_end_of_its_token() {
    let (world, _file) = World::sidecar().await;
    assert!(world.page().await.contains("none was needed yet"));
    world.get("/api/users/me").ok().await;

    let own = world.status().await["own_identity"].clone();
    assert_eq!(
        (&own["platform"], &own["service_account"]),
        (&json!("file"), &json!("release-bot"))
    );
    let token = &own["token"];
    assert_eq!((&token["subject"], &token["seconds_left"]), (&json!(SUBJECT), &json!(300)));
    assert!(world.page().await.contains("5\u{a0}min left"));
    world.close().await;
}
