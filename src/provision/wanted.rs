//! What the configuration wants to stand in Octopus.

use std::path::PathBuf;
use std::time::Duration;

use super::active_directory::ActiveDirectory;
use super::{OURS, found::FoundIdentity};
use crate::identity::{Issuer, TokenKind};
use crate::trust::{PlannedSubjects, Rule, presets};

/// All of it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// In the order of the file.
    pub accounts: Vec<WantedAccount>,
    /// In the order of the file.
    pub rules: Vec<WantedRule>,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedAccount {
    /// The operator's name for it.
    pub name: String,
    /// The GUID, if it is written.
    pub id: Option<String>,
    /// The name in Octopus. An account without is looked for by its id, and not made.
    pub username: Option<String>,
    /// The name that people see, if it is written.
    pub display_name: Option<String>,
    /// Names or ids of teams that it belongs to.
    pub teams: Vec<String>,
    /// Its login in the directory.
    pub active_directory: Option<ActiveDirectory>,
    /// Whether it is an agent's.
    pub is_agent: bool,
    /// Whether it goes by an API key, so that it needs no OIDC identities.
    pub is_keyed: bool,
    /// The key that is to be made for it.
    pub key: Option<WantedKey>,
    /// The audience of its identities, if it is not the id.
    pub audience: Option<String>,
    /// Whether the broker itself acts as it, by an identity that no rule tells of.
    pub is_ambient: bool,
}

/// An API key that the program makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedKey {
    /// Where it is to stand.
    pub path: PathBuf,
    /// How long it lives; Octopus's default if not written.
    pub expires_in: Option<Duration>,
}

/// A rule, as far as Octopus has to do with it.
#[derive(Debug, Clone)]
pub struct WantedRule {
    /// Its name.
    pub name: String,
    /// The service account, by its configured name.
    pub account: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// The subjects of its tokens, or why they can't be told: a clause.
    pub subjects: Result<PlannedSubjects, String>,
}

/// An OIDC identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedIdentity {
    /// Begins with [`OURS`].
    pub name: String,
    /// `iss`, byte for byte.
    pub issuer: String,
    /// With Octopus's wildcards.
    pub subject: String,
    /// None if it is the account's id.
    pub audience: Option<String>,
    /// The rules whose tokens it is for.
    pub rules: Vec<String>,
}

impl Wanted {
    /// Of the accounts, and of the rules on tokens of these issuers.
    pub fn of<G>(accounts: Vec<WantedAccount>, rules: &[Rule<G>], issuers: &[Issuer]) -> Self {
        let is_exchanged = |rule: &&Rule<G>| {
            let mut of_rule = accounts.iter().filter(|it| it.name == rule.service_account);
            of_rule.any(|account| !account.is_keyed)
        };
        let rules = rules.iter().filter(is_exchanged).filter_map(|rule| {
            let issuer = issuers.iter().find(|issuer| issuer.name == rule.issuer)?;
            Some(WantedRule {
                name: rule.name.clone(),
                account: rule.service_account.clone(),
                issuer: issuer.url.clone(),
                subjects: subjects(rule, issuer),
            })
        });
        let rules = rules.collect();
        Self { accounts, rules }
    }

    /// The rules of an account.
    pub fn rules_of(&self, account: &WantedAccount) -> impl Iterator<Item = &WantedRule> {
        self.rules.iter().filter(|rule| rule.account == account.name)
    }

    /// The identities that an account needs for its rules; one may serve several.
    pub fn identities_of(&self, account: &WantedAccount) -> Vec<WantedIdentity> {
        let mut identities: Vec<WantedIdentity> = Vec::new();
        for rule in self.rules_of(account) {
            let Ok(planned) = &rule.subjects else { continue };
            for (subject, number) in planned.texts.iter().zip(1_usize..) {
                let is_it =
                    |it: &&mut WantedIdentity| it.issuer == rule.issuer && it.subject == *subject;
                if let Some(known) = identities.iter_mut().find(is_it) {
                    known.rules.push(rule.name.clone());
                    continue;
                }
                let number = if number == 1 { String::new() } else { format!(" ({number})") };
                identities.push(WantedIdentity {
                    name: format!("{OURS}{}{number}", rule.name),
                    issuer: rule.issuer.clone(),
                    subject: subject.clone(),
                    audience: account.audience.clone(),
                    rules: vec![rule.name.clone()],
                });
            }
        }
        identities
    }
}

impl WantedAccount {
    /// The name that people see, for an account that is to be made.
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().or(self.username.as_deref()).unwrap_or(&self.name)
    }

    /// The purpose of the API keys that are made for it.
    pub fn purpose(&self) -> String {
        format!("{OURS}{}", self.name)
    }
}

impl WantedIdentity {
    /// Whether it says the same, whatever it is called.
    pub fn is_said_by(&self, found: &FoundIdentity, id: Option<&str>) -> bool {
        let audience = |audience: &Option<String>| {
            // The id, written out, is what an empty field means.
            audience.clone().filter(|audience| Some(audience.as_str()) != id)
        };
        self.issuer == found.issuer
            && self.subject == found.subject
            && audience(&self.audience) == audience(&found.audience)
    }
}

fn subjects<G>(rule: &Rule<G>, issuer: &Issuer) -> Result<PlannedSubjects, String> {
    if issuer.kind == TokenKind::JwtSvid && !issuer.url.starts_with("https://") {
        let sentence = "its tokens have no `iss`, and Octopus refuses such; give the account an API \
                        key";
        return Err(sentence.to_owned());
    }
    let preset = presets::find(issuer.provider).unwrap_or(presets::CUSTOM);
    PlannedSubjects::of(rule, preset, &issuer.url).map_err(|error| error.to_string())
}
