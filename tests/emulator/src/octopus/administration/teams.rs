//! `/api/teams`: who belongs to which. A team is read whole and written back whole.

use http::Method;
use serde_json::{Value, json};

use super::super::accounts::Team;
use super::super::shared::Shared;
use super::page::page;
use super::{Task, invalid, not_found};
use crate::answer::{self, Reply};

impl Shared {
    pub(super) fn teams(&self, task: &Task<'_>, rest: &[&str]) -> Reply {
        match (&task.method, rest) {
            (&Method::GET, []) => {
                let items: Vec<Value> = self.accounts().teams.iter().map(resource).collect();
                page(task.request, &items)
            }
            (&Method::GET, [id]) => {
                let found = self.accounts().teams.iter().find(|team| team.id == *id).map(resource);
                found.map_or_else(not_found, |team| answer::json_reply(200, &team))
            }
            (&Method::PUT, [id]) => self.change_team(task, id),
            _ => not_found(),
        }
    }

    fn change_team(&self, task: &Task<'_>, id: &str) -> Reply {
        let mut accounts = self.accounts();
        let known: Vec<String> =
            accounts.all.iter().map(|account| account.public.user_id.clone()).collect();
        let Some(team) = accounts.teams.iter_mut().find(|team| team.id == id) else {
            return not_found();
        };
        let mut faults = Vec::new();
        let name = task.needed("Name", 200, &mut faults);
        let members = task.member("MemberUserIds").and_then(Value::as_array);
        let members: Option<Vec<String>> =
            members.map(|all| all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect());
        match &members {
            None => faults.push("MemberUserIds is required".to_owned()),
            Some(members) => {
                let strangers = members.iter().filter(|member| !known.contains(member));
                faults.extend(strangers.map(|member| format!("There is no user {member}")));
            }
        }
        // A client that leaves a member out takes it away.
        if task.text("Description") != Some(team.description.as_str()) {
            faults.push("The description was not handed back".to_owned());
        }
        if !faults.is_empty() {
            return invalid(&faults);
        }
        team.name = name;
        team.members = members.unwrap_or_default();
        answer::json_reply(200, &resource(team))
    }
}

fn resource(team: &Team) -> Value {
    json!({
        "Id": team.id,
        "Name": team.name,
        "Description": team.description,
        "MemberUserIds": team.members,
        "ExternalSecurityGroups": [],
        "CanBeDeleted": true,
        "CanBeRenamed": true,
        "CanChangeMembers": true,
        "SpaceId": null,
    })
}
