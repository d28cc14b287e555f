//! RSA signatures that are almost right: other paddings, other salts, cube roots. The tokens are
//! made by `tests/fixtures/rsa_forgeries.py`, for no library makes them.

use serde_json::{Value, json};

use crate::forge::{judged, refused};
use crate::world::{Settings, TemporaryFile, World};

const TOKENS: &str = include_str!("../fixtures/rsa_forgeries.json");

#[tokio::test]
async fn a_signature_is_padded_as_its_algorithm_says_and_not_otherwise() {
    let tokens: Value = serde_json::from_str(TOKENS).unwrap();
    let keys = json!({ "keys": tokens["keys"] }).to_string();
    let file = TemporaryFile::new("forgeries.jwks.json", keys);
    let mut world = World::without_broker().await;
    let mut settings = Settings::of(&world);
    settings.issuers = format!(
        "ci: {{ provider: custom, url: 'https://ci.acme.example', algorithms: [RS256, PS256], \
         jwks_file: '{}' }}",
        file.path().display()
    );
    settings.service_accounts =
        format!("release-bot: {{ id: {}, audience: octobroker }}", world.account.id);
    world.serve(&settings.to_yaml()).await;
    world.until_ready().await;
    let each = |kind: &str| tokens[kind].as_object().unwrap().iter();

    for (what, token) in each("forged") {
        refused(&world, what, token.as_str().unwrap(), "signature_invalid").await;
    }
    for (what, token) in each("good") {
        let line = judged(&world, token.as_str().unwrap()).await;
        // The emulated Octopus does not know the issuer.
        assert_eq!(
            (&line["rule"], &line["code"]),
            (&"web".into(), &"exchange_refused".into()),
            "{what}"
        );
    }

    assert_eq!((each("good").count(), each("forged").count()), (3, 29));
    world.close().await;
}
