//! Key sets of issuers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use octobroker::identity::{IdToken, KeySet};
use octobroker::limits;
use serde_json::Value;

/// RFC 7515 A.2.1: a token that somebody else signed.
pub const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
    Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3X\
    OiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgr\
    nbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt\
    FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl\
    UPQGe77Rw";

/// The modulus of its key.
pub const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJr\
    cS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63\
    kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I\
    5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

/// What is a key set is one to every reader, within bounds; a token is verified by its own key only.
pub fn judge(input: &[u8]) {
    let Ok(keys) = KeySet::parse(input) else { return };
    let text = std::str::from_utf8(input).expect("a key set is UTF-8");
    let value: Value = serde_json::from_str(text).expect("a key set is JSON");
    let listed = value.get("keys").and_then(Value::as_array).expect("a key set has keys");
    assert!((1..=limits::JWKS_KEYS).contains(&keys.len()) && keys.len() <= listed.len());
    assert!(!keys.is_empty());
    let token = IdToken::parse(TOKEN, limits::OWN_TOKEN_BYTES).expect("a token");
    if keys.verifies(&token).is_ok() {
        assert!(listed.iter().any(is_its_key), "another key verifies it");
        let tail = TOKEN.replace("UPQGe77Rw", "UPQGe77Sw");
        let forged = IdToken::parse(&tail, limits::OWN_TOKEN_BYTES).expect("a token");
        assert!(keys.verifies(&forged).is_err(), "a signature that is none holds");
    }
}

fn is_its_key(jwk: &Value) -> bool {
    let number = |name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
    };
    jwk.get("kty").and_then(Value::as_str) == Some("RSA")
        && number("n") == URL_SAFE_NO_PAD.decode(MODULUS).ok()
        && number("e") == Some(vec![1, 0, 1])
        && jwk.get("d").is_none_or(Value::is_null)
        && jwk.get("use").is_none_or(|found| found.is_null() || found == "sig")
}
