//! `octobroker apply`: shows the plan, asks, and makes it so, step by step.

use std::io::{BufRead, Write};

use clap::Args;
use serde_json::json;

use super::page::{entries, line, write};
use super::report;
use super::{AdministratorFlags, OptionFlags, Session, exit};
use crate::cli::explain::safe;
use crate::cli::page::Page;
use crate::cli::{Environment, Exit, Output, complain, print};
use crate::provision::{Applied, ApplyError, Change, Plan, apply};
use crate::telemetry::{error_chain, escaped};

/// What to apply, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyFlags {
    #[command(flatten)]
    administrator: AdministratorFlags,
    #[command(flatten)]
    options: OptionFlags,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How to say it; `json` needs --yes.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
}

impl ApplyFlags {
    /// Reads, compares, asks, changes.
    pub(in crate::cli) fn run(&self, environment: Environment<'_>) -> Exit {
        if self.output == Output::Json && !self.yes {
            complain("octobroker: nobody could be asked beside JSON; write --yes");
            return Exit::Usage;
        }
        self.administrator.run(environment, async |session| {
            let plan = self.options.plan(&session);
            match self.begin(&session, &plan, environment) {
                Some(exit) => exit,
                None => self.make(&session, &plan).await,
            }
        })
    }

    /// Shows the plan, and asks; the code to end with, if there is nothing to make.
    fn begin(&self, session: &Session, plan: &Plan, environment: Environment<'_>) -> Option<Exit> {
        if self.output == Output::Human {
            let mut page = Page::new(environment);
            write(session, plan, &mut page);
            print(&page.finish());
        }
        if !plan.problems.is_empty() {
            complain("octobroker: nothing was changed: what is marked ✗ must be settled first");
            self.tell(session, plan, 0, &Applied::default());
            return Some(Exit::Failure);
        }
        if plan.changes.is_empty() {
            self.tell(session, plan, 0, &Applied::default());
            return Some(Exit::Ok);
        }
        if self.yes {
            return None;
        }
        let why = match answer().as_deref() {
            Some("yes") => return None,
            Some(_) => "",
            None => ": nobody answered; write --yes where nobody sits",
        };
        complain(&format!("octobroker: nothing was changed{why}"));
        Some(Exit::Failure)
    }

    async fn make(&self, session: &Session, plan: &Plan) -> Exit {
        if self.output == Output::Human {
            print("");
        }
        let mut count = 0;
        let applied = apply(&session.administrator, plan, session.now, |step| {
            count = step.number;
            if self.output == Output::Human {
                let text = line(step.change);
                print(&format!("[{}/{}] ✓ {text}", step.number, step.of));
            }
        });
        let applied = applied.await;
        self.tell(session, plan, count, &applied);
        applied.stopped.map_or(Exit::Ok, |(_, error)| failed(&error))
    }

    /// What came of it: so many changes were made.
    fn tell(&self, session: &Session, plan: &Plan, made: usize, applied: &Applied<'_>) {
        let failure = applied.stopped.as_ref().map(|(change, error)| sentence(change, error));
        let ids = session.ids_to_write(&applied.ids);
        if self.output == Output::Json {
            let mut document = report::json(session, plan, &ids);
            if let Some(members) = document.as_object_mut() {
                members.insert("applied".to_owned(), json!(made));
                members.insert("error".to_owned(), json!(failure));
            }
            print(&safe(&document.to_string()));
            return;
        }
        if let Some(failure) = failure {
            complain(&format!(
                "octobroker: {failure}. What was made stays; run it again, and it goes on from there"
            ));
        }
        if let Some(text) = entries(&ids) {
            print(&text);
        }
    }
}

fn sentence(change: &Change, error: &ApplyError) -> String {
    format!("{} was not made: {}", line(change), escaped(&error_chain(error)))
}

fn failed(error: &ApplyError) -> Exit {
    match error {
        ApplyError::Octopus(error) => exit(error),
        ApplyError::KeyFile(_) | ApplyError::NoAccount => Exit::Failure,
        ApplyError::NotProven => Exit::Refused,
    }
}

/// Asks whoever sits there; `None` if nobody does.
fn answer() -> Option<String> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\nMake these changes in Octopus? Only `yes` does: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    let _ = writeln!(stderr);
    read.is_ok_and(|size| size > 0).then(|| answer.trim().to_owned())
}
