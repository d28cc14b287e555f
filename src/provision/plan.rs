//! What would change in Octopus, what can't, and what somebody should know.

use std::path::PathBuf;
use std::time::Duration;

use super::active_directory::ActiveDirectory;
use super::found::FoundIdentity;
use super::wanted::WantedIdentity;

/// Changes, in the order in which they are made: accounts, logins, teams, identities, keys. A run
/// that is cut off anywhere leaves nothing that the next one does not see.
#[derive(Debug, Default)]
pub struct Plan {
    /// None if nothing is to be done.
    pub changes: Vec<Change>,
    /// What can't be done as it is written. Nothing is changed then.
    pub problems: Vec<Problem>,
    /// What somebody should know.
    pub remarks: Vec<Remark>,
}

/// What the plan is to do beside the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanOptions {
    /// Take away identities that no rule needs, whoever made them, and keys of ours in no file.
    pub prune: bool,
    /// Make new keys, and revoke the old ones of ours.
    pub rotate_keys: bool,
    /// Unix seconds.
    pub now: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The service account, by its configured name.
    pub account: String,
    /// Its name in Octopus, if it is written.
    pub username: Option<String>,
    /// Its user id, unless it is yet to be made.
    pub user_id: Option<String>,
    /// What is done.
    pub action: Action,
}

/// What is done. The order is that of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A service account is made.
    CreateAccount {
        /// The name to log in with.
        username: String,
        /// The name that people see.
        display_name: String,
        /// Whether it is an agent's: that can't be changed later.
        is_agent: bool,
    },
    /// The name that people see is another one.
    ShowAs {
        /// Now.
        from: String,
        /// Then.
        to: String,
    },
    /// A login of the directory is added, or says something else.
    SetDirectory {
        /// What it says then.
        entry: ActiveDirectory,
        /// The name that people see.
        display_name: String,
        /// Whether there is none yet.
        is_new: bool,
    },
    /// It joins a team.
    JoinTeam {
        /// `Teams-41`
        id: String,
        /// Its name.
        name: String,
    },
    /// An OIDC identity is made.
    CreateIdentity {
        /// As it is to be.
        identity: WantedIdentity,
        /// Its rules that no identity serves now.
        unserved: Vec<String>,
    },
    /// An OIDC identity of ours says something else.
    ChangeIdentity {
        /// Now.
        from: FoundIdentity,
        /// Then.
        to: WantedIdentity,
    },
    /// An OIDC identity is taken away.
    RemoveIdentity(FoundIdentity),
    /// An API key is made and put into its file.
    CreateKey {
        /// The file.
        path: PathBuf,
        /// What it is for.
        purpose: String,
        /// How long it lives; Octopus's default if it is not said.
        expires_in: Option<Duration>,
        /// Whether it is an agent's.
        is_agent: bool,
        /// Why.
        reason: KeyReason,
    },
    /// An API key of ours is revoked.
    RevokeKey {
        /// `apikeys-7`
        id: String,
        /// How it begins.
        hint: String,
    },
}

/// Why a key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyReason {
    /// Its file is not there.
    NoFile,
    /// Octopus does not take the one in the file.
    Refused,
    /// Somebody asked for new keys.
    Rotation,
}

/// What can't be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One word for programs.
    pub kind: &'static str,
    /// The service account.
    pub account: String,
    /// What is wrong and what to do: a clause.
    pub text: String,
}

/// What somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// One word for programs.
    pub kind: &'static str,
    /// The service account.
    pub account: String,
    /// The rule, if it is about one.
    pub rule: Option<String>,
    /// The identity's name or the key's beginning, if it is about one.
    pub about: Option<String>,
    /// What is so, and what to do if something is: a clause.
    pub text: String,
}

impl Plan {
    /// Changes of this kind of sign: made, changed, taken away.
    pub fn count(&self, sign: char) -> usize {
        self.changes.iter().filter(|change| change.action.sign() == sign).count()
    }
}

impl Action {
    /// `+` for what is made, `~` for what is changed, `-` for what is taken away.
    pub const fn sign(&self) -> char {
        match self {
            Self::CreateAccount { .. }
            | Self::JoinTeam { .. }
            | Self::CreateIdentity { .. }
            | Self::CreateKey { .. }
            | Self::SetDirectory { is_new: true, .. } => '+',
            Self::ShowAs { .. } | Self::SetDirectory { .. } | Self::ChangeIdentity { .. } => '~',
            Self::RemoveIdentity(_) | Self::RevokeKey { .. } => '-',
        }
    }

    /// What it is about, in a word or two.
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::CreateAccount { .. } => "service account",
            Self::ShowAs { .. } => "display name",
            Self::SetDirectory { .. } => "directory login",
            Self::JoinTeam { .. } => "team",
            Self::CreateIdentity { .. } | Self::ChangeIdentity { .. } | Self::RemoveIdentity(_) => {
                "identity"
            }
            Self::CreateKey { .. } | Self::RevokeKey { .. } => "API key",
        }
    }

    /// Which identity, team, key: what is shown behind the noun.
    pub fn about(&self) -> String {
        match self {
            Self::CreateAccount { username, .. } => username.clone(),
            Self::ShowAs { to, .. } => to.clone(),
            Self::SetDirectory { entry, .. } => entry.sam.clone(),
            Self::JoinTeam { name, .. } => name.clone(),
            Self::CreateIdentity { identity, .. } => identity.name.clone(),
            Self::ChangeIdentity { to, .. } => to.name.clone(),
            Self::RemoveIdentity(found) => found.name.clone(),
            Self::CreateKey { path, .. } => path.display().to_string(),
            Self::RevokeKey { hint, .. } => format!("{hint}…"),
        }
    }

    /// The place in the order of changes.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::CreateAccount { .. } => 0,
            Self::ShowAs { .. } => 1,
            Self::SetDirectory { .. } => 2,
            Self::JoinTeam { .. } => 3,
            Self::CreateIdentity { .. } => 4,
            Self::ChangeIdentity { .. } => 5,
            Self::RemoveIdentity(_) => 6,
            Self::CreateKey { .. } => 7,
            Self::RevokeKey { .. } => 8,
        }
    }
}

impl KeyReason {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoFile => "the file is not there",
            Self::Refused => "Octopus does not take the one in the file",
            Self::Rotation => "a new one was asked for",
        }
    }
}
