//! VAR1: variables in quotes, which stay as they are.

use super::scene::{Found, Scene};
use super::table::VAR1;
use crate::config::yaml::{Node, Scalar, Style, Value};

/// A shell puts in variables of its own.
const COMMAND: &str = "ambient.token.command";

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    look_below(scene.root, &mut found);
    found
}

fn look_below(node: &Node, found: &mut Vec<Found>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| look_below(item, found)),
        Value::Map(entries) => entries.iter().for_each(|entry| look_below(&entry.node, found)),
        Value::Scalar(Scalar { text, style: Style::Quoted })
            if names_variable(text) && !node.place.path.starts_with(COMMAND) =>
        {
            let sentence = "stays as it is, for variables are put into values without quotes \
                            alone; remove the quotes, outside of { } and [ ]";
            found.push(Found::new(&VAR1, &node.place, sentence));
        }
        Value::Scalar(_) | Value::Null | Value::Broken => {}
    }
}

/// `${NAME}` or `${NAME:-default}` somewhere in it.
fn names_variable(text: &str) -> bool {
    text.split("${").skip(1).any(|reference| {
        let end = reference.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let rest = end.and_then(|end| reference.get(end..)).unwrap_or_default();
        end != Some(0) && (rest.starts_with('}') || (rest.starts_with(":-") && rest.contains('}')))
    })
}
