//! What stands in Octopus, as a whole configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use url::Url;

use super::issuer::{IssuerEntry, provider};
use super::rule::{AccountEntry, Draft, RuleEntry};
use super::words::{plain, quoted, unique};
use crate::config;
use crate::provision::{ActiveDirectory, Found, FoundAccount, FoundIdentity, OURS};
use crate::telemetry::escaped;

/// A configuration as it is written.
pub(super) struct Document {
    pub(super) text: String,
    /// Why the reader does not take it; nothing is said of one that has no rule yet.
    pub(super) fault: Option<String>,
}

/// The configuration, for the server with this URL.
pub(super) fn of(base: &Url, found: &Found) -> Document {
    let mut file = File {
        base: base.as_str(),
        found,
        issuers: Vec::new(),
        accounts: String::new(),
        rules: String::new(),
        has_account: false,
        rule_count: 0,
        taken: Taken::default(),
    };
    for account in &found.accounts {
        file.account(account);
    }
    let has_rule = file.rule_count > 0;
    let text = file.finish();
    // Each part was tried by itself; together they may be too much.
    let read = config::parse(&text, Path::new("import"), &|_| None);
    let fault = read.err().filter(|_| has_rule).map(|error| {
        let problem = error.problems().first();
        problem.map_or_else(String::new, |problem| problem.sentence.clone())
    });
    Document { text, fault }
}

/// A configuration that is being written.
struct File<'a> {
    base: &'a str,
    found: &'a Found,
    /// With whether a rule is on it.
    issuers: Vec<(IssuerEntry, bool)>,
    accounts: String,
    rules: String,
    has_account: bool,
    rule_count: usize,
    taken: Taken,
}

/// How a rule is made of an identity.
type Way = fn(&Draft<'_>) -> Option<RuleEntry>;

/// Names that are taken.
#[derive(Default)]
struct Taken {
    issuers: BTreeSet<String>,
    accounts: BTreeSet<String>,
    /// In lower case, each with its audience.
    usernames: BTreeSet<(String, Option<String>)>,
    rules: BTreeSet<String>,
}

impl File<'_> {
    fn account(&mut self, account: &FoundAccount) {
        if account.identities.is_empty() {
            self.without_identities(account);
            return;
        }
        // Each audience is an entry of its own, for an entry has one.
        let mut audiences: Vec<Option<&str>> = Vec::new();
        for identity in &account.identities {
            let audience = custom(identity, account);
            if !audiences.contains(&audience) {
                audiences.push(audience);
            }
        }
        for audience in audiences {
            let entry = self.entry(account, audience);
            let username = (account.user.username.to_lowercase(), audience.map(str::to_owned));
            let is_sound = self.is_sound(&entry) && self.taken.usernames.insert(username);
            self.has_account |= is_sound;
            for line in entry.text.lines() {
                let sign = if is_sound { "" } else { "# " };
                let _ = writeln!(self.accounts, "{sign}{line}");
            }
            let of_entry = account.identities.iter();
            let of_entry = of_entry.filter(|it| custom(it, account) == audience);
            let of_entry: Vec<&FoundIdentity> = of_entry.collect();
            self.rules(account, &of_entry, &entry, is_sound);
        }
    }

    /// Rules in fields come first, for each of them stands for several identities.
    fn rules(
        &mut self,
        account: &FoundAccount,
        identities: &[&FoundIdentity],
        entry: &AccountEntry,
        is_sound: bool,
    ) {
        let mut done: Vec<String> = Vec::new();
        let ways: [Way; 2] = [|draft| draft.by_fields(), |draft| Some(draft.by_subject())];
        for write in ways {
            for identity in identities {
                if !done.contains(&identity.id)
                    && let Some(ids) = self.rule((account, identity), entry, is_sound, write)
                {
                    done.extend(ids);
                }
            }
        }
    }

    /// An account whose jobs go by API keys, which can't be read.
    fn without_identities(&mut self, account: &FoundAccount) {
        let user = &account.user;
        let name = plain(&unique(&mut self.taken.accounts, &user.username));
        let (why, more) = if user.is_agent {
            let key = "# FILL IN: a file with its API key, or one for `apply` to put a new key in";
            let more =
                format!("    agent: true\n    api_key: {{ file: …, create: true }}   {key}\n");
            ("An agent's account, which goes by an API key:", more)
        } else {
            let id = format!("    id: {}\n", escaped(&account.id));
            ("It has no OIDC identity; FILL IN rules for its jobs, and `apply` makes them:", id)
        };
        let text = format!("  {name}:\n{more}{}", self.of_octopus(account));
        let _ = writeln!(self.accounts, "  # {why}");
        for line in text.lines() {
            let _ = writeln!(self.accounts, "  # {}", line.strip_prefix("  ").unwrap_or(line));
        }
    }

    fn entry(&mut self, account: &FoundAccount, audience: Option<&str>) -> AccountEntry {
        let name = unique(&mut self.taken.accounts, &account.user.username);
        let mut text = String::new();
        if !account.user.is_active {
            text.push_str("  # Switched off in Octopus:\n");
        }
        let _ = write!(text, "  {}:\n    id: {}\n", plain(&name), escaped(&account.id));
        if let Some(audience) = audience {
            let _ = writeln!(text, "    audience: {}", quoted(audience));
        }
        text.push_str(&self.of_octopus(account));
        AccountEntry { name, id: account.id.clone(), text }
    }

    /// What only Octopus needs to know.
    fn of_octopus(&self, account: &FoundAccount) -> String {
        let user = &account.user;
        let mut text = format!("    username: {}\n", quoted(&user.username));
        if user.display_name != user.username && !user.display_name.is_empty() {
            let _ = writeln!(text, "    display_name: {}", quoted(&user.display_name));
        }
        let is_in = |members: &[String]| members.contains(&user.user_id);
        let teams = &self.found.teams;
        let names = teams.iter().filter(|team| is_in(&team.members)).map(|team| {
            let is_same = |other: &&str| other.eq_ignore_ascii_case(&team.name);
            let same = teams.iter().map(|team| team.name.as_str()).filter(is_same);
            quoted(if same.count() > 1 { &team.id } else { &team.name })
        });
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            let _ = writeln!(text, "    teams: [{}]", names.join(", "));
        }
        if let Some(directory) = user.logins.iter().find_map(ActiveDirectory::of_login) {
            let claims =
                directory.claims().map(|(name, value)| format!("{name}: {}", quoted(value)));
            let claims: Vec<String> = claims.collect();
            let _ = writeln!(text, "    active_directory: {{ {} }}", claims.join(", "));
        }
        text
    }

    /// Whether the reader takes the account by itself.
    fn is_sound(&self, entry: &AccountEntry) -> bool {
        let text = format!(
            "octopus: {{ url: {} }}\nservice_accounts:\n{}ambient: {{ token: detect, \
             service_account: {} }}\n",
            quoted(self.base),
            entry.text,
            plain(&entry.name),
        );
        config::parse(&text, Path::new("import"), &|_| None).is_ok()
    }

    /// Writes a rule, if there is one; the ids of the identities that it stands for.
    fn rule(
        &mut self,
        (account, identity): (&FoundAccount, &FoundIdentity),
        entry: &AccountEntry,
        is_sound: bool,
        write: Way,
    ) -> Option<Vec<String>> {
        let at = self.issuer(identity);
        let others = self.issuers.iter().enumerate();
        let others = others.filter(|(other, (_, is_used))| *other != at && *is_used);
        let other_issuers: String = others.map(|(_, (issuer, _))| issuer.text()).collect();
        let (issuer, is_used) = self.issuers.get_mut(at)?;
        let wanted = match identity.name.strip_prefix(OURS) {
            // A rule of several subjects counts its identities.
            Some(rule) => rule.split(" (").next().unwrap_or_default().to_owned(),
            None => format!("{}-{}", entry.name, identity.name),
        };
        let mut taken = self.taken.rules.clone();
        let name = unique(&mut taken, &wanted);
        let identities = &account.identities;
        let base = self.base;
        let draft = Draft {
            base,
            name: &name,
            identity,
            identities,
            issuer,
            other_issuers: &other_issuers,
            rules: self.rule_count,
            account: entry,
        };
        let rule = write(&draft)?;
        self.taken.rules = taken;
        let is_rule = rule.is_rule && is_sound;
        *is_used |= is_rule;
        self.rule_count += usize::from(is_rule);
        self.rules.push('\n');
        for line in rule.text.lines() {
            let sign = if rule.is_rule && !is_rule { "  # " } else { "" };
            let _ = writeln!(self.rules, "{sign}{line}");
        }
        Some(rule.identities)
    }

    /// Where the issuer of an identity stands, which may be new.
    fn issuer(&mut self, identity: &FoundIdentity) -> usize {
        let known = self.issuers.iter().position(|(issuer, _)| issuer.url == identity.issuer);
        known.unwrap_or_else(|| {
            let preset = provider(identity);
            let name = unique(&mut self.taken.issuers, preset.name);
            let url = identity.issuer.clone();
            self.issuers.push((IssuerEntry { name, url, preset }, false));
            self.issuers.len() - 1
        })
    }

    fn finish(self) -> String {
        let mut text = format!(
            "# What stands in {}, as `octobroker import` read it: each OIDC identity is a rule on its\n\
             # subject. `octobroker plan` says that nothing is to be done. See to what says FILL IN,\n\
             # narrow the rules as their comments say (docs/rules.md), and write `allow:` on each;\n\
             # then `plan` shows what becomes narrower in Octopus.\n\
             octopus:\n  url: {}\n\nissuers:\n",
            escaped(self.base),
            quoted(self.base)
        );
        for (issuer, is_used) in &self.issuers {
            text.push_str(if *is_used { "" } else { "  # No rule is on it yet:\n  # " });
            let entry = issuer.text();
            text.push_str(if *is_used { &entry } else { entry.trim_start() });
        }
        let none = |has_any: bool, what: &str| {
            if has_any { String::new() } else { format!("  # FILL IN: there is no {what} yet.\n") }
        };
        let has_rule = self.rule_count > 0;
        text.push_str(&none(has_rule, "issuer that a rule is on"));
        text.push_str("\nservice_accounts:\n");
        text.push_str(&self.accounts);
        text.push_str(&none(self.has_account, "service account with an OIDC identity"));
        let _ = write!(text, "\nrules:\n{}", self.rules.trim_start_matches('\n'));
        text.push_str(&none(has_rule, "rule that can be taken as it stands"));
        text
    }
}

/// The audience, if it is not the account's id.
fn custom<'a>(identity: &'a FoundIdentity, account: &FoundAccount) -> Option<&'a str> {
    identity.audience.as_deref().filter(|audience| *audience != account.id)
}
