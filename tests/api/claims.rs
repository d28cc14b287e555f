//! Claims under a good signature are still somebody else's bytes.

use std::time::Duration;

use emulator::{Clock, Issuer, IssuerEndpoint, jwt};
use serde_json::{Value, json};

use crate::forge::{self, HEADER, admitted, claims_with, claims_without, judged, refused};
use crate::world::{NOW, SUBJECT, Settings, World};

#[tokio::test]
async fn a_payload_is_one_strict_json_object() {
    let world = World::start().await;
    let good = world.claims().to_string();
    let inside = |text: &str| format!("{},{text}}}", good.strip_suffix('}').unwrap());
    let deep =
        |levels: usize| inside(&format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels)));
    let issuer = world.issuer.url();
    let texts = [
        ("an array", format!("[{good}]")),
        ("an array that holds the issuer", json!([issuer]).to_string()),
        ("a string", json!(issuer).to_string()),
        ("a number", "7".to_owned()),
        ("null", "null".to_owned()),
        ("no JSON", "iss=x".to_owned()),
        ("bytes behind", format!("{good}x")),
        ("two objects", format!("{good}{good}")),
        ("two lines", format!("{good}\n{good}")),
        ("a zero behind", format!("{good}\0")),
        ("a comment", format!("{good}//")),
        ("a comment inside", inside("/**/\"x\":1")),
        ("NaN", inside("\"x\":NaN")),
        ("Infinity", inside("\"x\":Infinity")),
        ("a leading zero", inside("\"x\":01")),
        ("a comma too many", inside("")),
        ("a control character in a string", inside("\"x\":\"\u{1}\"")),
        ("a byte order mark", format!("\u{feff}{good}")),
        ("a lone surrogate", inside(r#""x":"\ud800""#)),
        ("surrogates in the wrong order", inside(r#""x":"\udc00\ud800""#)),
        ("a lone surrogate in a name", inside(r#""\udfff":1"#)),
        ("depth 33", deep(32)),
        ("depth 1,000", deep(1_000)),
        ("depth 5,000", deep(5_000)),
    ];
    let utf_16 = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes: [(&str, Vec<u8>); 3] = [
        ("UTF-16", utf_16),
        ("bytes that are no text", [inside("\"x\":\"").as_bytes(), b"\xff\"}"].concat()),
        (
            "overlong UTF-8",
            [good.strip_suffix('}').unwrap().as_bytes(), b",\"x\":\"\xc0\xaf\"}"].concat(),
        ),
    ];
    let texts = texts.into_iter().map(|(what, text)| (what, text.into_bytes()));
    for (what, payload) in texts.chain(bytes) {
        let token = jwt::encode_raw(HEADER.as_bytes(), &payload, &world.issuer.key());
        refused(&world, what, &token, "claims_invalid").await;
    }

    for (what, payload) in [("depth 32", deep(31)), ("a pair", inside(r#""x":"\ud83d\ude00""#))] {
        admitted(&world, what, &forge::signed(&world, HEADER, &payload)).await;
    }
    world.close().await;
}

#[tokio::test]
async fn a_claim_that_stands_twice_is_refused_at_any_depth() {
    let world = World::start().await;
    let good = world.claims().to_string();
    let rows = [
        format!(r#""iss":"{}""#, world.issuer.url()),
        r#""iss":"https://evil.example""#.to_owned(),
        format!(r#""sub":"{SUBJECT}""#),
        r#""sub":"repo:evil/web""#.to_owned(),
        format!(r#""aud":"{}""#, world.account.id),
        r#""exp":4102444800"#.to_owned(),
        r#""iat":0"#.to_owned(),
        r#""nbf":0"#.to_owned(),
        r#""jti":"x""#.to_owned(),
        format!(r#""s\u0075b":"{SUBJECT}""#),
        r#""\u0069\u0073\u0073":"x""#.to_owned(),
        r#""environment":"a","environment":"b""#.to_owned(),
        r#""environment":"a","environmen\u0074":"a""#.to_owned(),
        r#""kubernetes.io":{"namespace":"a","namespace":"a"}"#.to_owned(),
        r#""groups":[{"a":1,"a":1}]"#.to_owned(),
    ];
    for more in rows {
        let inside = good.strip_suffix('}').unwrap();
        for payload in [format!("{inside},{more}}}"), good.replacen('{', &format!("{{{more},"), 1)]
        {
            let token = forge::signed(&world, HEADER, &payload);
            refused(&world, &payload, &token, "claims_invalid").await;
        }
    }
    world.close().await;
}

#[tokio::test]
async fn an_issuer_is_a_name_compared_byte_for_byte() {
    let attacker = Issuer::start(Clock::fixed(NOW)).await;
    let world = World::start().await;
    let url = world.issuer.url();
    let port = world.issuer.address().port();
    let rows = [
        attacker.url(),
        format!("{url}/"),
        format!("{url}//"),
        url.to_uppercase(),
        url.replace("http:", "HTTP:"),
        url.replace("http:", "https:"),
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "127.0.0.1."),
        url.replace("127.0.0.1", "127.1"),
        url.replace("127.0.0.1", "0x7f000001"),
        url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        url.replace("127.0.0.1", "user@127.0.0.1"),
        url.replace("127.0.0.1", "\u{ff11}27.0.0.1"),
        url.replace("127.0.0.1", "127%2E0.0.1"),
        format!("{url}@evil.example"),
        format!("{url}.evil.example"),
        format!("http://evil.example/?{url}"),
        format!("http://evil.example/#{url}"),
        format!("{url}/path"),
        format!("{url}?a=b"),
        format!("{url}#a"),
        format!("{url}/."),
        format!("{url}/../.well-known"),
        format!("{url} "),
        format!(" {url}"),
        format!("{url}\0"),
        format!("{url}\n"),
        format!("{url}\u{200b}"),
        format!("http://127.0.0.1:0{port}"),
        url.trim_start_matches("http://").to_owned(),
        "http://127.0.0.1".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ci".to_owned(),
        "*".to_owned(),
        String::new(),
    ];
    for issuer in rows {
        let token = world.issuer.mint(&claims_with(&world, "iss", json!(issuer)));
        refused(&world, &issuer, &token, "issuer_unknown").await;
    }
    let forged = claims_with(&world, "iss", json!(attacker.url()));
    refused(&world, "a working issuer", &attacker.mint(&forged), "issuer_unknown").await;

    for (endpoint, own) in [(IssuerEndpoint::Discovery, 1), (IssuerEndpoint::Jwks, 1)] {
        assert_eq!(attacker.requests(endpoint), 0, "a token named it, nobody configured it");
        assert_eq!(world.issuer.requests(endpoint), own, "a name alone costs no request");
    }
    world.close().await;
}

#[tokio::test]
async fn registered_claims_have_the_types_of_rfc_7519() {
    let world = World::start().await;
    let issuer = world.issuer.url();
    let rows = [
        ("iss", json!(null)),
        ("iss", json!(7)),
        ("iss", json!([issuer])),
        ("iss", json!({ "url": issuer })),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("sub", json!([SUBJECT])),
        ("sub", json!({ "sub": SUBJECT })),
        ("sub", json!(true)),
        ("sub", json!("")),
        ("sub", json!("s".repeat(1_025))),
        ("sub", json!("s".repeat(10 << 10))),
        ("aud", json!(null)),
        ("aud", json!(7)),
        ("aud", json!({ "aud": world.account.id })),
        ("aud", json!([[world.account.id]])),
        ("aud", json!([world.account.id, 7])),
        ("aud", json!([world.account.id, null])),
        ("exp", json!(null)),
        ("exp", json!((NOW + 300).to_string())),
        ("exp", json!(true)),
        ("exp", json!([NOW + 300])),
        ("exp", json!(-1)),
        ("exp", json!(9_007_199_254_740_993_u64)),
        ("exp", json!(u64::MAX)),
        ("nbf", json!(NOW.to_string())),
        ("nbf", json!(null)),
        ("nbf", json!(false)),
        ("iat", json!(NOW.to_string())),
        ("iat", json!(null)),
        ("iat", json!(-1)),
    ];
    for (name, value) in rows {
        let what = format!("{name}: {value:.60}");
        let token = world.issuer.mint(&claims_with(&world, name, value));
        refused(&world, &what, &token, "claims_invalid").await;
    }
    for name in ["iss", "sub", "exp"] {
        let token = world.issuer.mint(&claims_without(&world, name));
        refused(&world, name, &token, "claims_invalid").await;
    }
    world.close().await;
}

#[tokio::test]
async fn only_a_token_for_one_of_our_accounts_alone_is_for_us() {
    let world = World::start().await;
    let id = &world.account.id;
    let rows = [
        json!(""),
        json!([]),
        json!([""]),
        json!(id.to_uppercase()),
        json!(id.strip_prefix(|_: char| true)),
        json!(format!("{id}x")),
        json!(format!("{id}/")),
        json!(format!(" {id}")),
        json!(format!("{id} ")),
        json!(format!("{id}\0")),
        json!(format!("{id},https://other.example")),
        json!(format!("{id} https://other.example")),
        json!(format!("https://other.example/{id}")),
        json!("release-bot"),
        json!("*"),
        json!(".*"),
        json!([id, "https://other.example"]),
        json!(["https://other.example", id]),
        json!([id, id]),
        json!(["https://other.example"]),
    ];
    for audience in rows {
        let token = world.issuer.mint(&claims_with(&world, "aud", audience.clone()));
        refused(&world, &audience.to_string(), &token, "audience_refused").await;
    }
    let token = world.issuer.mint(&claims_without(&world, "aud"));
    refused(&world, "no aud", &token, "audience_refused").await;

    let token = world.issuer.mint(&claims_with(&world, "aud", json!([id])));
    admitted(&world, "an array of one", &token).await;
    world.close().await;
}

#[tokio::test]
async fn what_is_not_registered_may_be_anything() {
    let world = World::start().await;
    let many: Vec<_> = (0..1_000).map(|number| format!("\"a{number}\":0")).collect();
    let good = world.claims().to_string();
    let inside = good.strip_suffix('}').unwrap();
    let rows = [
        ("1,000 more claims", format!("{inside},{}}}", many.join(","))),
        ("a huge number", format!("{inside},\"x\":{}}}", u64::MAX)),
        ("a tiny number", format!("{inside},\"x\":1e-300}}")),
        ("odd names", format!(r#"{inside},"":0,"\u0000":0,"/":0,"~":0,"a.b":0}}"#)),
        ("white space", format!("\n\t {good} \r\n")),
        ("escapes", good.replacen(":acme", r":\u0061cme", 1)),
    ];
    for (what, payload) in rows {
        admitted(&world, what, &forge::signed(&world, HEADER, &payload)).await;
    }
    let hostile = claims_with(&world, "jti", json!("a\r\nb\u{1b}[31m\u{2028}{\"code\":\"ok\"}"));
    let line = judged(&world, &world.mint(&hostile)).await;
    assert_eq!(line["jti"], hostile["jti"], "data, on one line");
    let odd = claims_with(&world, "jti", json!({ "a": 7 }));
    admitted(&world, "a jti that nobody reads", &world.mint(&odd)).await;
    world.close().await;
}

/// X6: the access token of Octopus lives on, the caller's credential does not.
#[tokio::test]
async fn a_token_that_was_believed_once_is_judged_by_the_clock_each_time() {
    let world = World::start().await;
    let job = world.job();
    world.get("/api/users/me").bearer(&job).ok().await;

    world.set_wall(NOW - 31);
    world.get("/api/users/me").bearer(&job).refused(401, "token_not_yet_valid").await;
    world.set_wall(NOW);
    world.get("/api/users/me").bearer(&job).ok().await;
    world.advance(Duration::from_secs(329));
    world.get("/api/users/me").bearer(&job).ok().await;
    world.advance(Duration::from_secs(1));
    world.get("/api/users/me").bearer(&job).refused(401, "token_expired").await;
    world.set_wall(NOW);

    assert_eq!(world.octopus.exchanges(), 1);
    world.close().await;
}

/// Without this a token for another system of the operator's would be good here, and ours there.
#[tokio::test]
async fn further_audiences_are_accepted_only_from_an_issuer_that_may() {
    let world = World::start_with(|settings: &mut Settings| {
        settings.issuers = settings.issuers.replace(" }", ", extra_audiences: allow }");
    })
    .await;
    let id = &world.account.id;
    for audience in [json!([id, "https://other.example"]), json!(["https://other.example", id])] {
        let token = world.mint(&claims_with(&world, "aud", audience.clone()));
        admitted(&world, &audience.to_string(), &token).await;
    }
    for audience in [json!(["https://other.example"]), json!([]), Value::from("x")] {
        let token = world.mint(&claims_with(&world, "aud", audience.clone()));
        let line = judged(&world, &token).await;
        assert_eq!(line["code"], "audience_refused", "{audience}");
    }
    world.close().await;
}
