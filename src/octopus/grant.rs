//! What a rule lets its workloads do, in Octopus's nouns.

use super::service_account::ServiceAccount;

/// What may be done as a service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Reads only.
    Read,
    /// All but administration.
    Everything,
}

impl Grant {
    /// What is granted where nothing is said: agents read, others do everything.
    pub const fn default_for(account: &ServiceAccount) -> Self {
        if account.is_agent { Self::Read } else { Self::Everything }
    }

    /// Whether a request may be made.
    pub const fn allows(&self, is_read: bool) -> bool {
        is_read || matches!(self, Self::Everything)
    }
}
