//! An Octopus with an administrator, and a file that says what is to stand there.

use std::os::unix::fs::PermissionsExt;

use emulator::{User, UserKind};
use serde_json::Value;

use crate::execs::Stage;
use crate::process::Ended;

/// An Octopus with an administrator and two teams, and a configuration for it.
pub(crate) struct Site {
    pub(crate) stage: Stage,
    pub(crate) key: String,
    pub(crate) config: String,
}

/// What is to stand in Octopus, and the rules for it. `{ids}` may be put in later.
const CONFIGURATION: &str = "\
octopus: { url: 'OCTOPUS' }
listeners: [{ bind: '127.0.0.1:0' }]
admin: { bind: '127.0.0.1:0' }
issuers:
  github: { provider: github-actions, url: 'ISSUER' }
service_accounts:
  release:
    username: svc-release
    display_name: Release bot
    teams: [Deployers]
  tooling:
    username: svc-tooling
    audience: octobroker
    teams: [deployers, Readers]
    active_directory: { sam: 'CORP\\svc-tooling', upn: svc-tooling@corp.example }
  helper:
    username: svc-helper
    agent: true
    api_key: { file: helper-key, create: true, expires_in: 90d }
rules:
  - { name: web-main, issuer: github, service_account: release, repository: acme/web,
      repository_id: 7, branch: main }
  - { name: web-production, issuer: github, service_account: release, repository: acme/web,
      repository_id: 7, environment: production }
  - { name: tools, issuer: github, service_account: tooling, repository: Acme/Tools,
      repository_id: 8, tag: { glob: 'v*' } }
  - { name: agents, issuer: github, service_account: helper, audience: agents,
      repository: acme/agents, repository_id: 9 }
";

impl Site {
    pub(crate) async fn set(name: &str) -> Self {
        let stage = Stage::set(name).await;
        let key = stage.octopus.add_administrator("admin");
        for team in ["Deployers", "Readers"] {
            stage.octopus.add_team(team);
        }
        // More users than stand on one page, for none may be overlooked.
        for number in 0..120 {
            stage.octopus.add_user(&format!("person-{number}"), UserKind::Ordinary);
        }
        let config = CONFIGURATION
            .replace("OCTOPUS", &stage.octopus.url())
            .replace("ISSUER", &stage.issuer.url());
        let site = Self { stage, key, config };
        site.write(&site.config);
        site
    }

    pub(crate) fn write(&self, config: &str) {
        self.stage.folder.write("octobroker.yaml", config);
    }

    /// Runs a command as the administrator. Whatever it says, it says no secret.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let ended = self.stage.run(arguments, &[("OCTOBROKER_ADMIN_API_KEY", &self.key)]).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains(&self.key), "the administrator's key is told");
        let made = std::fs::read_to_string(self.stage.path("helper-key")).unwrap_or_default();
        assert!(made.is_empty() || !said.contains(made.trim()), "a key that was made is told");
        ended
    }

    pub(crate) async fn plan(&self, flags: &[&str]) -> (Option<i32>, Value) {
        let ended = self.run(&[&["plan", "--output", "json"], flags].concat()).await;
        let plan = serde_json::from_str(&ended.stdout);
        (ended.code, plan.unwrap_or_else(|_| panic!("{ended:?}")))
    }

    pub(crate) async fn apply(&self, flags: &[&str]) -> Ended {
        self.run(&[&["apply", "--yes"], flags].concat()).await
    }

    pub(crate) fn user(&self, name: &str) -> User {
        self.stage.octopus.user(name).unwrap()
    }

    /// All that the file asks for.
    pub(crate) fn assert_whole(&self) {
        let (release, tooling, helper) =
            (self.user("svc-release"), self.user("svc-tooling"), self.user("svc-helper"));
        assert_eq!(
            (release.display_name.as_str(), release.kind),
            ("Release bot", UserKind::Standard)
        );
        assert_eq!(helper.kind, UserKind::Agent);
        let claims = &tooling.logins[0]["Claims"];
        assert_eq!(tooling.logins.len(), 1);
        assert_eq!(claims["sam"]["Value"], "CORP\\svc-tooling");
        let members = |team: &str| {
            let mut members = self.stage.octopus.members(team);
            members.sort();
            members
        };
        let mut both = vec![release.user_id, tooling.user_id.clone()];
        both.sort();
        assert_eq!(members("Deployers"), both);
        assert_eq!(members("Readers"), [tooling.user_id.as_str()]);
        let subjects = |user: &User| {
            let mut subjects: Vec<String> =
                user.identities.iter().map(|it| format!("{} {}", it[2], it[3])).collect();
            subjects.sort();
            subjects
        };
        assert_eq!(
            subjects(&self.user("svc-release")),
            [
                "repo:acme/web:environment:production ",
                "repo:acme/web:ref:refs/heads/main ",
                "repo:acme@*/web@7:environment:production ",
                "repo:acme@*/web@7:ref:refs/heads/main ",
            ]
        );
        assert_eq!(
            subjects(&tooling),
            [
                "repo:Acme/Tools:ref:refs/tags/v* octobroker",
                "repo:Acme@*/Tools@8:ref:refs/tags/v* octobroker",
            ]
        );
        assert_eq!(subjects(&helper), [""; 0]);
        let mode = std::fs::metadata(self.stage.path("helper-key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!self.stage.path(".helper-key.new").exists());
    }

    pub(crate) async fn close(self) {
        self.stage.close().await;
    }
}
