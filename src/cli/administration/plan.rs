//! `octobroker plan`: what would change in Octopus so that every rule works there. Nothing is changed.

use clap::Args;

use super::page::{entries, write};
use super::report::json;
use super::{AdministratorFlags, OptionFlags};
use crate::cli::explain::safe;
use crate::cli::page::Page;
use crate::cli::{Environment, Exit, Output, print};
use crate::provision::Plan;

/// What to compare, and how to say it.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanFlags {
    #[command(flatten)]
    administrator: AdministratorFlags,
    #[command(flatten)]
    options: OptionFlags,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
}

impl PlanFlags {
    /// Reads, compares, tells.
    pub(in crate::cli) fn run(&self, environment: Environment<'_>) -> Exit {
        self.administrator.run(environment, async |session| {
            let plan = self.options.plan(&session);
            let ids = session.ids_to_write(&[]);
            let text = match self.output {
                Output::Json => safe(&json(&session, &plan, &ids).to_string()),
                Output::Human => {
                    let mut page = Page::new(environment);
                    write(&session, &plan, &mut page);
                    let entries = entries(&ids).map(|entries| format!("\n{entries}"));
                    format!("{}{}", page.finish(), entries.unwrap_or_default())
                }
            };
            match print(&text) {
                Exit::Ok => verdict(&plan),
                other => other,
            }
        })
    }
}

/// 8 where something is to be done, 1 where it can't be.
fn verdict(plan: &Plan) -> Exit {
    if !plan.problems.is_empty() {
        Exit::Failure
    } else if plan.changes.is_empty() {
        Exit::Ok
    } else {
        Exit::Pending
    }
}
