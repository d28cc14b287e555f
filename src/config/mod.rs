//! What the operator wrote: reads the YAML file and builds the types of the other rooms.
//!
//! In: a file, and the environment for `${NAME}`. Out: a [`Config`] that is sound, or a
//! [`ConfigError`] with all that is wrong at once, each with line, column, key and what to write
//! instead. Files that the configuration names are read, so that a wrong one is found now.
//!
//! It opens no connection, takes no secret, logs nothing and decides nothing later: no other room
//! imports it. A key that it does not know is an error, never ignored: a misspelt condition would
//! be an open door.
//!
//! What is dangerous but not wrong, the `lints` find: they see the tree and what was built of it.
//!
//! `yaml` makes a tree with positions, or `syntax` says why not, `expand` puts variables in, `reader` and `values` take the
//! tree apart, and one file for each section builds what it describes.

mod accounts;
mod ambient;
mod claims;
mod conditions;
mod denials;
mod expand;
mod fields;
mod find;
mod grants;
mod issuers;
mod limits;
mod lints;
mod listeners;
mod load;
mod log;
mod nearest;
mod octopus;
mod pins;
mod plain;
mod problem;
mod providers;
mod provisions;
mod raw;
mod reader;
mod reading;
mod rule_tests;
mod rules;
mod schema;
mod secret;
mod syntax;
mod tls;
mod token_door;
mod values;
mod web;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub use ambient::AmbientConfig;
pub use find::find;
pub use lints::{LINTS, Lint};
pub use load::{load, load_with, parse, parse_with};
pub use log::{LogConfig, LogFormat};
pub use problem::{ConfigError, Finding, Severity};
pub use provisions::Ids;
pub use rule_tests::{
    Expected, RuleTest, TestRequest, TestSample, claims_document, load_rule_tests,
};
pub use schema::schema;
pub use values::parse_duration;

use crate::identity::Issuer;
use crate::limits::Limits;
use crate::octopus::{Grant, ServiceAccount, Upstream};
use crate::provision::{Wanted, WantedAccount};
use crate::proxy::{ListenerSpec, TokenDoor};
use crate::trust::Rule;

/// A sound configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The Octopus server.
    pub upstream: Upstream,
    /// Where API requests are taken; at least one.
    pub listeners: Vec<ListenerSpec>,
    /// Where metrics and health are shown.
    pub admin: SocketAddr,
    /// Whose tokens are believed; at least one.
    pub issuers: Vec<Issuer>,
    /// Whom workloads act as.
    pub service_accounts: Vec<ServiceAccount>,
    /// What Octopus is to know of the service accounts, in the order of the file.
    pub octopus_side: Vec<WantedAccount>,
    /// In the order of the file; at least one. Each names a configured issuer and account.
    pub rules: Vec<Rule<Arc<Grant>>>,
    /// The broker's own identity.
    pub ambient: Option<AmbientConfig>,
    /// What the exchange door gives out.
    pub token_door: TokenDoor,
    /// The bounds.
    pub limits: Limits,
    /// How the program logs.
    pub log: LogConfig,
    /// The variables of the environment in which secrets were found: nobody else is to have them.
    pub secret_variables: Vec<String>,
    /// What may be dangerous or not meant, and what is worth knowing: none of it is an error.
    pub findings: Vec<Finding>,
    /// The first 12 hexadecimal digits of the file's SHA-256.
    pub digest: String,
    /// The file.
    pub path: PathBuf,
    /// The files that it names and on whose content it depends: certificates and pinned keys.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// The broker's own identity, and the service account that it acts as.
    pub fn own_account(&self) -> Option<(&AmbientConfig, &ServiceAccount)> {
        let ambient = self.ambient.as_ref()?;
        let mut accounts = self.service_accounts.iter();
        let account = accounts.find(|account| account.name == ambient.service_account)?;
        Some((ambient, account))
    }
}

impl Config {
    /// What is to stand in Octopus.
    pub fn wanted(&self) -> Wanted {
        Wanted::of(self.octopus_side.clone(), &self.rules, &self.issuers)
    }

    /// The audiences that tokens may have: those of the rules and of the service accounts.
    pub fn audiences(&self) -> BTreeSet<String> {
        let of_rules = self.rules.iter().map(|rule| rule.audience.clone());
        let of_accounts =
            self.service_accounts.iter().filter_map(|account| account.audience.clone());
        of_rules.chain(of_accounts).collect()
    }
}
