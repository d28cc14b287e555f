//! Texts of Octopus's as parts of a YAML file: nothing breaks out of its place.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cli::administration::names;
use crate::cli::explain::safe;

/// Longest name of a rule or an account, in characters.
const NAME: usize = 60;

/// What YAML reads as something else than a text.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A quoted JSON text is YAML as well; what stands in quotes is not expanded.
pub(super) fn quoted(text: &str) -> String {
    safe(&Value::from(text).to_string())
}

/// A name as it stands in the file.
pub(super) fn plain(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if is_plain { name.to_owned() } else { quoted(name) }
}

/// The text as the name of something, other than those that are taken.
pub(super) fn unique(taken: &mut BTreeSet<String>, text: &str) -> String {
    let label = names::label(text.chars().take(NAME), "_.-", '-');
    let label = label.trim_matches('-');
    names::unique(taken, if label.is_empty() { "unnamed" } else { label }, '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_octopus_breaks_out_of_its_place() {
        let rows = [
            ("a\"b\n- c: \u{202e}", r#""a\"b\n- c: \u202e""#),
            ("${HOME}", r#""${HOME}""#),
            ("# no", r##""# no""##),
        ];
        for (text, expected) in rows {
            assert_eq!(quoted(text), expected);
        }
        for (name, expected) in [("web-1", "web-1"), ("7", "\"7\""), ("No", "\"No\"")] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn a_name_is_a_label_and_nobody_else_s() {
        let mut taken = BTreeSet::new();
        let (long, cut) = ("x".repeat(200), "x".repeat(NAME));
        let rows = [
            ("web (2)", "web-2"),
            ("web 2", "web-2-2"),
            ("Ä: *", "unnamed"),
            ("", "unnamed-2"),
            (&long, &cut),
        ];
        for (text, expected) in rows {
            assert_eq!(unique(&mut taken, text), expected);
        }
    }
}
