//! The page of bad inputs: each number of the catalogue has its row, and each row tests that exist,
//! or a reason.

use std::ops::RangeInclusive;

/// Finds the text of a file of the project.
pub(crate) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The numbers of the catalogue.
const NUMBERS: [RangeInclusive<u16>; 13] = [
    1..=21,
    30..=41,
    50..=56,
    60..=73,
    80..=90,
    100..=112,
    120..=136,
    150..=157,
    200..=223,
    240..=252,
    270..=283,
    300..=312,
    320..=331,
];

/// What is wrong with the page.
pub(crate) fn faults(page: &str, read: Read<'_>) -> Vec<String> {
    let mut faults: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.ends_with("| tests |"))
        .flat_map(|row| row_faults(row, read))
        .collect();
    let number = |line: &str| line.strip_prefix("| B-")?.get(..3)?.parse().ok();
    let found: Vec<u16> = page.lines().filter_map(number).collect();
    let wanted: Vec<u16> = NUMBERS.into_iter().flatten().collect();
    if found != wanted {
        faults.push(format!("the numbers of the rows are {found:?}, not {wanted:?}"));
    }
    faults
}

/// What is wrong with a row, whose last cell names tests or, behind a dash, a reason.
pub(crate) fn row_faults(row: &str, read: Read<'_>) -> Vec<String> {
    let cell = row.trim_end_matches([' ', '|']).rsplit_once("| ").map_or("", |(_, cell)| cell);
    let (tests, reason) = cell.split_once('—').unwrap_or((cell, ""));
    let tests: Vec<&str> = tests.split('`').filter(|name| name.contains("::")).collect();
    if tests.is_empty() && reason.trim().is_empty() {
        return vec![format!("neither a test nor a reason: {row}")];
    }
    tests
        .into_iter()
        .filter(|test| !exists(test, read))
        .map(|test| format!("no test: {test}"))
        .collect()
}

/// `tokens::x` stands in `tests/api`, `src/a/b::x` where it says, other paths below `tests`.
fn exists(test: &str, read: Read<'_>) -> bool {
    let Some((file, function)) = test.split_once("::") else { return false };
    let folders = if file.starts_with("src/") { &[""][..] } else { &["tests/api/", "tests/"] };
    let texts = folders.iter().filter_map(|folder| read(&format!("{folder}{file}.rs")));
    let is_there = |text: String| {
        let mut is_marked = false;
        text.lines().map(str::trim).any(|line| {
            let found = is_marked && line.contains(&format!("fn {function}("));
            is_marked = line.starts_with("#[test]")
                || line.starts_with("#[tokio::test")
                || (is_marked && line.starts_with("#["));
            found
        })
    };
    texts.into_iter().any(is_there)
}
