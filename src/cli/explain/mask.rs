//! Claims as they are shown: values that say who a person is are masked, all others whole.

use serde_json::Value;

use crate::identity::{ClaimAddress, Claims, Json};

/// Claims that name a person, at the top of a token.
const PERSONAL: [&str; 18] = [
    "actor",
    "email",
    "family_name",
    "given_name",
    "initiator",
    "login",
    "mail",
    "name",
    "nickname",
    "phone_number",
    "preferred_username",
    "triggered_by",
    "unique_name",
    "upn",
    "user_email",
    "user_login",
    "user_name",
    "username",
];

/// All claims of a payload, in JSON.
pub(super) fn shown(payload: &Json) -> Value {
    let Json::Object(members) = payload else {
        return masked(payload);
    };
    let member = |(name, value): (&str, &Json)| {
        let is_personal = PERSONAL.contains(&name);
        let shown = if is_personal { person(value) } else { masked(value) };
        (name.to_owned(), shown)
    };
    Value::Object(members.iter().map(member).collect())
}

/// What a token holds at an address, as a text for the operator.
pub(in crate::cli) fn actual(claims: &Claims, address: &str) -> String {
    let Some(address) = ClaimAddress::parse(address) else {
        return "nothing".to_owned();
    };
    let is_personal =
        matches!(&address, ClaimAddress::Name(name) if PERSONAL.contains(&name.as_str()));
    match claims.at(&address) {
        None => "nothing".to_owned(),
        Some(Json::Object(members)) => format!("an object with {} members", members.len()),
        Some(value) if is_personal => person(value).to_string(),
        Some(value) => masked(value).to_string(),
    }
}

/// A value that may hold an address of e-mail anywhere.
fn masked(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => number.to_string().into(),
        },
        Json::Float(number) => (*number).into(),
        Json::String(text) if is_mail(text) => mask(text).into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(masked).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.to_owned(), masked(value)));
            Value::Object(members.collect())
        }
    }
}

/// A value that names a person.
fn person(value: &Json) -> Value {
    match value {
        Json::String(text) if text.is_empty() => "".into(),
        Json::String(text) => mask(text).into(),
        Json::Null | Json::Bool(_) => masked(value),
        _ => "…".into(),
    }
}

/// `j…@acme.example`, `j…`: enough to see whose it may be, for who knows it.
fn mask(text: &str) -> String {
    let first: String = text.chars().take(1).collect();
    match text.rsplit_once('@') {
        Some((_, domain)) => format!("{first}…@{domain}"),
        None => format!("{first}…"),
    }
}

fn is_mail(text: &str) -> bool {
    let is_plain = !text.contains(['/', ':']) && !text.contains(char::is_whitespace);
    is_plain
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && domain.contains('.') && !domain.contains('@')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str = r#"{"iss":"i","sub":"repo:acme@7/web@8:ref:x","exp":1,"actor":"jdoe",
        "user_email":"jdoe@acme.example","google":{"email":"a@b.example","name":"pod"},
        "name":"Jo Doe","actor_id":"5","n":18446744073709551615,"l":["x@y.example",1.5,true],
        "triggered_by":["jdoe"],"nickname":""}"#;

    #[test]
    fn persons_are_masked_and_nothing_else() {
        let payload = Json::parse(PAYLOAD.as_bytes()).unwrap();
        let shown = shown(&payload);

        let expected = serde_json::json!({
            "iss": "i", "sub": "repo:acme@7/web@8:ref:x", "exp": 1, "actor": "j…",
            "user_email": "j…@acme.example", "google": { "email": "a…@b.example", "name": "pod" },
            "name": "J…", "actor_id": "5", "n": 18_446_744_073_709_551_615_u64,
            "l": ["x…@y.example", 1.5, true], "triggered_by": "…", "nickname": ""
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_a_rule_looked_at_is_masked_as_well() {
        let claims = Claims::of(Json::parse(PAYLOAD.as_bytes()).unwrap()).unwrap();
        let rows = [
            ("actor", "\"j…\""),
            ("/google/name", "\"pod\""),
            ("/google/email", "\"a…@b.example\""),
            ("google", "an object with 2 members"),
            ("missing", "nothing"),
            ("n", "18446744073709551615"),
        ];
        for (address, expected) in rows {
            assert_eq!(actual(&claims, address), expected, "{address}");
        }
    }
}
