//! The binary: reads arguments and environment, and hands over to [`octobroker::cli`].

use std::process::ExitCode;

use clap::Parser;
use octobroker::cli::{Arguments, run};

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let environment = |name: &str| std::env::var(name).ok();
    run(Arguments::parse(), &environment).into()
}
