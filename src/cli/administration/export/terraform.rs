//! What is wanted in Octopus, as resources of the provider `OctopusDeploy/octopusdeploy`: the documents
//! of its resources `user` and `service_account_oidc_identity`, and of its data source `users`.
//!
//! An account whose id is written is there already, so it is looked up and not made. The provider knows
//! no agents' accounts, would keep an API key in its state, and sets the members of a team as a whole:
//! the first two are left to `apply`, of the third it gets a list.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::hcl::{attributes, block, comment, quoted, unique};
use crate::provision::{ActiveDirectory, OURS, Wanted, WantedAccount, WantedIdentity};

const HEAD: &str = "\
# Made by `octobroker export terraform`: what `octobroker apply` makes, as resources of the official
# provider. Use one of the two. What stands in Octopus already is not taken over: `terraform import`
# does that for users; OIDC identities that `apply` has made are to be deleted there first.
terraform {
  required_providers {
    octopusdeploy = {
      source = \"OctopusDeploy/octopusdeploy\"
    }
  }
}
";

/// All of it, in the order of the configuration.
pub(super) fn of(wanted: &Wanted) -> String {
    let mut file =
        File { wanted, text: HEAD.to_owned(), users: Vec::new(), taken: Taken::default() };
    for account in &wanted.accounts {
        file.account(account);
    }
    file.teams();
    file.text
}

struct File<'a> {
    wanted: &'a Wanted,
    text: String,
    /// The accounts that have a user id, with the expression for it.
    users: Vec<(&'a WantedAccount, String)>,
    taken: Taken,
}

/// Names that are taken.
#[derive(Default)]
struct Taken {
    users: BTreeSet<String>,
    identities: BTreeSet<String>,
}

impl<'a> File<'a> {
    fn account(&mut self, account: &'a WantedAccount) {
        if account.is_agent {
            let sentence =
                "an agent's account, which the provider can't make: `octobroker apply` does";
            self.left_out(account, sentence);
            return;
        }
        let Some(user) = self.user(account) else {
            self.left_out(account, "known by its API key alone, and left alone");
            return;
        };
        if account.key.is_some() {
            let sentence = "its API key is made by `octobroker apply`, for Terraform would keep it in \
                            its state";
            self.left_out(account, sentence);
        }
        for identity in self.wanted.identities_of(account) {
            self.identity(account, &identity, &user);
        }
        for rule in self.wanted.rules_of(account) {
            if let Err(why) = &rule.subjects {
                let sentence =
                    format!("no identity can be planned for the rule {}: {why}", rule.name);
                self.left_out(account, &sentence);
            }
        }
        self.users.push((account, user));
    }

    fn left_out(&mut self, account: &WantedAccount, sentence: &str) {
        self.text.push('\n');
        comment(&mut self.text, "", &format!("{}: {sentence}.", account.name));
    }

    /// The expression for the account's user id.
    fn user(&mut self, account: &WantedAccount) -> Option<String> {
        // One account may stand in the file twice, with two audiences.
        let is_same = |other: &WantedAccount| match (&account.id, &other.id) {
            (Some(id), Some(other)) => id.eq_ignore_ascii_case(other),
            _ => account
                .username
                .as_ref()
                .zip(other.username.as_ref())
                .is_some_and(|(name, other)| name.eq_ignore_ascii_case(other)),
        };
        if let Some((_, user)) = self.users.iter().find(|(other, _)| is_same(other)) {
            return Some(user.clone());
        }
        match (&account.id, &account.username) {
            (Some(id), _) => Some(self.looked_up(account, id)),
            (None, Some(username)) => Some(self.made(account, username)),
            (None, None) => None,
        }
    }

    /// Octopus's filter of users looks at the GUID, too; the condition makes sure.
    fn looked_up(&mut self, account: &WantedAccount, id: &str) -> String {
        let label = unique(&mut self.taken.users, &account.name);
        let body = attributes("  ", &[("filter", quoted(id))]);
        block(&mut self.text, &format!("data \"octopusdeploy_users\" \"{label}\""), &body);
        if account.display_name.is_some() || account.active_directory.is_some() {
            let sentence = "is there already: its display name and its login in the directory are left \
                            as they are";
            self.left_out(account, sentence);
        }
        let user = format!(
            "one([for user in data.octopusdeploy_users.{label}.users : user.id if \
             lower(user.external_id) == lower({})])",
            quoted(id)
        );
        let name = format!("{label}_user_id");
        block(&mut self.text, "locals", &attributes("  ", &[(&name, user)]));
        format!("local.{name}")
    }

    fn made(&mut self, account: &WantedAccount, username: &str) -> String {
        let label = unique(&mut self.taken.users, &account.name);
        let mut body = attributes(
            "  ",
            &[
                ("username", quoted(username)),
                ("display_name", quoted(account.shown_name())),
                ("is_active", "true".to_owned()),
                ("is_service", "true".to_owned()),
            ],
        );
        if let Some(entry) = &account.active_directory {
            body.push_str(&login(entry, account.shown_name()));
        }
        block(&mut self.text, &format!("resource \"octopusdeploy_user\" \"{label}\""), &body);
        if !account.is_keyed {
            self.text.push('\n');
            let sentence = format!("The `id` of {} in the broker's configuration.", account.name);
            comment(&mut self.text, "", &sentence);
            let value = format!("octopusdeploy_user.{label}.external_id");
            let body = attributes("  ", &[("value", value)]);
            let _ = write!(self.text, "output \"{label}_id\" {{\n{body}}}\n");
        }
        format!("octopusdeploy_user.{label}.id")
    }

    fn identity(&mut self, account: &WantedAccount, identity: &WantedIdentity, user: &str) {
        let name = identity.name.strip_prefix(OURS).unwrap_or(&identity.name);
        let label = unique(&mut self.taken.identities, &format!("{}_{name}", account.name));
        let mut pairs = vec![
            ("service_account_id", user.to_owned()),
            ("name", quoted(&identity.name)),
            ("issuer", quoted(&identity.issuer)),
            ("subject", quoted(&identity.subject)),
        ];
        // One that is not meant is left out: an empty one would be a custom one.
        pairs.extend(identity.audience.iter().map(|audience| ("audience", quoted(audience))));
        let head = format!("resource \"octopusdeploy_service_account_oidc_identity\" \"{label}\"");
        block(&mut self.text, &head, &attributes("  ", &pairs));
    }

    /// Who belongs to which team: for the `users` of the resources that these teams are.
    fn teams(&mut self) {
        let mut teams: Vec<(&str, Vec<&str>)> = Vec::new();
        for (account, user) in &self.users {
            for team in &account.teams {
                let at = teams.iter().position(|(name, _)| name.eq_ignore_ascii_case(team));
                let at = at.unwrap_or_else(|| {
                    teams.push((team, Vec::new()));
                    teams.len() - 1
                });
                if let Some((_, members)) = teams.get_mut(at)
                    && !members.contains(&user.as_str())
                {
                    members.push(user);
                }
            }
        }
        if teams.is_empty() {
            return;
        }
        let mut body = String::from("  octobroker_team_members = {\n");
        for (team, members) in teams {
            let _ = writeln!(body, "    {} = [", quoted(team));
            for member in members {
                let _ = writeln!(body, "      {member},");
            }
            body.push_str("    ]\n");
        }
        body.push_str("  }\n");
        self.text.push('\n');
        for sentence in [
            "The provider sets the members of a team as a whole, so no team is made here. Add these to the",
            "`users` of each `octopusdeploy_team` of yours, by the team's name or id:",
            "users = concat([…], local.octobroker_team_members[\"…\"])",
        ] {
            comment(&mut self.text, "", sentence);
        }
        let _ = write!(self.text, "locals {{\n{body}}}\n");
    }
}

/// The external login, with the claims that `apply` writes.
fn login(entry: &ActiveDirectory, display_name: &str) -> String {
    let login = entry.login(display_name);
    let provider = login.get("IdentityProviderName").and_then(Value::as_str).unwrap_or_default();
    let mut text = String::from("\n  identity {\n");
    text.push_str(&attributes("    ", &[("provider", quoted(provider))]));
    let claims = login.get("Claims").and_then(Value::as_object);
    for (name, claim) in claims.into_iter().flatten() {
        let value = claim.get("Value").and_then(Value::as_str).unwrap_or_default();
        let is_identifying = claim.get("IsIdentifyingClaim").and_then(Value::as_bool);
        let pairs = [
            ("name", quoted(name)),
            ("is_identifying_claim", is_identifying.unwrap_or(false).to_string()),
            ("value", quoted(value)),
        ];
        let _ = write!(text, "\n    claim {{\n{}    }}\n", attributes("      ", &pairs));
    }
    text.push_str("  }\n");
    text
}
