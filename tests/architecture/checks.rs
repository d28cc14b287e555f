//! The checks: text in, problems out, each `file:line: what`.

use std::collections::BTreeSet;

/// A room sees those left of it; rooms of one group see each other on the floor only, the first.
const GROUPS: [&[&str]; 14] = [
    &[
        "limits",
        "platform",
        "bounded_file",
        "clock",
        "bounded_map",
        "secret",
        "hex",
        "tasks",
        "workers",
        "deadline",
        "gathering",
        "single_flight",
    ],
    &["telemetry"],
    &["http_client", "readiness", "shutdown"],
    &["identity"],
    &["ambient"],
    &["trust"],
    &["octopus"],
    &["provision"],
    &["broker"],
    &["proxy", "admin"],
    &["config"],
    &["app"],
    &["cli"],
    &["main"],
];

const LINES_MAX: usize = 400;

pub(crate) type Problems = Vec<String>;

fn group_of(room: &str) -> Option<usize> {
    GROUPS.iter().position(|group| group.contains(&room))
}

/// `proxy` of `src/proxy/forward.rs`, `clock` of `src/clock.rs`.
fn room_of(file: &str) -> &str {
    let below = file.trim_start_matches("src/").trim_end_matches(".rs");
    below.split('/').next().unwrap_or_default()
}

pub(crate) fn check_imports(file: &str, text: &str) -> Problems {
    let room = room_of(file);
    if room == "lib" {
        return Problems::new();
    }
    let Some(own) = group_of(room) else {
        return vec![format!("{file}:1: `{room}` is not in the order of the rooms")];
    };
    let is_allowed = |other: &str| {
        other == room || group_of(other).is_none_or(|group| group < own || (group, own) == (0, 0))
    };
    let mut problems = Problems::new();
    for (line, other) in imports(file, text) {
        if !is_allowed(&other) {
            problems.push(format!("{file}:{line}: `{room}` may not see `{other}`"));
        }
    }
    problems
}

/// The first segment of every path that starts at the crate's root, with its line. Comments are
/// blanked, so that positions stay.
fn imports(file: &str, text: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect();
    let code = code.join("\n");
    let is_door = !file.trim_start_matches("src/").contains('/') || file.ends_with("/mod.rs");
    let roots = ["crate::", if file == "src/main.rs" { "octobroker::" } else { "super::super::" }];
    let roots = roots.into_iter().chain(is_door.then_some("super::"));
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(root) {
            let (before, after) = (code.get(..at), code.get(at + root.len()..));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            if before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':') {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            found.extend(first_segments(after).into_iter().map(|segment| (line, segment)));
        }
    }
    found.sort();
    found
}

/// `a` of `a::b`; `a` and `c` of `{a::{b, x}, c}`.
fn first_segments(path: &str) -> Vec<String> {
    let is_name = |character: &char| character.is_alphanumeric() || *character == '_';
    let name = |text: &str| text.trim_start().chars().take_while(is_name).collect::<String>();
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut depth = 0_i32;
    let outer = group.chars().map_while(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        let shown = if depth > 0 { ' ' } else { character };
        (depth >= 0).then_some(shown)
    });
    outer.collect::<String>().split(',').map(name).filter(|name| !name.is_empty()).collect()
}

pub(crate) fn check_size(file: &str, text: &str) -> Problems {
    let lines = text.lines().count();
    let problem = || format!("{file}:{}: the file has {lines} lines", LINES_MAX + 1);
    (lines > LINES_MAX).then(problem).into_iter().collect()
}

/// Lines that hold `word`, unless `home` (a beginning of the file's path) is where it may stand.
pub(crate) fn check_absent(file: &str, text: &str, word: &str, home: &str) -> Problems {
    if !home.is_empty() && file.starts_with(home) {
        return Problems::new();
    }
    let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(word));
    lines.map(|(_, number)| format!("{file}:{number}: names `{word}`")).collect()
}

/// Each word in `code` has a row in `docs`, and each row's word is in `code`. Both are lists of
/// words with where they stand.
pub(crate) fn check_rows(code: &[(String, String)], docs: &[(String, String)]) -> Problems {
    let words = |side: &[(String, String)]| -> BTreeSet<String> {
        side.iter().map(|(word, _)| word.clone()).collect()
    };
    let (in_code, in_docs) = (words(code), words(docs));
    let undocumented = code.iter().filter(|(word, _)| !in_docs.contains(word));
    let undocumented = undocumented.map(|(word, place)| format!("{place}: `{word}` has no row"));
    let unknown = docs.iter().filter(|(word, _)| !in_code.contains(word));
    let unknown = unknown.map(|(word, place)| format!("{place}: nothing is called `{word}`"));
    undocumented.chain(unknown).collect()
}

/// Words in snake case that stand between `before` and `after`, and where they stand.
pub(crate) fn words(file: &str, text: &str, before: &str, after: &str) -> Vec<(String, String)> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for (at, _) in line.match_indices(before) {
            let behind = line.get(at + before.len()..).unwrap_or_default();
            if let Some((word, _)) = behind.split_once(after).filter(|(word, _)| is_word(word)) {
                found.push((word.to_owned(), format!("{file}:{number}")));
            }
        }
    }
    found
}

/// The words in the first column of a table.
pub(crate) fn rows(file: &str, text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(|line| if line.starts_with("| `") { line } else { "" });
    let columns = lines.map(|line| line.replacen("| `", "^", 1) + "\n");
    words(file, &columns.collect::<String>(), "^", "` |")
}

/// Each code's status in the source of the answers is that of its row, whose columns are word and
/// status.
pub(crate) fn check_statuses(refusal: &str, docs: &str) -> Problems {
    let mut problems = Problems::new();
    for (name, status) in statuses(refusal) {
        let row = format!("| `{name}` | {status} |");
        if !docs.lines().any(|line| line.starts_with(&row)) {
            problems.push(format!("docs/errors.md: no row begins with `{row}`"));
        }
    }
    problems
}

/// `bad_request` and `400` of `Code::BadRequest => (400, …`.
fn statuses(refusal: &str) -> Vec<(String, &str)> {
    let arms = refusal.split("Code::").skip(1).filter_map(|arm| {
        let (name, answer) = arm.split_once(" => ")?;
        let status = answer.trim_start_matches(['{', '(', ' ', '\n']).get(..3)?;
        let is_arm = name.chars().all(char::is_alphanumeric);
        (is_arm && status.bytes().all(|byte| byte.is_ascii_digit())).then_some((name, status))
    });
    arms.map(|(name, status)| (snake_case(name), status)).collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(character.to_lowercase());
    }
    text
}

/// The README's first block holds two commands, and CI runs just those, once and to the end.
pub(crate) fn check_commands(readme: &str, ci: &str) -> Problems {
    let block = readme.split("```").nth(1).unwrap_or_default();
    let commands = block.lines().filter(|line| line.starts_with("cargo "));
    let commands = commands.map(|line| line.split('#').next().unwrap_or_default().trim_end());
    let commands: Vec<&str> = commands.collect();
    let runs = |command: &&&str| {
        let options = ["", " --no-fail-fast", " -- --once"];
        let lines = ci.lines().filter_map(|line| line.split_once(**command));
        lines.filter(|(step, _)| step.starts_with("step ")).any(|(_, rest)| options.contains(&rest))
    };
    let unknown = commands.iter().filter(|command| !runs(command));
    let unknown = unknown.map(|command| format!("README.md: .ci/run does not run `{command}`"));
    let count = (commands.len() != 2).then_some("README.md: the first block is not two commands");
    unknown.chain(count.map(str::to_owned)).collect()
}
