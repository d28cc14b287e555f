//! A plan on a page: each account with what is made, changed, taken away, and what is to be known.

use super::Session;
use crate::cli::page::{Mark, Page};
use crate::provision::{Action, Change, FoundIdentity, Plan, WantedIdentity};
use crate::telemetry::escaped;

/// Remarks that say what must be so, and ask for nothing.
const QUIET: [&str; 2] = ["subject_wider", "subject_folded"];

/// Writes it, the outcome first.
pub(super) fn write(session: &Session, plan: &Plan, page: &mut Page) {
    let server = format!("{}, as {}", session.administrator.upstream().base(), session.username);
    let counts = [('+', "to make"), ('~', "to change"), ('-', "to take away")]
        .map(|(sign, word)| format!("{} {word}", plan.count(sign)));
    let (mark, word) = if !plan.problems.is_empty() {
        (Mark::Bad, "can't be done as it is written")
    } else if plan.changes.is_empty() {
        (Mark::Good, "nothing to change")
    } else {
        (Mark::Note, "changes are pending")
    };
    page.verdict(mark, word, &format!("{server}: {}", counts.join(", ")));
    for account in &session.wanted.accounts {
        let name = account.name.as_str();
        let changes: Vec<&Change> = plan.changes.iter().filter(|it| it.account == name).collect();
        let there = session.found.account(account);
        let title = match there {
            Some(there) => format!("{name} ({}, {})", there.user.username, there.user.user_id),
            None => name.to_owned(),
        };
        page.heading(&escaped(&title), changes.iter().map(|change| change.action.noun()));
        for change in &changes {
            change.write(page);
        }
        for problem in plan.problems.iter().filter(|it| it.account == name) {
            page.listed(Mark::Bad, &problem.text);
        }
        let mut is_quiet = changes.is_empty();
        for remark in plan.remarks.iter().filter(|it| it.account == name) {
            let is_blank = QUIET.contains(&remark.kind);
            is_quiet &= is_blank;
            let about = match (&remark.rule, &remark.about) {
                (Some(rule), _) => format!("rule {rule}: "),
                (None, Some(about)) => format!("{about}: "),
                (None, None) => String::new(),
            };
            let mark = if is_blank { Mark::Blank } else { Mark::Note };
            page.listed(mark, &format!("{about}{}", remark.text));
        }
        if is_quiet && !plan.problems.iter().any(|it| it.account == name) {
            let text = match there {
                Some(_) => "stands in Octopus as the file says",
                None => "is known by its API key alone, and left alone",
            };
            page.listed(Mark::Good, text);
        }
    }
}

/// Ids as entries of the configuration, if there are any.
pub(super) fn entries(ids: &[(&str, &str)]) -> Option<String> {
    let mut lines = vec![
        String::new(),
        "Write the ids into the configuration, for the broker needs them:".to_owned(),
        "service_accounts:".to_owned(),
    ];
    for (name, id) in ids {
        lines.push(format!("  {}:", escaped(name)));
        lines.push(format!("    id: {}", escaped(id)));
    }
    (!ids.is_empty()).then(|| lines.join("\n"))
}

/// A change in one line.
pub(super) fn line(change: &Change) -> String {
    let done = match change.action.sign() {
        '+' => "made",
        '~' => "changed",
        _ => "taken away",
    };
    let (noun, about) = (change.action.noun(), change.action.about());
    escaped(&format!("{}: {noun} {about} {done}", change.account))
}

impl Change {
    fn write(&self, page: &mut Page) {
        let action = &self.action;
        let more = more(action);
        let about =
            if more.is_empty() { action.about() } else { format!("{}, {more}", action.about()) };
        page.change(action.sign(), action.noun(), &about);
        match action {
            Action::CreateIdentity { identity, unserved } => {
                page.detail('+', "issuer", &identity.issuer);
                page.detail('+', "subject", &identity.subject);
                page.detail('+', "audience", audience(identity.audience.as_ref()));
                let rules = identity.rules.join(", ");
                let note = if unserved.is_empty() { "" } else { ", which no identity serves now" };
                page.detail(' ', "for", &format!("{rules}{note}"));
            }
            Action::ChangeIdentity { from, to } => differences(from, to, page),
            Action::RemoveIdentity(found) => {
                page.detail('-', "issuer", &found.issuer);
                page.detail('-', "subject", &found.subject);
                page.detail('-', "audience", audience(found.audience.as_ref()));
            }
            _ => {}
        }
    }
}

/// What stands behind the name.
fn more(action: &Action) -> String {
    match action {
        Action::CreateAccount { display_name, is_agent, .. } => {
            let kind = if *is_agent { "an agent's" } else { "standard" };
            format!("“{display_name}”, {kind}")
        }
        Action::ShowAs { from, .. } => format!("now {from}"),
        Action::SetDirectory { entry, .. } => {
            [&entry.upn, &entry.email].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
        }
        Action::CreateKey { expires_in, reason, .. } => {
            let life = expires_in.map_or_else(
                || "for as long as Octopus gives".to_owned(),
                |life| format!("for {}", humantime::format_duration(life)),
            );
            format!("{life}: {}", reason.as_str())
        }
        _ => String::new(),
    }
}

fn differences(from: &FoundIdentity, to: &WantedIdentity, page: &mut Page) {
    let rows = [
        ("issuer", from.issuer.as_str(), to.issuer.as_str()),
        ("subject", &from.subject, &to.subject),
        ("audience", audience(from.audience.as_ref()), audience(to.audience.as_ref())),
    ];
    for (label, from, to) in rows {
        if from == to {
            page.detail(' ', label, to);
        } else {
            page.detail('-', label, from);
            page.detail('+', label, to);
        }
    }
}

fn audience(audience: Option<&String>) -> &str {
    audience.map_or("(empty: the account's id)", String::as_str)
}
