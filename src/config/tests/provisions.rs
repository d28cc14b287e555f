//! What stands on a service account for Octopus's side.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{GOOD, each_is_refused, environment};
use crate::config::{Config, ConfigError, Ids, load_with};

/// An account that is to be made, in full.
const WHOLE: &str = "service_accounts:
  bot:
    username: svc-bot
    display_name: Bot
    teams: [Deployers, Teams-7]
    active_directory: { sam: 'CORP\\bot', upn: bot@corp.example }
    audience: octobroker
  agent:
    username: svc-agent
    agent: true
    api_key: { file: not-there, create: true, expires_in: 90d }
  keyed: { api_key: { env: NOT_SET } }
";

fn with(sections: &str, ids: Ids) -> Result<Config, ConfigError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let good: Vec<&str> = GOOD.iter().map(|(_, section)| *section).collect();
    let text = format!("{}\n{}\n{}\n{sections}", good[0], good[1], good[3]);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let file = std::env::temp_dir().join(format!("octobroker-provisions-{process}-{count}.yaml"));
    std::fs::write(&file, text).unwrap();
    let loaded = load_with(&file, &environment, ids);
    std::fs::remove_file(&file).unwrap();
    loaded
}

#[test]
fn what_octopus_is_to_know_is_read_and_awaits_ids_and_keys() {
    let config = with(WHOLE, Ids::Awaited).unwrap();

    let [bot, agent, keyed] = config.octopus_side.as_slice() else { panic!() };
    assert_eq!((bot.username.as_deref(), bot.id.as_deref()), (Some("svc-bot"), None));
    assert_eq!(bot.teams, ["Deployers", "Teams-7"]);
    assert_eq!(bot.audience.as_deref(), Some("octobroker"));
    let directory = bot.active_directory.as_ref().unwrap();
    assert_eq!((directory.sam.as_str(), directory.email.as_deref()), ("CORP\\bot", None));
    let key = agent.key.as_ref().unwrap();
    assert!(key.path.ends_with("not-there") && agent.is_keyed && agent.is_agent);
    assert_eq!(key.expires_in, Some(Duration::from_secs(90 * 86_400)));
    assert!(keyed.username.is_none() && keyed.key.is_none());
    let wanted = config.wanted();
    let identities = wanted.identities_of(bot);
    assert_eq!(identities.len(), 0, "the rule is on a claim that no subject shows");
    assert!(wanted.rules[0].subjects.is_err());
}

#[test]
fn an_account_without_an_id_serves_nobody_yet() {
    let account = "service_accounts: { bot: { username: Svc-Bot } }";

    let missing = with(account, Ids::Written).unwrap_err().to_string();

    assert!(missing.contains("`octobroker apply` makes one that is not"), "{missing}");
}

#[test]
fn a_file_has_the_key_of_one_account() {
    let keyed = |name: &str| {
        format!("{name}: {{username: {name}, api_key: {{file: /no/key, create: true}}}}")
    };
    let accounts = format!("service_accounts: {{{}, {}}}", keyed("a"), keyed("b"));

    let twice = with(&accounts, Ids::Awaited).unwrap_err().to_string();

    assert!(twice.contains("service_accounts.b: has the `api_key.file` of a"), "{twice}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let long = "x".repeat(65);
    let bot = |keys: &str| {
        format!("service_accounts: {{bot: {{id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33, {keys}}}}}")
    };
    let rows = [
        (bot(&format!("username: {long}")), "1:78: service_accounts.bot.username", "longer than"),
        (bot("teams: Deployers"), "1:75: service_accounts.bot.teams", "must be a list"),
        (
            bot("active_directory: {upn: a@b}"),
            "1:68: service_accounts.bot.active_directory",
            "`sam` is missing; write DOMAIN\\NAME",
        ),
        (
            bot("active_directory: {sam: bot}"),
            "1:92: service_accounts.bot.active_directory.sam",
            "has no domain",
        ),
        (
            bot("api_key: {env: SECRET, create: true}"),
            "1:68: service_accounts.bot.api_key",
            "is written to a file",
        ),
        (
            bot("api_key: {env: SECRET, expires_in: 90d}"),
            "1:103: service_accounts.bot.api_key.expires_in",
            "write `create: true` beside it",
        ),
        (
            "service_accounts: {bot: {api_key: {env: SECRET}, teams: [A]}}".to_owned(),
            "1:20: service_accounts.bot",
            "has `teams` and says not of whom; write `username:`",
        ),
        (
            "service_accounts: {bot: {username: a, agent: true}}".to_owned(),
            "1:20: service_accounts.bot",
            "agent service accounts of Octopus have API keys only",
        ),
    ];
    let rows: Vec<(&str, &str, &str)> =
        rows.iter().map(|(sections, at, phrase)| (sections.as_str(), *at, *phrase)).collect();
    each_is_refused(&rows);
}
