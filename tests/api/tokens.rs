//! ID tokens of hostile form: each is refused with its own word, and Octopus hears nothing of it.

use emulator::{Algorithm, SigningKey, jwt};

use crate::forge::{self, HEADER, admitted, assert_untouched, refused};
use crate::world::{World, exchange_raw};

#[tokio::test]
async fn a_request_without_a_bearer_token_is_told_that_one_is_missing() {
    let world = World::start().await;

    for credential in ["", "Bearer", "Bearer   ", "Basic YTpi", "Negotiate YTpi", "Digest a=\"b\""]
    {
        let call = world.get("/api/users/me").header("authorization", credential);
        let reply = call.refused(401, "credential_missing").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{credential}");
    }
    let reply = world.get("/api/users/me").refused(401, "credential_missing").await;

    // RFC 6750 3.1: no error code for whoever did not know that a credential was wanted.
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_untouched(&world, "no token");
    world.close().await;
}

#[tokio::test]
async fn only_three_parts_of_base64url_are_a_token() {
    let world = World::start().await;
    let job = world.job();
    let [header, payload, signature] = parts(&job);
    let (plus, slash) = (format!("+{header}"), format!("{payload}/"));
    let rows = [
        ("two tokens", format!("{job} {job}")),
        ("quotes", format!("\"{job}\"")),
        ("no dot", header.clone()),
        ("one dot", format!("{header}.{payload}")),
        ("four parts", format!("{job}.{signature}")),
        ("two dots alone", "..".to_owned()),
        ("1,000 dots", ".".repeat(1_000)),
        ("a leading dot", format!(".{job}")),
        ("a trailing dot", format!("{job}.")),
        ("an empty header", format!(".{payload}.{signature}")),
        ("an empty payload", format!("{header}..{signature}")),
        ("an empty signature", format!("{header}.{payload}.")),
        ("five parts", format!("{job}.{payload}.{signature}")),
        ("padding", format!("{header}.{payload}.{signature}==")),
        ("padding in the header", format!("{header}=.{payload}.{signature}")),
        ("a plus", format!("{plus}.{payload}.{signature}")),
        ("a slash", format!("{header}.{slash}.{signature}")),
        ("a space inside", format!("{header}. {payload}.{signature}")),
        ("a tab inside", format!("{header}.{payload}.\t{signature}")),
        ("escaped dots", job.replace('.', "%2E")),
        ("a comma behind", format!("{job},")),
        ("a comma and another token", format!("{job}, Bearer {job}")),
        ("a semicolon", format!("{job};q=1")),
        (
            "the flattened JSON form",
            format!(
                "{{\"protected\":\"{header}\",\"payload\":\"{payload}\",\"signature\":\"{signature}\"}}"
            ),
        ),
        (
            "the general JSON form",
            format!(
                "{{\"payload\":\"{payload}\",\"signatures\":[{{\"protected\":\"{header}\"}}]}}"
            ),
        ),
        ("JSON that falls into three parts", format!("{{\"a\":\"{job}\"}}")),
    ];
    for (what, token) in rows {
        refused(&world, what, &token, "token_malformed").await;
    }
    world.close().await;
}

#[tokio::test]
async fn an_encrypted_token_is_refused_before_anything_is_decrypted() {
    let world = World::start().await;
    let headers = [
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"ci-1"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"c2FsdA"}"#,
    ];
    for header in headers {
        let header = jwt::b64(header);
        let five = format!("{header}.{0}.{0}.{0}.{0}", jwt::b64("0123456789abcdef"));
        refused(&world, "five parts", &five, "token_malformed").await;
        let four = format!("{header}..{0}.{0}.{0}", jwt::b64("0123456789abcdef"));
        refused(&world, "no encrypted key", &four, "token_malformed").await;
        let three = format!("{header}.{0}.{0}", jwt::b64("0123456789abcdef"));
        refused(&world, "three of the parts", &three, "algorithm_refused").await;
    }
    world.close().await;
}

#[tokio::test]
async fn unused_bits_that_are_set_make_another_text_of_the_same_bytes() {
    let world = World::start().await;
    let key = world.issuer.key();
    // As many spaces behind the JSON as leave bits unused.
    let uneven =
        |json: &str| format!("{json}{}", " ".repeat(usize::from(json.len().is_multiple_of(3))));
    let header = jwt::b64(uneven(HEADER));
    let payload = jwt::b64(uneven(&world.claims().to_string()));
    let sign = |input: String| {
        let signature = jwt::b64(key.sign(input.as_bytes()));
        world.keep_secret(format!("{input}.{signature}"))
    };
    let good = sign(format!("{header}.{payload}"));

    refused(&world, "header", &sign(format!("{}.{payload}", spoilt(&header))), "token_malformed")
        .await;
    refused(&world, "payload", &sign(format!("{header}.{}", spoilt(&payload))), "token_malformed")
        .await;
    // The signature is read last, so its text is no part of the form.
    refused(&world, "signature", &spoilt(&good), "signature_invalid").await;

    admitted(&world, "without such bits", &good).await;
    world.close().await;
}

#[tokio::test]
async fn the_size_limit_of_16_kib_holds_to_the_byte() {
    let world = World::start().await;
    let largest = of_length(&world, 16 << 10);
    let too_large = of_length(&world, (16 << 10) + 1);

    refused(&world, "over it", &too_large, "token_too_large").await;
    refused(&world, "40 KiB", &"a".repeat(40 << 10), "token_too_large").await;
    let huge = format!(
        "GET /api HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}",
        world.address(),
        "a".repeat(80 << 10),
    );
    let answer = exchange_raw(world.address(), huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:.80}");
    admitted(&world, "at the limit", &largest).await;
    world.close().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_never_get_into_the_log() {
    let world = World::start().await;
    let rows: [(&[u8], &str); 6] = [
        (b"\xff\xfe\xfd", "400"),
        (b"a.b.\xc3\xa9", "400"),
        (b"a.\x7fb.c", "400"),
        (b"a.b.c\0d", "400"),
        (b"a.b\r.c", "400"),
        (b"a.b\n.c", "400"),
    ];
    for (credential, status) in rows {
        let head = format!("GET /api/users/me HTTP/1.1\r\nHost: {}\r\n", world.address());
        let mut request = head.into_bytes();
        request.extend(b"Connection: close\r\nAuthorization: Bearer ");
        request.extend(credential);
        request.extend(b"\r\n\r\n");

        let answer = exchange_raw(world.address(), &request).await;

        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{credential:?} {answer:.300}");
    }
    assert_untouched(&world, "bytes");
    assert!(world.log().chars().all(|c| c == '\n' || (' '..='~').contains(&c)));
    world.close().await;
}

#[tokio::test]
async fn a_signature_that_is_not_over_this_token_does_not_hold() {
    let world = World::start().await;
    let job = world.job();
    let [header, payload, signature] = parts(&job);
    let bytes = world.issuer.key().sign(format!("{header}.{payload}").as_bytes());
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let jwk = world.issuer.key().public_jwk();
    let modulus = decoded(jwk["n"].as_str().unwrap());
    let [_, _, of_another] = parts(&world.job());
    let rows = [
        ("truncated", jwt::b64(&bytes[..255])),
        ("its first half", jwt::b64(&bytes[..128])),
        ("extended", jwt::b64([&bytes[..], &[0]].concat())),
        ("a zero before it", jwt::b64([&[0], &bytes[..]].concat())),
        ("its first bit flipped", jwt::b64(flipped(0))),
        ("its last bit flipped", jwt::b64(flipped(255))),
        ("all zero", jwt::b64([0; 256])),
        ("all ones", jwt::b64([0xff; 256])),
        ("one", jwt::b64(number(1, 256))),
        ("the modulus", jwt::b64(&modulus)),
        ("more by the modulus", jwt::b64(sum(&bytes, &modulus))),
        ("of another token", of_another),
        ("twice", jwt::b64([&bytes[..], &bytes[..]].concat())),
        ("one byte", "AA".to_owned()),
        ("one character, which is no byte", "A".to_owned()),
        ("the hash alone", jwt::b64([7; 32])),
    ];
    assert_eq!(signature, jwt::b64(&bytes));
    for (what, forged) in rows {
        let token = format!("{header}.{payload}.{forged}");
        refused(&world, what, &token, "signature_invalid").await;
    }

    let other = forge::claims_with(&world, "sub", "repo:acme/other".into());
    let other = jwt::b64(other.to_string());
    refused(
        &world,
        "over other claims",
        &format!("{header}.{other}.{signature}"),
        "signature_invalid",
    )
    .await;
    let stranger = SigningKey::shared(Algorithm::Rs256);
    let header = r#"{"alg":"RS256","kid":"ci-1"}"#;
    let token = forge::signed_with(&world, &stranger, header, &world.claims().to_string());
    refused(&world, "somebody else's key", &token, "signature_invalid").await;
    world.close().await;
}

/// A good token of so many characters.
fn of_length(world: &World, wanted: usize) -> String {
    let mut claims = world.claims();
    claims["pad"] = "".into();
    let (payload, signature) = (claims.to_string().len(), 342);
    let base64url = |bytes: usize| (bytes * 4).div_ceil(3);
    let lengths = (0..3).flat_map(|spaces| (0..wanted).map(move |pad| (spaces, pad)));
    let (spaces, pad) = lengths
        .into_iter()
        .find(|(spaces, pad)| {
            let parts = base64url(HEADER.len() + spaces) + base64url(payload + pad) + signature;
            parts + 2 == wanted
        })
        .unwrap();
    claims["pad"] = "x".repeat(pad).into();
    let header = format!("{HEADER}{}", " ".repeat(spaces));
    let token = forge::signed(world, &header, &claims.to_string());
    assert_eq!(token.len(), wanted);
    token
}

/// The three parts of a token.
pub(crate) fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// The bytes behind base64url, which no test of ours writes wrongly.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The same text with the lowest bit of its last character set, which base64url does not use here.
fn spoilt(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|letter| [*letter] == *last.as_bytes()).unwrap();
    assert_eq!(value & 1, 0, "the bit is used");
    format!("{rest}{}", char::from(ALPHABET[value | 1]))
}

/// A number in so many bytes, the greatest first.
fn number(value: u8, bytes: usize) -> Vec<u8> {
    let mut number = vec![0; bytes];
    number[bytes - 1] = value;
    number
}

/// The sum of two numbers of one length, in one byte more if it needs one.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = Vec::new();
    for (a, b) in a.iter().zip(b).rev() {
        let digit = u16::from(*a) + u16::from(*b) + carry;
        sum.push(digit.to_le_bytes()[0]);
        carry = digit >> 8;
    }
    sum.extend((carry > 0).then_some(1));
    sum.reverse();
    sum
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged_by_its_own_token() {
    let world = World::start().await;
    let [one, two] = ["1", "2"].map(|id| {
        let mut claims = world.claims();
        claims["jti"] = id.into();
        world.mint(&claims)
    });
    let [[header, payload, _], [.., signature]] = [parts(&one), parts(&two)];
    let forged = world.keep_secret(format!("{header}.{payload}.{signature}"));
    let mut wire = world.wire().await;

    for token in [&one, &one, &two, &one, &forged, &one] {
        let head = "GET /api/users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer";
        wire.write(format!("{head} {token}\r\n\r\n")).await;
    }

    let lines = world.audited_lines(6).await;
    let said = lines.iter().map(|line| (line["code"].as_str().unwrap(), line["jti"].as_str()));
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            ("ok", Some("1")),
            ("ok", Some("1")),
            ("ok", Some("2")),
            ("ok", Some("1")),
            ("signature_invalid", None),
            ("ok", Some("1")),
        ]
    );
    drop(wire);
    world.close().await;
}
