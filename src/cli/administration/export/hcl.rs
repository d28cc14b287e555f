//! The language of Terraform, as far as it is written here: blocks of aligned attributes, as its own
//! formatter leaves them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::cli::administration::names;
use crate::telemetry::{escaped, is_hostile};

/// A block, with an empty line above it.
pub(super) fn block(text: &mut String, head: &str, body: &str) {
    let _ = write!(text, "\n{head} {{\n{body}}}\n");
}

/// Attributes whose equals signs stand below each other; the values are expressions.
pub(super) fn attributes(indent: &str, pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{indent}{name:width$} = {value}");
        text
    })
}

/// A comment of one line, whatever stands in the text.
pub(super) fn comment(text: &mut String, indent: &str, sentence: &str) {
    let _ = writeln!(text, "{indent}# {}", escaped(sentence));
}

/// A text as an expression, with no template in it. JSON's form would not do: HCL has other escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => quoted.extend([character, character]),
            hostile if is_hostile(hostile) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(hostile));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The text as the name of a resource, other than those that are taken.
pub(super) fn unique(taken: &mut BTreeSet<String>, text: &str) -> String {
    let label = names::label(text.chars(), "_-", '_');
    let label = label.trim_end_matches('_');
    if label.starts_with(|first: char| first.is_ascii_alphabetic()) {
        names::unique(taken, label, '_')
    } else {
        names::unique(taken, &format!("_{}", label.trim_start_matches('_')), '_')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_template_or_breaks_out() {
        let rows = [
            ("a\"${b}%{c}\n", r#""a\"$${b}%%{c}\n""#),
            // What is doubled already stays what it was: `$$${` is `$` and an escaped template.
            ("$${b}", r#""$$${b}""#),
            ("a\\b\u{202e}", r#""a\\b\U0000202e""#),
            ("a\u{0}b\u{8}\u{c}", r#""a\U00000000b\U00000008\U0000000c""#),
            ("100% of $5 {x}", r#""100% of $5 {x}""#),
        ];
        for (text, expected) in rows {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn a_comment_stays_one_line() {
        let mut text = String::new();
        comment(&mut text, "  ", "a\nresource \"x\" \"y\" {}");
        assert_eq!(text, "  # a\\nresource \"x\" \"y\" {}\n");
    }

    #[test]
    fn a_label_is_a_name_and_nobody_else_s() {
        let mut taken = BTreeSet::new();
        let rows = [
            ("web (2)", "web_2"),
            ("web.2", "web_2_2"),
            ("7.x\" {", "_7_x"),
            ("--", "_--"),
            ("", "_"),
        ];
        for (text, expected) in rows {
            assert_eq!(unique(&mut taken, text), expected);
        }
    }
}
