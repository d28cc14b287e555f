//! The sidecar's whole configuration as flags or environment: it needs no file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Environment;
use super::reload::Origin;
use crate::config::{self, Config, ConfigError};

/// Where the configuration is: a file, or what follows.
#[derive(Debug, Args)]
pub(super) struct SidecarFlags {
    /// The configuration file [default: `$OCTOBROKER_CONFIG`, `./octobroker.yaml`,
    /// `/etc/octobroker/octobroker.yaml`]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The Octopus server [default: `$OCTOBROKER_OCTOPUS_URL`, `$OCTOPUS_URL`]
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    octopus_url: Option<String>,
    /// The service account to act as: the GUID that Octopus shows on its OpenID Connect page
    /// [default: `$OCTOBROKER_SERVICE_ACCOUNT`]
    #[arg(long, value_name = "GUID", conflicts_with = "config")]
    service_account: Option<String>,
    /// The file with the ID token, read again when it changes [default:
    /// `$OCTOBROKER_TOKEN_FILE`, else what the platform offers]
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    token_file: Option<PathBuf>,
    /// The audience of the ID token, if the OIDC identity in Octopus has a custom one [default:
    /// `$OCTOBROKER_AUDIENCE`, else the service account]
    #[arg(long, conflicts_with = "config")]
    audience: Option<String>,
}

/// What a sidecar does with its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Lends it to whoever reaches the loopback listener.
    Listens,
    /// Lends it to one command, by a stand-in, on a port of its own.
    Runs,
}

impl SidecarFlags {
    /// The configuration: of the flags and the environment, where they name a service account and
    /// no file is named; else of the file, beside which no other flag may stand.
    pub(super) fn load(
        &self,
        role: Role,
        environment: Environment<'_>,
    ) -> Result<Config, ConfigError> {
        let given = |flag: &Option<String>, names| given(flag.as_ref(), names, environment);
        let Some(account) = self.account(environment) else {
            self.check_needless()?;
            let exists = |path: &Path| path.exists();
            let path = config::find(self.config.as_deref(), environment, &exists)?;
            return config::load(&path, environment);
        };
        let Some(url) = given(&self.octopus_url, &["OCTOBROKER_OCTOPUS_URL", "OCTOPUS_URL"]) else {
            return Err(ConfigError::of_flags(
                "the Octopus server is not named; write --octopus-url, or set OCTOPUS_URL",
            ));
        };
        let token_file = self
            .token_file
            .clone()
            .or_else(|| set(environment, "OCTOBROKER_TOKEN_FILE").map(PathBuf::from));
        let text = document(&Wanted {
            url: &url,
            account: &account,
            audience: given(&self.audience, &["OCTOBROKER_AUDIENCE"]),
            token_file,
            role,
        });
        let config = config::parse(&text, Path::new("flags"), environment);
        let mut config = config.map_err(|error| error.by_flags(&FLAGS))?;
        config.findings.iter_mut().for_each(|finding| finding.name_flag(&FLAGS));
        Ok(config)
    }

    /// What stands in the file must not seem to be said by a flag: the job would go to another
    /// server than the one that was typed.
    fn check_needless(&self) -> Result<(), ConfigError> {
        let flags = [
            ("--octopus-url", self.octopus_url.is_some()),
            ("--audience", self.audience.is_some()),
            ("--token-file", self.token_file.is_some()),
        ];
        let Some((flag, _)) = flags.iter().find(|(_, is_there)| *is_there) else { return Ok(()) };
        Err(ConfigError::of_flags(&format!(
            "{flag} needs --service-account beside it; without, the configuration is that of a \
             file, which says this itself"
        )))
    }

    /// Where a configuration that they gave came from.
    pub(super) fn origin(&self, config: &Config, environment: Environment<'_>) -> Origin {
        match self.account(environment) {
            Some(_) => Origin::Once { what: "flags and variables" },
            None => Origin::of_file(config),
        }
    }

    /// The service account that they name; `None` if the configuration is in a file.
    fn account(&self, environment: Environment<'_>) -> Option<String> {
        let account =
            given(self.service_account.as_ref(), &["OCTOBROKER_SERVICE_ACCOUNT"], environment);
        let names_file = self.config.is_some()
            || (self.service_account.is_none() && set(environment, "OCTOBROKER_CONFIG").is_some());
        account.filter(|_| !names_file)
    }
}

/// By which flag or variable a key of [`document`] is given.
const FLAGS: [(&str, &str); 4] = [
    ("octopus.url", "--octopus-url, or OCTOPUS_URL"),
    ("service_accounts.sidecar.id", "--service-account, or OCTOBROKER_SERVICE_ACCOUNT"),
    ("service_accounts.sidecar.audience", "--audience, or OCTOBROKER_AUDIENCE"),
    ("ambient.token.file", "--token-file, or OCTOBROKER_TOKEN_FILE"),
];

/// The flag, or the first of the variables that holds something.
fn given(flag: Option<&String>, names: &[&str], environment: Environment<'_>) -> Option<String> {
    flag.cloned().or_else(|| names.iter().find_map(|name| set(environment, name)))
}

struct Wanted<'a> {
    url: &'a str,
    account: &'a str,
    audience: Option<String>,
    token_file: Option<PathBuf>,
    role: Role,
}

/// The same as a document, so that one reader checks both. A quoted JSON text is YAML as well.
fn document(wanted: &Wanted<'_>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let audience = wanted
        .audience
        .as_deref()
        .map_or_else(String::new, |audience| format!(", audience: {}", quoted(audience)));
    let token = wanted.token_file.as_deref().map_or_else(
        || "detect".to_owned(),
        |path| format!("{{ file: {} }}", quoted(&path.to_string_lossy())),
    );
    let listener = match wanted.role {
        Role::Listens => "{ bind: '127.0.0.1:8484', ambient: true }",
        Role::Runs => "{ bind: '127.0.0.1:0' }",
    };
    let admin = match wanted.role {
        Role::Listens => "127.0.0.1:9484",
        Role::Runs => "127.0.0.1:0",
    };
    format!(
        "octopus: {{ url: {} }}\nservice_accounts: {{ sidecar: {{ id: {}{audience} }} }}\n\
         ambient: {{ token: {token}, service_account: sidecar }}\nlisteners: [{listener}]\n\
         admin: {{ bind: '{admin}' }}\n",
        quoted(wanted.url),
        quoted(wanted.account),
    )
}

/// A variable that holds something.
fn set(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::TokenSource;

    const ACCOUNT: &str = "5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33";

    fn flags() -> SidecarFlags {
        SidecarFlags {
            config: None,
            octopus_url: None,
            service_account: None,
            token_file: None,
            audience: None,
        }
    }

    #[test]
    fn flags_and_environment_are_a_whole_configuration() {
        let environment = |name: &str| match name {
            "OCTOPUS_URL" => Some("https://acme.octopus.app".to_owned()),
            "OCTOBROKER_SERVICE_ACCOUNT" => Some(ACCOUNT.to_owned()),
            "OCTOBROKER_TOKEN_FILE" => Some("/run/token \"x\"".to_owned()),
            _ => None,
        };

        let config = flags().load(Role::Listens, &environment).unwrap();

        let ambient = config.ambient.unwrap();
        assert_eq!(ambient.source, TokenSource::File(PathBuf::from("/run/token \"x\"")));
        assert_eq!(config.service_accounts[0].audience.as_deref(), Some(ACCOUNT));
        assert!(config.listeners[0].is_ambient);
        assert!(config.rules.is_empty() && config.issuers.is_empty());
    }

    #[test]
    fn flags_and_variables_can_not_change_while_the_program_runs() {
        let variables =
            |name: &str| (name == "OCTOBROKER_SERVICE_ACCOUNT").then(|| ACCOUNT.to_owned());
        let folder = std::env::temp_dir();
        let text = document(&Wanted {
            url: "https://acme.octopus.app",
            account: ACCOUNT,
            audience: None,
            token_file: None,
            role: Role::Listens,
        });
        let file = folder.join(format!("octobroker-origin-{}.yaml", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let by_file = SidecarFlags { config: Some(file.clone()), ..flags() };
        let config = by_file.load(Role::Listens, &|_| None).unwrap();

        assert!(matches!(flags().origin(&config, &variables), Origin::Once { .. }));
        assert!(matches!(by_file.origin(&config, &variables), Origin::File { .. }));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(by_file.origin(&config, &variables), Origin::Once { .. }));
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment = |name: &str| match name {
            "OCTOBROKER_OCTOPUS_URL" | "OCTOPUS_URL" => Some("https://other.example".to_owned()),
            _ => None,
        };
        let flags = SidecarFlags {
            octopus_url: Some("https://acme.octopus.app".to_owned()),
            service_account: Some(ACCOUNT.to_owned()),
            audience: Some("octobroker".to_owned()),
            ..flags()
        };

        let config = flags.load(Role::Runs, &environment).unwrap();

        assert_eq!(config.upstream.base().as_str(), "https://acme.octopus.app/");
        assert_eq!(config.service_accounts[0].audience.as_deref(), Some("octobroker"));
        assert!(!config.listeners[0].is_ambient);
    }

    #[test]
    fn what_is_wrong_is_said_as_for_a_file() {
        let flags = SidecarFlags { service_account: Some("Users-21".to_owned()), ..flags() };
        let load = |url: Option<&str>| {
            let environment = |name: &str| url.filter(|_| name == "OCTOPUS_URL").map(str::to_owned);
            flags.load(Role::Runs, &environment).unwrap_err().to_string()
        };

        assert!(load(None).contains("write --octopus-url, or set OCTOPUS_URL"));
        let error = load(Some("http://acme.octopus.app"));
        assert!(error.starts_with("--octopus-url, or OCTOPUS_URL: must be https"), "{error}");
        let account = "\n--service-account, or OCTOBROKER_SERVICE_ACCOUNT: ";
        assert!(
            error.contains(account) && error.contains("the user's id, not the GUID"),
            "{error}"
        );
    }

    #[test]
    fn a_flag_that_the_file_would_overrule_is_refused() {
        let text = || Some("https://acme.octopus.app".to_owned());
        let rows = [
            ("--octopus-url", SidecarFlags { octopus_url: text(), ..flags() }),
            ("--audience", SidecarFlags { audience: text(), ..flags() }),
            ("--token-file", SidecarFlags { token_file: text().map(PathBuf::from), ..flags() }),
        ];
        let variables = |name: &str| match name {
            "OCTOBROKER_CONFIG" => Some("/nowhere/octobroker.yaml".to_owned()),
            "OCTOBROKER_SERVICE_ACCOUNT" => Some(ACCOUNT.to_owned()),
            _ => None,
        };
        for (flag, flags) in rows {
            let error = flags.load(Role::Runs, &variables).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{flag} needs --service-account")), "{error}");
        }
    }
}
