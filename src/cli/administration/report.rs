//! A plan as JSON.

use serde_json::{Value, json};

use super::Session;
use crate::provision::{Action, Change, FoundIdentity, Plan, Problem, Remark, WantedIdentity};

/// The whole of it, with the ids that the file lacks, by the names of their accounts.
pub(super) fn json(session: &Session, plan: &Plan, ids: &[(&str, &str)]) -> Value {
    let ids = ids.iter().map(|(name, id)| ((*name).to_owned(), Value::from(*id)));
    json!({
        "octopus": session.administrator.upstream().base().as_str(),
        "administrator": session.username,
        "changes": plan.changes.iter().map(change).collect::<Vec<_>>(),
        "counts": {
            "create": plan.count('+'),
            "change": plan.count('~'),
            "remove": plan.count('-'),
        },
        "problems": plan.problems.iter().map(problem).collect::<Vec<_>>(),
        "ids": Value::Object(ids.collect()),
        "remarks": plan.remarks.iter().map(remark).collect::<Vec<_>>(),
    })
}

fn change(change: &Change) -> Value {
    let action = match change.action.sign() {
        '+' => "create",
        '~' => "change",
        _ => "remove",
    };
    let mut entry = json!({
        "account": change.account,
        "user_id": change.user_id,
        "action": action,
        "kind": change.action.noun().replace(' ', "_").to_lowercase(),
        "name": change.action.about(),
    });
    if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), details(&change.action)) {
        entry.extend(more);
    }
    entry
}

fn details(action: &Action) -> Value {
    match action {
        Action::CreateAccount { display_name, is_agent, .. } => {
            json!({ "display_name": display_name, "agent": is_agent })
        }
        Action::ShowAs { from, .. } => json!({ "from": from }),
        Action::SetDirectory { entry, .. } => {
            json!({ "sam": entry.sam, "upn": entry.upn, "email": entry.email })
        }
        Action::CreateIdentity { identity, unserved } => {
            json!({ "to": wanted(identity), "rules": identity.rules, "unserved_rules": unserved })
        }
        Action::ChangeIdentity { from, to } => {
            json!({ "id": from.id, "from": found(from), "to": wanted(to), "rules": to.rules })
        }
        Action::RemoveIdentity(identity) => json!({ "id": identity.id, "from": found(identity) }),
        Action::CreateKey { expires_in, reason, .. } => json!({
            "expires_in_seconds": expires_in.map(|life| life.as_secs()),
            "reason": reason.as_str(),
        }),
        Action::JoinTeam { id, .. } | Action::RevokeKey { id, .. } => json!({ "id": id }),
    }
}

fn wanted(identity: &WantedIdentity) -> Value {
    json!({
        "issuer": identity.issuer,
        "subject": identity.subject,
        "audience": identity.audience,
    })
}

fn found(identity: &FoundIdentity) -> Value {
    json!({
        "issuer": identity.issuer,
        "subject": identity.subject,
        "audience": identity.audience,
    })
}

fn problem(problem: &Problem) -> Value {
    json!({ "kind": problem.kind, "account": problem.account, "message": problem.text })
}

fn remark(remark: &Remark) -> Value {
    json!({
        "kind": remark.kind,
        "account": remark.account,
        "rule": remark.rule,
        "about": remark.about,
        "message": remark.text,
    })
}
