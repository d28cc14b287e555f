//! A strict reader of the text format of metrics.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels, from a page that keeps every rule of the text format that a scraper
/// may insist on.
pub(super) fn parse(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family = (String::new(), String::new());
    let mut helped = String::new();
    assert!(page.ends_with('\n') && !page.contains("\n\n"));

    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').expect("a help has a text");
            assert!(text.ends_with('.'), "{line}");
            name.clone_into(&mut helped);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type has a name");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name, helped, "help stands before type");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(families.insert(name.to_owned()), "{name} is declared twice");
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (key, value) = line.rsplit_once(' ').expect("a sample has a value");
            check_key(key, &family);
            let value = value.parse().expect("a value is a number");
            assert_eq!(samples.insert(key.to_owned(), value), None, "{key} stands twice");
        }
    }

    samples
}

/// A sample belongs to the family declared last, and its labels are in order and escaped.
fn check_key(key: &str, (family, kind): &(String, String)) {
    let (name, labels) = key.split_once('{').unwrap_or((key, "}"));
    let is_own = match kind.as_str() {
        "histogram" => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(family)),
        _ => name == family,
    };
    assert!(is_own, "{key} under {family}");

    let labels = labels.strip_suffix('}').expect("labels are closed");
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once("=\"").expect("a label has a quoted value");
        let value = value.strip_suffix('"').expect("a label's value is closed");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{key}");
        assert!(!value.contains(['"', '\\']), "{key}");
    }
}
