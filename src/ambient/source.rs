//! What the operator named as the source of the token.

use std::path::PathBuf;

use super::platform::Platform;
use super::table::TABLE;

/// Where the broker's own ID token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The platform is recognised by its environment variables and default files.
    Detect,
    /// This platform, and no other.
    Platform(Platform),
    /// The environment variable of this name.
    Environment(String),
    /// This file, read again when it changes.
    File(PathBuf),
    /// The standard output of this command, run without a shell.
    Command(Vec<String>),
}

impl TokenSource {
    /// The words that [`TokenSource::named`] knows.
    pub const NAMES: &[&str] = &[
        "detect",
        "github-actions",
        "forgejo",
        "gitlab",
        "azure-devops",
        "bitbucket",
        "buildkite",
        "circleci",
        "codefresh",
        "hcp-terraform",
        "spacelift",
        "semaphore",
        "env0",
        "vercel",
        "teamcity",
        "jenkins",
        "octopus",
        "kubernetes",
        "spiffe",
        "google",
        "azure",
    ];

    /// The source that a word of the configuration names: `detect` or a platform.
    pub fn named(name: &str) -> Option<Self> {
        if name == "detect" {
            return Some(Self::Detect);
        }
        TABLE.iter().find(|row| row.name == name).map(|row| Self::Platform(row.platform))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_every_row_has_its_name() {
        for name in TokenSource::NAMES {
            let source = TokenSource::named(name).unwrap();
            if let TokenSource::Platform(platform) = source {
                assert_eq!(platform.name(), *name);
            }
        }
        assert_eq!(TokenSource::NAMES.len(), TABLE.len() + 1);
        for unknown in ["", "Detect", "github", "file", "command"] {
            assert_eq!(TokenSource::named(unknown), None, "{unknown:?}");
        }
    }
}
