//! Patterns of rules. Input: a pattern, a line feed, a text.

use octobroker::trust::Glob;

/// Patterns match what the obvious, slow matcher matches.
pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (pattern, text) = text.split_once('\n').unwrap_or((text, ""));
    for separators in ["/", "/:"] {
        let glob = Glob::new(pattern, separators);
        let Some(steps) = steps(pattern) else {
            assert!(glob.is_err(), "{pattern:?} is taken");
            continue;
        };
        let glob = glob.unwrap_or_else(|error| panic!("{pattern:?}: {error}"));
        assert_eq!(glob.as_str(), pattern);
        let text: Vec<char> = text.chars().take(256).collect();
        let shown = text.iter().collect::<String>();
        assert_eq!(
            glob.matches(&shown),
            matches(&steps, &text, separators),
            "{pattern:?} {shown:?}"
        );
        let plain: String = shown.chars().flat_map(|c| ['\\', c]).collect();
        if let Ok(literal) = Glob::new(&plain, separators) {
            assert!(literal.matches(&shown), "{shown:?} escaped");
            assert!(
                !literal.matches(&format!("{shown}x")) && !literal.matches(&format!("x{shown}"))
            );
        }
    }
}

#[derive(Clone, Copy)]
enum Step {
    Just(char),
    One,
    Some,
    Many,
}

/// The pattern taken apart from its end; `None` if it is none.
fn steps(pattern: &str) -> Option<Vec<Step>> {
    let mut rest = pattern;
    let mut steps = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (step, length) = match first {
            '\\' => {
                let next = rest.chars().nth(1)?;
                (Step::Just(next), 1 + next.len_utf8())
            }
            '*' if rest.starts_with("***") => return None,
            '*' if rest.starts_with("**") => (Step::Many, 2),
            '*' => (Step::Some, 1),
            '?' => (Step::One, 1),
            other => (Step::Just(other), other.len_utf8()),
        };
        steps.push(step);
        rest = &rest[length..];
    }
    (!steps.is_empty()).then_some(steps)
}

/// A table of all ends of the pattern and all ends of the text, from the back.
fn matches(steps: &[Step], text: &[char], separators: &str) -> bool {
    let mut later = vec![false; text.len() + 1];
    later[text.len()] = true;
    for step in steps.iter().rev() {
        let mut now = vec![false; text.len() + 1];
        for at in (0..text.len()).rev() {
            let is_inside = !separators.contains(text[at]);
            now[at] = match step {
                Step::Just(wanted) => text[at] == *wanted && later[at + 1],
                Step::One => is_inside && later[at + 1],
                Step::Some => is_inside && (later[at + 1] || now[at + 1]),
                Step::Many => later[at + 1] || now[at + 1],
            };
        }
        later = now;
    }
    later[0]
}
