//! SEC1 to SEC3: secrets in the file, and files that everybody may read or write.

use std::fs::Metadata;
use std::path::Path;

use super::table::{SEC1, SEC2, SEC3};
use crate::config::problem::Problems;
use crate::config::yaml::{Node, Place, Value};
use crate::platform::files;

/// Fewest characters behind `API-` of what looks like a key.
const KEY: usize = 20;

/// Shortest part of what looks like a JWT.
const PART: usize = 10;

/// Reports values that look like secrets, and takes them out, so that nothing shows them. To be
/// called before variables are put in: a secret that comes from the environment is where it should
/// be.
pub(in crate::config) fn take_out_secrets(node: &mut Node, problems: &mut Problems) {
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                take_out_secrets(item, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                take_out_secrets(&mut entry.node, problems);
            }
        }
        Value::Scalar(scalar) => {
            if let Some(what) = secret_in(&scalar.text) {
                let sentence = format!(
                    "looks like {what}, and a secret never stands in the configuration; write \
                     `{{ file: /run/secrets/key }}` or `{{ env: NAME }}` where a key is needed, and \
                     replace this one, for it may have been seen"
                );
                problems.add_lint(&SEC1, &node.place, sentence);
                node.value = Value::Broken;
            }
        }
        Value::Null | Value::Broken => {}
    }
}

/// What a text looks like, if that is a secret.
fn secret_in(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        Some("a private key")
    } else if has_api_key(text) {
        Some("an Octopus API key")
    } else {
        has_token(text).then_some("a token (JWT)")
    }
}

fn has_api_key(text: &str) -> bool {
    let is_of_key = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.split("API-").skip(1).any(|rest| rest.bytes().take_while(is_of_key).count() >= KEY)
}

/// A JSON object in base64url begins with `eyJ`.
fn has_token(text: &str) -> bool {
    let is_of_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_of_token = |byte: u8| is_of_part(byte) || byte == b'.';
    text.split(|character: char| !u8::try_from(character).is_ok_and(is_of_token)).any(|word| {
        let mut parts = word.split('.').skip_while(|part| !part.starts_with("eyJ"));
        let is_part = |part: &str| part.len() >= PART;
        parts.next().is_some_and(is_part) && parts.next().is_some_and(is_part)
    })
}

/// Whoever may write the file decides who may do what.
pub(in crate::config) fn warn_of_writers(path: &Path, of: &Metadata, problems: &mut Problems) {
    if files::mode_with(of, 0o002).is_some() {
        let place = Place { line: 0, column: 0, path: String::new() };
        let sentence = format!(
            "everybody on this machine may write the file, and so decide who may do what; \
             chmod o-w {}",
            path.display()
        );
        problems.add_lint(&SEC2, &place, sentence);
    }
}

/// Whoever may read a secret's file has the secret, and not every system tells who that is.
pub(in crate::config) fn warn_of_unknown_readers(path: &Path, at: &Node, problems: &mut Problems) {
    if !files::TELL_ACCESS {
        let sentence = format!(
            "this system does not tell who may read the file {}; see that only the broker's own user \
             may, or write `{{ env: NAME }}`",
            path.display()
        );
        problems.add_lint(&SEC3, &at.place, sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_secret_is_taken_for_one() {
        let key = format!("API-{}", "A1".repeat(10));
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmF0dXJl";
        let rows = [
            (key.as_str(), true),
            (&format!("x {key}"), true),
            ("API-SHORT", false),
            ("API-", false),
            ("api-abcdefghijklmnopqrstuvwxyz", false),
            (token, true),
            (&format!("Bearer {token}"), true),
            ("eyJhbGciOiJSUzI1NiJ9", false),
            ("eyJ.b.c", false),
            ("-----BEGIN PRIVATE KEY-----\nMII", true),
            ("-----BEGIN EC PRIVATE KEY-----\nMII", true),
            ("-----BEGIN CERTIFICATE-----\nMII", false),
            ("repo:acme/web:ref:refs/heads/main", false),
            ("5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33", false),
        ];
        for (text, expected) in rows {
            assert_eq!(secret_in(text).is_some(), expected, "{text}");
        }
    }
}
