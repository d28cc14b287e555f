//! What is written down of the program from the program itself: the pages of every command and of
//! every key, which `tests/docs.rs` compares, and manual pages for packages.
//!
//! ```sh
//! cargo run --example reference -- commands > docs/commands.md
//! cargo run --example reference -- keys > docs/configuration.md
//! cargo run --example reference -- man FOLDER
//! ```

mod commands;
mod keys;

use std::io::{self, ErrorKind, Write};

use clap::CommandFactory;
use octobroker::cli::Arguments;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["commands"] => io::stdout().write_all(commands::page().as_bytes()),
        ["keys"] => io::stdout().write_all(keys::page().as_bytes()),
        ["man", folder] => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Arguments::command(), folder)
        }
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!(
                "say `commands` ({}), `keys` ({}), or `man FOLDER`",
                commands::PAGE,
                keys::PAGE
            ),
        )),
    }
}
