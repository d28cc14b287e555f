//! From what is wanted and what is found to a plan: pure, so that it can be told beforehand.

mod identities;
mod keys;

use super::active_directory::ActiveDirectory;
use super::found::{Found, FoundAccount};
use super::plan::{Action, Change, Plan, PlanOptions, Problem, Remark};
use super::wanted::{Wanted, WantedAccount};

impl Plan {
    /// What makes the found the wanted.
    pub fn of(wanted: &Wanted, found: &Found, options: PlanOptions) -> Self {
        let mut plan = Self::default();
        for account in &wanted.accounts {
            let mut comparison = Comparison {
                account,
                there: found.account(account),
                wanted,
                found,
                options,
                plan: &mut plan,
            };
            comparison.compare();
        }
        plan.changes.sort_by_key(|change| change.action.rank());
        plan
    }
}

/// One account, wanted and found.
struct Comparison<'a> {
    account: &'a WantedAccount,
    there: Option<&'a FoundAccount>,
    wanted: &'a Wanted,
    found: &'a Found,
    options: PlanOptions,
    plan: &'a mut Plan,
}

impl Comparison<'_> {
    fn compare(&mut self) {
        // One that is known by its key alone is somebody else's to look after.
        if self.account.username.is_none() && self.account.id.is_none() {
            return;
        }
        let is_sound = match self.there {
            Some(there) => self.is_the_same(there),
            None => self.create(),
        };
        if !is_sound {
            return;
        }
        self.directory();
        self.teams();
        self.identities();
        self.keys();
    }

    /// Makes the account; false if that can't be.
    fn create(&mut self) -> bool {
        let account = self.account;
        let Some(username) = &account.username else {
            let id = account.id.as_deref().unwrap_or_default();
            self.problem(
                "account_unknown",
                format!(
                    "no service account in Octopus has the id {id}; correct `id`, or write \
                     `username` in its place to have one made"
                ),
            );
            return false;
        };
        if self.found.users.iter().any(|user| user.is_called(account)) {
            self.problem(
                "ordinary_user",
                format!(
                    "{username} is a person's account in Octopus, and those are never touched; \
                     write another `username`"
                ),
            );
            return false;
        }
        if let Some(id) = &account.id {
            self.problem(
                "account_unknown",
                format!(
                    "no service account in Octopus has the id {id} or is called {username}; remove \
                     `id` to have it made"
                ),
            );
            return false;
        }
        // One account may stand in the file twice, with two audiences.
        let is_made = self.siblings().next().is_some_and(|first| first.name != account.name);
        if is_made {
            return true;
        }
        self.change(Action::CreateAccount {
            username: username.clone(),
            display_name: account.shown_name().to_owned(),
            is_agent: account.is_agent,
        });
        true
    }

    /// Whether what is there can be what is wanted.
    fn is_the_same(&mut self, there: &FoundAccount) -> bool {
        let (account, user) = (self.account, &there.user);
        if let Some(id) = account.id.as_ref().filter(|id| !id.eq_ignore_ascii_case(&there.id)) {
            let name = &user.username;
            let (kind, there) = ("id_differs", &there.id);
            self.problem(
                kind,
                format!("{name} has the id {there} in Octopus, and `id` says {id}; correct one"),
            );
            return false;
        }
        if user.is_agent != account.is_agent {
            let is = if user.is_agent { "an agent's" } else { "a standard one" };
            let written = user.is_agent;
            self.problem(
                "type_differs",
                format!(
                    "{} is {is} in Octopus, which can't be changed; write `agent: {written}`, or \
                     another `username`",
                    user.username
                ),
            );
            return false;
        }
        if !user.is_active {
            self.remark(
                "account_inactive",
                None,
                "it is switched off in Octopus, so nobody can act as it; who did so had a reason, \
                 so it is left so"
                    .to_owned(),
            );
        }
        if let Some(name) = account.username.as_ref().filter(|_| !user.is_called(account)) {
            let text =
                format!("it is called {} in Octopus, and `username` says {name}", user.username);
            self.remark("username_differs", None, text);
        }
        if let Some(to) = account.display_name.as_ref().filter(|it| **it != user.display_name) {
            let from = user.display_name.clone();
            self.change(Action::ShowAs { from, to: to.clone() });
        }
        true
    }

    fn directory(&mut self) {
        let Some(entry) = &self.account.active_directory else { return };
        let logins = self.there.map(|there| there.user.logins.as_slice()).unwrap_or_default();
        for other in logins.iter().filter(|login| !entry.is_of(login)) {
            let Some(other) = ActiveDirectory::of_login(other) else { continue };
            let text = format!(
                "it has another login in the directory, {}, whose groups may put it into teams; take \
                 that out in Octopus, or write it in place of this one",
                other.sam
            );
            self.remark("directory_extra", None, text);
        }
        if logins.iter().any(|login| entry.is_said_by(login)) {
            return;
        }
        let is_new = !logins.iter().any(|login| entry.is_of(login));
        let shown = self.there.map(|there| there.user.display_name.clone());
        self.change(Action::SetDirectory {
            entry: entry.clone(),
            display_name: shown.unwrap_or_else(|| self.account.shown_name().to_owned()),
            is_new,
        });
    }

    fn teams(&mut self) {
        let user_id = self.there.map(|there| there.user.user_id.as_str());
        let is_in = |members: &[String]| {
            user_id.is_some_and(|user_id| members.iter().any(|member| member == user_id))
        };
        let mut meant = Vec::new();
        for wanted in &self.account.teams {
            let teams = &self.found.teams;
            let by_id = teams.iter().filter(|team| team.id == *wanted);
            let by_name = teams.iter().filter(|team| team.name.eq_ignore_ascii_case(wanted));
            let mut candidates: Vec<_> = by_id.collect();
            if candidates.is_empty() {
                candidates = by_name.collect();
            }
            match candidates.as_slice() {
                [team] => {
                    meant.push(team.id.as_str());
                    if !is_in(&team.members) {
                        let (id, name) = (team.id.clone(), team.name.clone());
                        self.change(Action::JoinTeam { id, name });
                    }
                }
                [] => self.problem(
                    "team_unknown",
                    format!("no team in Octopus is called {wanted}; make it there, or correct it"),
                ),
                several => {
                    let ids: Vec<&str> = several.iter().map(|team| team.id.as_str()).collect();
                    let ids = ids.join(", ");
                    self.problem(
                        "team_ambiguous",
                        format!("several teams are called {wanted}; write the id of one: {ids}"),
                    );
                }
            }
        }
        if self.account.teams.is_empty() {
            return;
        }
        let others = self
            .found
            .teams
            .iter()
            .filter(|team| is_in(&team.members) && !meant.contains(&team.id.as_str()));
        let others: Vec<&str> = others.map(|team| team.name.as_str()).collect();
        if !others.is_empty() {
            let text = format!(
                "it is in teams that the file does not name: {}; name them, or take it out there",
                others.join(", ")
            );
            self.remark("team_extra", None, text);
        }
    }

    /// Whatever of the file is this account in Octopus, itself among them.
    fn siblings(&self) -> impl Iterator<Item = &WantedAccount> {
        let user_id = |account: &WantedAccount| {
            self.found.account(account).map(|there| there.user.user_id.as_str())
        };
        let own = user_id(self.account);
        let is_same = move |other: &&WantedAccount| match own {
            Some(own) => user_id(other) == Some(own),
            None => match (&self.account.username, &other.username) {
                (Some(name), Some(other)) => name.eq_ignore_ascii_case(other),
                _ => self.account.name == other.name,
            },
        };
        self.wanted.accounts.iter().filter(is_same)
    }

    fn change(&mut self, action: Action) {
        self.plan.changes.push(Change {
            account: self.account.name.clone(),
            username: self.account.username.clone(),
            user_id: self.there.map(|there| there.user.user_id.clone()),
            action,
        });
    }

    fn problem(&mut self, kind: &'static str, text: String) {
        let account = self.account.name.clone();
        self.plan.problems.push(Problem { kind, account, text });
    }

    fn remark(&mut self, kind: &'static str, about: Option<&str>, text: String) {
        let remark = Remark {
            kind,
            account: self.account.name.clone(),
            rule: None,
            about: about.map(str::to_owned),
            text,
        };
        self.plan.remarks.push(remark);
    }

    fn remark_rule(&mut self, kind: &'static str, rule: &str, text: String) {
        self.remark(kind, None, text);
        if let Some(remark) = self.plan.remarks.last_mut() {
            remark.rule = Some(rule.to_owned());
        }
    }
}
