//! Capabilities: what a rule can let its workloads do, in Octopus's nouns. The list is closed.

use std::fmt;

/// A set of API calls; which, the catalogue says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Look at everything that holds no secret.
    Read,
    /// Put packages into the built-in feed.
    PushPackages,
    /// Tell what a package was built from.
    PushBuildInformation,
    /// Create releases.
    CreateReleases,
    /// Deploy releases.
    Deploy,
    /// Run runbooks.
    RunRunbooks,
    /// Register, change and remove deployment targets and workers.
    ManageTargets,
    /// Cancel what runs or waits.
    CancelTasks,
    /// Speak to Octopus's remote MCP server.
    Mcp,
    /// All of the above and the rest of the API, administration excepted.
    Everything,
    /// Manage identities, credentials, spaces and the server itself.
    Administer,
}

impl Capability {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Read,
        Self::PushPackages,
        Self::PushBuildInformation,
        Self::CreateReleases,
        Self::Deploy,
        Self::RunRunbooks,
        Self::ManageTargets,
        Self::CancelTasks,
        Self::Mcp,
        Self::Everything,
        Self::Administer,
    ];

    /// As in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::PushPackages => "push-packages",
            Self::PushBuildInformation => "push-build-information",
            Self::CreateReleases => "create-releases",
            Self::Deploy => "deploy",
            Self::RunRunbooks => "run-runbooks",
            Self::ManageTargets => "manage-targets",
            Self::CancelTasks => "cancel-tasks",
            Self::Mcp => "mcp",
            Self::Everything => "everything",
            Self::Administer => "administer",
        }
    }

    /// The one with this name, exactly as written.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Several capabilities, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u16);

impl Capabilities {
    /// Exactly these.
    pub const fn of(list: &[Capability]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u16;
            rest = others;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u16) != 0
    }

    /// Whether one of them is among the others too.
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }
}

/// `read, deploy`
impl fmt::Display for Capabilities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Capability::as_str).collect();
        formatter.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for capability in Capability::ALL {
            assert_eq!(Capability::named(capability.as_str()), Some(capability));
        }
        for name in ["", "Read", "push_packages", "admin", "all"] {
            assert_eq!(Capability::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Capabilities::of(&[Capability::Deploy, Capability::Read]);

        assert_eq!(set.to_string(), "read, deploy");
        assert!(set.has(Capability::Deploy) && !set.has(Capability::Mcp));
        assert!(set.meets(Capabilities::of(&[Capability::Mcp, Capability::Read])));
        assert!(!set.meets(Capabilities::of(&[Capability::Mcp])));
        assert!(!Capabilities::default().meets(set));
    }
}
