//! `octobroker apply`: shows the plan, asks, and makes it so, step by step.

use std::io::{BufRead, Write};

use clap::Args;
use serde_json::{Value, json};

use super::page::{line, write};
use super::report;
use super::{AdministratorFlags, OptionFlags, Session, exit};
use crate::cli::explain::safe;
use crate::cli::identity::block_on;
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
        let config = match self.administrator.load(environment) {
            Ok(config) => config,
            Err(exit) => return exit,
        };
        block_on(async {
            let session = match self.administrator.session(&config, environment).await {
                Ok(session) => session,
                Err(exit) => return exit,
            };
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
            self.tell(session, plan, &Applied::default(), None);
            return Some(Exit::Failure);
        }
        if plan.changes.is_empty() {
            self.tell(session, plan, &Applied::default(), None);
            return Some(Exit::Ok);
        }
        if !self.yes && !is_wanted() {
            complain("octobroker: nothing was changed");
            return Some(Exit::Failure);
        }
        None
    }

    async fn make(&self, session: &Session, plan: &Plan) -> Exit {
        if self.output == Output::Human {
            print("");
        }
        let mut count = 0;
        let made = apply(&session.administrator, plan, session.now, |step| {
            count = step.number;
            if self.output == Output::Human {
                let text = line(step.change);
                print(&format!("[{}/{}] ✓ {text}", step.number, step.of));
            }
        });
        match made.await {
            Ok(applied) => {
                self.tell(session, plan, &applied, None);
                Exit::Ok
            }
            Err((change, error)) => {
                let failure = Failure { made: count, change, error: &error };
                self.tell(session, plan, &Applied::default(), Some(&failure));
                failure.exit()
            }
        }
    }

    /// What came of it.
    fn tell(
        &self,
        session: &Session,
        plan: &Plan,
        applied: &Applied,
        failure: Option<&Failure<'_>>,
    ) {
        if self.output == Output::Json {
            let mut document = report::json(session, plan);
            if let Some(members) = document.as_object_mut() {
                let is_blocked = !plan.problems.is_empty();
                let all = if is_blocked { 0 } else { plan.changes.len() };
                let made = failure.map_or(all, |failure| failure.made);
                members.insert("applied".to_owned(), json!(made));
                members.insert("ids".to_owned(), ids(session, applied));
                members.insert("error".to_owned(), json!(failure.map(Failure::sentence)));
            }
            print(&safe(&document.to_string()));
            return;
        }
        if let Some(failure) = failure {
            complain(&format!(
                "octobroker: {}. What was made stays; run it again, and it goes on from there",
                failure.sentence()
            ));
        }
        let made = made(session, applied);
        if !made.is_empty() {
            let mut lines = vec![
                String::new(),
                "Write the ids into the configuration, for the broker needs them:".to_owned(),
                "service_accounts:".to_owned(),
            ];
            for (name, id) in made {
                lines.push(format!("  {}:", escaped(name)));
                lines.push(format!("    id: {}", escaped(id)));
            }
            print(&lines.join("\n"));
        }
    }
}

/// Where it ended.
struct Failure<'a> {
    made: usize,
    change: &'a Change,
    error: &'a ApplyError,
}

impl Failure<'_> {
    fn sentence(&self) -> String {
        let error = escaped(&error_chain(self.error));
        format!("{} was not made: {error}", line(self.change))
    }

    fn exit(&self) -> Exit {
        match self.error {
            ApplyError::Octopus(error) => exit(error),
            ApplyError::KeyFile(_) | ApplyError::NoAccount => Exit::Failure,
            ApplyError::NotProven => Exit::Refused,
        }
    }
}

fn ids(session: &Session, applied: &Applied) -> Value {
    let pairs = made(session, applied).into_iter();
    Value::Object(pairs.map(|(name, id)| (name.to_owned(), json!(id))).collect())
}

/// The accounts that were made and are exchanged for, by their configured names, with their ids.
fn made<'a>(session: &'a Session, applied: &'a Applied) -> Vec<(&'a str, &'a str)> {
    let exchanged = session.wanted.accounts.iter().filter(|account| !account.is_keyed);
    let id = |username: &str| applied.ids.iter().find(|(made, _)| made == username);
    exchanged
        .filter_map(|account| {
            let (_, id) = id(account.username.as_deref()?)?;
            Some((account.name.as_str(), id.as_str()))
        })
        .collect()
}

/// Asks whoever sits there. Only `yes` is a yes.
fn is_wanted() -> bool {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\nMake these changes in Octopus? Only `yes` does: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    let _ = writeln!(stderr);
    read.is_ok() && answer.trim() == "yes"
}
