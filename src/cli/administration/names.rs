//! Texts of Octopus's and of operators as names in a file: of few characters, and each once.

use std::collections::BTreeSet;

/// The text with a filler in place of whatever is no letter, no digit and none of `others`; fillers
/// that would stand beside each other are one.
pub(super) fn label(text: impl Iterator<Item = char>, others: &str, filler: char) -> String {
    let is_good = |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    text.fold(String::new(), |mut label, character| {
        let character = if is_good(character) { character } else { filler };
        if !(character == filler && label.ends_with(filler)) {
            label.push(character);
        }
        label
    })
}

/// The name, with a number behind it if it is taken.
pub(super) fn unique(taken: &mut BTreeSet<String>, wanted: &str, filler: char) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}{filler}{number}");
        number += 1;
    }
    name
}
