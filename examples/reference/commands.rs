//! The page of every command, from the definition by which the program reads its command line.

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};
use octobroker::cli::Arguments;

pub(crate) const PAGE: &str = "docs/commands.md";

const HEAD: &str = "\
# Every command

Results go to stdout, all else to stderr, and no secret is ever an argument. Exit codes are in
[running.md](running.md#exit-codes). `octobroker COMMAND --help` prints what stands here, and `octobroker completions SHELL` a
script that completes it. This page is made of the program: `cargo run --example reference -- commands > docs/commands.md`.
";

/// The page's text.
pub(crate) fn page() -> String {
    let mut program = Arguments::command();
    program.build();
    let sections = shown(&program).map(|command| section(command, command.get_name()));
    HEAD.to_owned() + &sections.collect::<String>()
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let is_shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    command.get_subcommands().filter(is_shown)
}

/// A command by its whole name, then the forms that it has.
fn section(command: &Command, name: &str) -> String {
    let about = text(command.get_long_about().or(command.get_about()));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let is_shown = |argument: &&Arg| {
        !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
    };
    let rows: String = command.get_arguments().filter(is_shown).map(row).collect();
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!("\n| argument | what it does |\n|---|---|\n{rows}")
    };
    let forms = shown(command).map(|form| section(form, &format!("{name} {}", form.get_name())));
    let forms: String = forms.collect();
    format!("\n## {name}\n\n{about}\n\n```text\n{usage}\n```\n{table}{forms}")
}

fn row(argument: &Arg) -> String {
    let says = text(argument.get_long_help().or(argument.get_help()));
    let mut sentences = vec![if says.ends_with([']', '.']) { says } else { says + "." }];
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let values = values.iter().filter(|value| !value.is_hide_set());
        let values: Vec<String> = values.map(|value| format!("`{}`", value.get_name())).collect();
        if !values.is_empty() {
            sentences.push(format!("One of {}.", values.join(", ")));
        }
        let default = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        sentences.extend(default.map(|value| format!("Default: `{value}`.")));
    }
    format!("| `{}` | {} |\n", name(argument), sentences.join(" ").replace('|', "\\|"))
}

/// `-v, --verbose`, `--config <FILE>`, `<COMMAND>...`.
fn name(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    short + &argument.to_string()
}

fn text(styled: Option<&StyledStr>) -> String {
    styled
        .map(ToString::to_string)
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
