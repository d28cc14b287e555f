//! Octopus's side of the same configuration: what must stand there so that every rule works, what
//! does stand there, and how the one becomes the other.
//!
//! In: an administrator's credential, the service accounts and rules of the configuration. Out: a
//! [`Plan`], made of [`Wanted`] and [`Found`] by comparing them and nothing else; and, for whoever
//! asks for it, its steps taken one after the other, each of which can be taken again after a failure.
//!
//! Everything is read before anything is written. An OIDC identity or API key is the program's own if
//! its name or purpose begins with [`OURS`]; nothing else is removed unless somebody says so. People's
//! accounts are never touched, and memberships and keys that somebody else made are told, not taken.
//!
//! Octopus's REST API: users, teams, API keys and OIDC identities of service accounts.

mod active_directory;
mod administrator;
mod apply;
mod comparison;
mod found;
mod key_file;
mod moment;
mod near_miss;
mod plan;
mod wanted;

#[cfg(test)]
mod tests;

pub use active_directory::ActiveDirectory;
pub use administrator::{Administrator, AdministratorError};
pub use apply::{Applied, ApplyError, Step, apply};
pub use found::{Found, FoundAccount, FoundIdentity, FoundKey, FoundTeam, FoundUser, HeldKey};
pub use key_file::KeyFileError;
pub use near_miss::{Difference, Fit, Presented};
pub use plan::{Action, Change, KeyReason, Plan, PlanOptions, Problem, Remark};
pub use wanted::{Wanted, WantedAccount, WantedIdentity, WantedKey, WantedRule};

/// How the names of OIDC identities and the purposes of API keys begin that this program made.
pub const OURS: &str = "octobroker: ";
