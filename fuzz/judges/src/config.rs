//! Configurations.

use std::path::Path;

use octobroker::config;

/// What is sound hangs together, and whatever is not says so in words.
pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let environment = |name: &str| (name == "SET").then(|| "value".to_owned());
    match config::parse(text, Path::new("/nowhere/octobroker.yaml"), &environment) {
        Ok(config) => {
            assert!(!config.listeners.is_empty());
            assert!(!config.rules.is_empty() || config.ambient.is_some(), "it serves nobody");
            for rule in &config.rules {
                assert!(
                    config.issuers.iter().any(|issuer| issuer.name == rule.issuer),
                    "no issuer"
                );
                let mut accounts = config.service_accounts.iter();
                assert!(accounts.any(|account| account.name == rule.service_account), "no account");
                assert!(!rule.audience.is_empty(), "a token for nobody");
            }
            for issuer in &config.issuers {
                assert!(!issuer.algorithms.is_empty(), "no algorithm");
            }
            let shown = format!("{config:?}");
            assert!(!shown.contains("CANARY-KEY"), "a secret is shown");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.trim().is_empty());
            assert!(!said.contains("CANARY-KEY"), "a secret is quoted: {said}");
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "it steers a terminal");
        }
    }
}
