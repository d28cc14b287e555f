//! An issuer, an Octopus, the program between them, and what is promised of every client: at
//! Octopus each request has one credential, an access token; no stand-in is seen there, and no
//! access token by a client.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use emulator::{Clock, Issuer, Octopus, Recorded, ServiceAccount};
use serde_json::Value;

use crate::process::{Folder, Process, until};
use crate::run::{self, Told, curl, run};

/// The subject that the one rule accepts.
const SUBJECT: &str = "job";

pub(crate) struct World {
    pub(crate) octopus: Octopus,
    pub(crate) account: ServiceAccount,
    /// What clients are given as the server.
    pub(crate) url: String,
    issuer: Issuer,
    process: Process,
    folder: Folder,
    stand_ins: Mutex<Vec<String>>,
}

impl World {
    /// Serving and ready. The name is the test's own.
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, "", "").await
    }

    /// The same below a virtual directory, with further lines of configuration.
    pub(crate) async fn start_with(name: &str, directory: &str, more: &str) -> Self {
        Self::start_as(name, directory, ("", more)).await
    }

    /// The same, whose one rule has these keys too.
    pub(crate) async fn allowing(name: &str, keys: &str) -> Self {
        Self::start_as(name, "", (keys, "")).await
    }

    async fn start_as(name: &str, directory: &str, (keys, more): (&str, &str)) -> Self {
        let folder = Folder::new(&format!("client-{name}"));
        let issuer = Issuer::start(Clock::system()).await;
        let mut octopus = Octopus::builder(Clock::system());
        if !directory.is_empty() {
            octopus = octopus.virtual_directory(directory);
        }
        let octopus = octopus.start().await;
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("release-bot");
        octopus.add_identity(&account, &issuer.url(), "*", None);
        let yaml = format!(
            "octopus: {{ url: '{}' }}\n\
             listeners: [{{ bind: '127.0.0.1:0' }}]\n\
             admin: {{ bind: '127.0.0.1:0' }}\n\
             issuers: {{ ci: {{ provider: custom, url: '{}', algorithms: [RS256] }} }}\n\
             service_accounts: {{ release-bot: {{ id: {} }} }}\n\
             rules: [{{ name: web, issuer: ci, service_account: release-bot, \
             claims: {{ sub: {SUBJECT} }}, {keys} }}]\n{more}\n",
            octopus.url(),
            issuer.url(),
            account.id,
        );
        let config = folder.write("octobroker.yaml", &yaml);
        let process = Process::start(&["serve", "--config", &config], folder.path());
        let address = until("it says where it serves", async || serving(&process)).await;
        let url = format!("http://{address}{directory}");
        let stand_ins = Mutex::default();
        Self { octopus, account, url, issuer, process, folder, stand_ins }
    }

    /// An ID token of this subject.
    pub(crate) fn id_token(&self, subject: &str) -> String {
        self.issuer.mint(&self.issuer.claims(subject, &self.account.id))
    }

    /// The ID token of the job that the rule accepts.
    pub(crate) fn job(&self) -> String {
        self.id_token(SUBJECT)
    }

    /// Logs in with curl and a form; gives the stand-in.
    pub(crate) async fn stand_in(&self) -> String {
        let field = |name: &str, value: &str| format!("{name}={value}");
        let told = self
            .curl(&[
                &format!("{}/token/v1", self.url),
                "--data-urlencode",
                "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
                "--data-urlencode",
                "subject_token_type=urn:ietf:params:oauth:token-type:jwt",
                "--data-urlencode",
                &field("subject_token", &self.job()),
                "--data-urlencode",
                &field("audience", &self.account.id),
            ])
            .await;
        let (body, status) = told.stdout.rsplit_once('\n').unwrap();
        assert_eq!(status, "200", "{told:?}");
        let answer: Value = serde_json::from_str(body).unwrap();
        self.remember(answer["access_token"].as_str().unwrap())
    }

    /// A stand-in that was given out, and must not come to Octopus.
    pub(crate) fn remember(&self, stand_in: &str) -> String {
        let rest = stand_in.strip_prefix("API-").unwrap_or_default();
        assert_eq!(rest.len(), 32, "{stand_in} is not of the shape of a stand-in");
        self.stand_ins.lock().unwrap().push(stand_in.to_owned());
        stand_in.to_owned()
    }

    /// Runs a client. No access token of Octopus is in what it says.
    pub(crate) async fn run(&self, command: Command, environment: &[(&str, &str)]) -> Told {
        let told = run(command, environment, &self.folder).await;
        for token in self.octopus.issued_access_tokens() {
            let saw = told.stdout.contains(&token) || told.stderr.contains(&token);
            assert!(!saw, "the client has seen an access token");
        }
        told
    }

    /// Runs a script with Node.
    pub(crate) async fn script(&self, name: &str, environment: &[(&str, &str)]) -> Told {
        self.run(run::node(&format!("scripts/{name}"), &[]), environment).await
    }

    /// Runs curl.
    pub(crate) async fn curl(&self, arguments: &[&str]) -> Told {
        self.run(curl(arguments), &[]).await
    }

    /// Method and target of what came to Octopus since the last question, exchanges aside.
    pub(crate) fn seen(&self) -> Vec<String> {
        let requests = self.octopus.api_requests();
        for request in &requests {
            self.assert_has_one_access_token(request);
        }
        self.octopus.forget_requests();
        let line = |request: &Recorded| format!("{} {}", request.method, request.target);
        requests.iter().map(line).collect()
    }

    fn assert_has_one_access_token(&self, request: &Recorded) {
        let line = format!("{} {}", request.method, request.path());
        let issued = self.octopus.issued_access_tokens();
        let bearer = request.header_values("authorization");
        let is_issued =
            |value: &&str| issued.iter().any(|token| *value == format!("Bearer {token}"));
        assert!(bearer.len() == 1 && bearer.iter().all(is_issued), "{line}: not one access token");
        for name in ["x-octopus-apikey", "x-nuget-apikey", "cookie", "proxy-authorization"] {
            assert!(request.header_values(name).is_empty(), "{line}: {name} came through");
        }
        assert!(!request.target.to_ascii_lowercase().contains("apikey"), "{line}: apikey is there");
        let values = request.headers.iter().map(|(_, value)| value).chain([&request.target]);
        for value in values {
            let stand_ins = self.stand_ins.lock().unwrap();
            let has_one = stand_ins.iter().any(|stand_in| value.contains(stand_in.as_str()));
            assert!(!has_one, "{line}: a stand-in came to Octopus");
        }
    }

    /// The end of every test.
    pub(crate) async fn close(mut self) {
        self.seen();
        let heard = self.process.stop().await;
        let stand_ins = self.stand_ins.lock().unwrap().clone();
        for secret in self.octopus.issued_access_tokens().iter().chain(&stand_ins) {
            assert!(!heard.contains(secret.as_str()), "a secret is in the log");
        }
        self.octopus.stop().await;
    }
}

/// The address of the first listener, of the line that says so.
fn serving(process: &Process) -> Option<SocketAddr> {
    let heard = process.heard();
    let line = heard.lines().find(|line| line.contains("\"serving\""))?;
    let line: Value = serde_json::from_str(line).ok()?;
    line["listeners"].as_str()?.trim_matches(['[', ']']).parse().ok()
}
