//! Claim sets: strict JSON, strict types. Input: the address of a claim, a line feed, a document.

use octobroker::identity::{ClaimAddress, Claims, Json};
use octobroker::limits;
use serde_json::Value;

/// What is taken is JSON to everybody, says the same to everybody, and is what RFC 7519 demands.
pub fn judge(input: &[u8]) {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (address, document) = input.split_at(line);
    let document = document.strip_prefix(b"\n").unwrap_or(document);
    let Ok(json) = Json::parse(document) else { return };
    let value: Value = serde_json::from_slice(document).expect("strict JSON is JSON");
    assert!(depth(&value) <= limits::JSON_DEPTH, "nested too deeply");
    let written = json.to_document();
    assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(value.clone()), "written anew");
    assert_eq!(Json::parse(written.as_bytes()).ok(), Some(json.clone()), "read again");
    let Ok(claims) = Claims::of(json) else { return };
    assert_eq!(value.get("sub").and_then(Value::as_str), Some(claims.subject()));
    assert_eq!(value.get("iss").and_then(Value::as_str), Some(claims.issuer()));
    assert!((1..=limits::SUBJECT_BYTES).contains(&claims.subject().len()));
    assert!(!claims.issuer().is_empty());
    let date = |name: &str| value.get(name).map(|value| value.as_f64().unwrap_or(-1.0));
    assert!(date("exp").is_some(), "no exp");
    for time in ["exp", "nbf", "iat"].into_iter().filter_map(date) {
        assert!((0.0..9_007_199_254_740_992.0).contains(&time), "{time} is no time");
    }
    assert_eq!(claims.all().count(), value.as_object().map_or(0, serde_json::Map::len));
    check_address(&claims, &value, address);
}

/// `serde_json` has JSON Pointers (RFC 6901) of its own.
fn check_address(claims: &Claims, value: &Value, address: &[u8]) {
    let Ok(address) = std::str::from_utf8(address) else { return };
    let Some(parsed) = ClaimAddress::parse(address) else {
        assert!(address.starts_with('/') && address.contains('~'), "{address} is an address");
        return;
    };
    assert_eq!(parsed.to_string(), address);
    let theirs = if address.starts_with('/') { value.pointer(address) } else { value.get(address) };
    let ours = claims.at(&parsed).map(Json::to_document);
    let ours: Option<Value> = ours.map(|text| serde_json::from_str(&text).expect("a document"));
    assert_eq!(ours.as_ref(), theirs, "at {address}");
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0) + 1,
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0) + 1,
        _ => 0,
    }
}
