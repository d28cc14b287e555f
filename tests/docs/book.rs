//! The pages as one book: its table of contents, and where links lead.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Reads a file, named from the project's folder; `None` if there is none.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with the table of contents: pages that it lacks, names twice or makes up.
pub(crate) fn contents_faults(summary: &str, pages: &BTreeSet<String>) -> Vec<String> {
    let named: Vec<&str> = links(summary).collect();
    let known: BTreeSet<String> = named.iter().map(|page| (*page).to_owned()).collect();
    let lacking = pages.difference(&known).map(|page| format!("lacks {page}"));
    let made_up = known.difference(pages).map(|page| format!("names {page}, which is not there"));
    let mut faults: Vec<String> = lacking.chain(made_up).collect();
    if named.len() != known.len() {
        faults.push("names a page twice".to_owned());
    }
    faults
}

/// The links of a page, named from the project's folder, that lead to no file or to no heading.
pub(crate) fn link_faults(
    page: &str,
    text: &str,
    read: Read<'_>,
    exists: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let text = prose(text);
    let inner = |link: &&str| !link.contains("://") && !link.starts_with("mailto:");
    let leads_nowhere = |link: &&str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { page.to_owned() } else { beside(page, path) };
        if !exists(&target) {
            return true;
        }
        let is_page = is_markdown(&target);
        let has_heading = |text: String| headings(&text).iter().any(|known| known == heading);
        let is_there = heading.is_empty() || (is_page && read(&target).is_some_and(has_heading));
        !is_there
    };
    links(&text).filter(inner).filter(leads_nowhere).map(|link| format!("{page}: {link}")).collect()
}

/// Whether this file is a page.
pub(crate) fn is_markdown(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|end| end == "md")
}

/// What stands behind `](`, to the bracket that closes it.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// The text without its blocks and spans of code, where brackets mean other things.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            // A span may be the words of a link: `[`a`](b)`. What is outside of spans is kept.
            lines.push(line.split('`').step_by(2).collect::<Vec<_>>().join("\u{1}"));
        }
    }
    lines.join("\n")
}

/// The names of headings, as they stand behind `#` in links. A comment in a block of code may count as
/// one, which does no harm.
fn headings(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    headings.map(name).collect()
}

/// A path that is written in a page, from the project's folder.
fn beside(page: &str, path: &str) -> String {
    let mut whole = PathBuf::from(page);
    whole.pop();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    whole.display().to_string()
}
