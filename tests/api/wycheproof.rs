//! Project Wycheproof's JSON Web Signatures (tests/fixtures/wycheproof): through the key set, where
//! the mathematics is judged, and through the door.
//!
//! Their payloads are no claims, so none of them may get past the door, and none gets as far as
//! its key there. What is valid and asymmetric must hold in [`KeySet::verifies`]; what is invalid
//! must not, in either place.

use std::collections::BTreeMap;

use emulator::{Algorithm, SigningKey};
use octobroker::identity::{IdToken, KeySet};
use octobroker::telemetry::Code;
use serde_json::{Value, json};

use crate::forge::{assert_untouched, judged};
use crate::world::{Settings, World};

const FILES: [(&str, usize); 3] = [
    (include_str!("../fixtures/wycheproof/json_web_signature_test.json"), 401),
    (include_str!("../fixtures/wycheproof/json_web_key_test.json"), 26),
    (include_str!("../fixtures/wycheproof/json_web_crypto_test.json"), 49),
];

/// What the key set says of them all: of how many valid and how many invalid ones.
const VERDICTS: [(&str, usize, usize); 5] = [
    ("algorithm_refused", 16, 23),
    ("key_unknown", 2, 20),
    ("ok", 29, 2),
    ("signature_invalid", 0, 296),
    ("token_malformed", 8, 80),
];

/// What the door says of them all.
const REFUSALS: [(&str, usize, usize); 4] = [
    ("algorithm_refused", 16, 23),
    ("claims_invalid", 31, 318),
    ("credential_missing", 0, 6),
    ("token_malformed", 8, 74),
];

/// Invalid for the way in which the key was made (ROCA, CVE-2017-15361), which no signature shows.
/// Whether an issuer's key is weak so is the issuer's to know; we look at size and exponent.
const ROCA: &str = "rejectsKeyWithRocaVulnerability";

#[derive(Debug)]
struct Vector {
    comment: String,
    token: String,
    key_set: Value,
    is_valid: bool,
}

#[test]
fn a_signature_holds_if_and_only_if_it_is_valid_and_asymmetric() {
    let stranger = json!({ "keys": [SigningKey::shared(Algorithm::Rs256).public_jwk()] });
    let mut verdicts = Tally::default();
    for vector in vectors() {
        // A document without a usable key is no key set: then somebody else's has to do.
        let own = KeySet::parse(vector.key_set.to_string().as_bytes());
        let keys = own.unwrap_or_else(|_| KeySet::parse(stranger.to_string().as_bytes()).unwrap());
        let verdict = match IdToken::parse(&vector.token, 16 << 10) {
            Err(_) => Some(Code::TokenMalformed),
            Ok(token) => keys.verifies(&token).err().map(|error| error.code()),
        };

        match verdict {
            None => assert!(vector.is_valid || vector.comment == ROCA, "{vector:?}"),
            Some(_) => assert!(!vector.is_valid || !vector.is_ours(), "{verdict:?} {vector:?}"),
        }
        verdicts.add(verdict.map_or("ok", Code::as_str), vector.is_valid);
    }

    verdicts.assert_is(&VERDICTS);
}

#[tokio::test]
async fn none_of_them_gets_past_the_door() {
    let world = World::start_with(|settings: &mut Settings| {
        let all = Algorithm::ALL.map(Algorithm::name).join(", ");
        settings.issuers = settings.issuers.replace("RS256", &all);
    })
    .await;
    let mut refusals = Tally::default();
    for vector in vectors() {
        let line = judged(&world, &vector.token).await;
        assert_eq!(line["status"], 401, "{vector:?}: {line}");
        refusals.add(line["code"].as_str().unwrap(), vector.is_valid);
    }

    refusals.assert_is(&REFUSALS);
    assert_untouched(&world, "Wycheproof");
    world.close().await;
}

impl Vector {
    /// False for what we refuse although it is valid: HMAC, P-521, an empty payload, which makes an
    /// empty part, and an algorithm that is not the key's own.
    fn is_ours(&self) -> bool {
        let algorithm = self.algorithm();
        let of_key = self.key_set["keys"][0]["alg"].as_str();
        let is_known = Algorithm::ALL.iter().any(|known| known.name() == algorithm);
        is_known && of_key == Some(&*algorithm) && !self.token.contains("..")
    }

    /// `alg` of the header, if one can be read.
    fn algorithm(&self) -> String {
        use base64::Engine as _;
        let header = self.token.split('.').next().unwrap();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
        let header: Option<Value> = json.ok().and_then(|json| serde_json::from_slice(&json).ok());
        header.and_then(|header| header["alg"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Valid and invalid ones by what was said of them.
#[derive(Default)]
struct Tally(BTreeMap<String, (usize, usize)>);

impl Tally {
    fn add(&mut self, verdict: &str, is_valid: bool) {
        let (valid, invalid) = self.0.entry(verdict.to_owned()).or_default();
        *(if is_valid { valid } else { invalid }) += 1;
    }

    fn assert_is(&self, expected: &[(&str, usize, usize)]) {
        let found: Vec<_> = self
            .0
            .iter()
            .map(|(verdict, (valid, invalid))| (verdict.as_str(), *valid, *invalid))
            .collect();
        assert_eq!(found, expected);
    }
}

/// Every JWS of the files; the JWE between them are left out.
fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (file, count) in FILES {
        let before = vectors.len();
        let file: Value = serde_json::from_str(file).unwrap();
        for group in file["testGroups"].as_array().unwrap() {
            let key = group.get("public").or_else(|| group.get("private")).unwrap();
            let key_set =
                if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
            for test in group["tests"].as_array().unwrap() {
                let token = match &test["jws"] {
                    Value::String(compact) => compact.clone(),
                    Value::Null => continue,
                    json_form => json_form.to_string(),
                };
                vectors.push(Vector {
                    comment: test["comment"].as_str().unwrap().to_owned(),
                    token,
                    key_set: key_set.clone(),
                    is_valid: test["result"] == "valid",
                });
            }
        }
        assert_eq!(vectors.len() - before, count);
    }
    vectors
}
