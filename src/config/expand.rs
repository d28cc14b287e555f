//! `${NAME}` and `${NAME:-default}`: values from the environment.
//!
//! Expanded in plain values: keys never, and quoted values never, so that `'${NAME}'` is how to
//! write these characters themselves. A lone `$`, and `$$`, mean nothing. The default serves, as
//! in a shell, if the variable is not set or empty; it ends at the first `}`. What was expanded
//! is not expanded again, is a text whatever it looks like, and is never shown in a problem.

use super::problem::Problems;
use super::yaml::{Node, Scalar, Style, Value};

/// The variables of the process, as `main` hands them down.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Expands everything below `node`.
pub(super) fn expand(node: &mut Node, environment: Environment<'_>, problems: &mut Problems) {
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                expand(item, environment, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, environment, problems);
            }
        }
        Value::Scalar(scalar) if scalar.style == Style::Plain && scalar.text.contains("${") => {
            match expanded(&scalar.text, environment) {
                Ok(text) => {
                    *scalar = Scalar { text, style: Style::Expanded };
                }
                Err(sentence) => {
                    problems.add(&node.place, sentence);
                    node.value = Value::Broken;
                }
            }
        }
        Value::Scalar(_) | Value::Null | Value::Broken => {}
    }
}

fn expanded(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let Some((reference, after)) = reference.split_once('}') else {
            return Err("`${` has no `}`; quote the value if the characters are meant".to_owned());
        };
        result.push_str(before);
        result.push_str(&value(reference, environment)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn value(reference: &str, environment: Environment<'_>) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_name(name) {
        return Err(format!(
            "`${{{reference}}}` names no variable; write ${{NAME}} or ${{NAME:-default}}, or quote \
             the value if the characters are meant"
        ));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
        )),
    }
}

fn is_name(name: &str) -> bool {
    let is_start = |character: char| character.is_ascii_alphabetic() || character == '_';
    name.starts_with(is_start)
        && name.chars().all(|character| is_start(character) || character.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "HOST" => "acme.example",
            "EMPTY" => "",
            "AGAIN" => "${HOST}",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn variables_are_put_in() {
        let rows = [
            ("https://${HOST}/octopus", "https://acme.example/octopus"),
            ("${HOST}${HOST}", "acme.exampleacme.example"),
            ("${HOST:-x}", "acme.example"),
            ("${UNSET:-x y}", "x y"),
            ("${UNSET:-}", ""),
            ("${UNSET:-a:-b}", "a:-b"),
            ("${EMPTY:-x}", "x"),
            ("[${EMPTY}]", "[]"),
            ("${AGAIN}", "${HOST}"),
            ("$HOST $ $$ }", "$HOST $ $$ }"),
            ("$${HOST}", "$acme.example"),
        ];
        for (text, expected) in rows {
            assert_eq!(expanded(text, &environment).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_expanded_is_said() {
        let rows = [
            ("${UNSET}", "variable UNSET is not set; set it, or write ${UNSET:-default}"),
            ("x ${HOST", "has no `}`"),
            ("${}", "names no variable"),
            ("${1A}", "names no variable"),
            ("${A B}", "names no variable"),
            ("${A-x}", "names no variable"),
            ("${A:?x}", "names no variable"),
            ("${${HOST}}", "names no variable"),
        ];
        for (text, phrase) in rows {
            let sentence = expanded(text, &environment).unwrap_err();
            assert!(sentence.contains(phrase), "{text}: {sentence}");
        }
    }
}
