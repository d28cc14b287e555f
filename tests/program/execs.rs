//! `octobroker exec`: one command, with the broker beside it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use emulator::octopus::ServiceAccount;
use emulator::{Clock, Fault, Issuer, Octopus};
use http::Request;
use http_body_util::Full;

use crate::process::{Ended, Folder, run, until};
use crate::world::send;

/// An issuer and an Octopus, and a folder with the job's ID token.
pub(crate) struct Stage {
    pub(crate) issuer: Issuer,
    pub(crate) octopus: Octopus,
    pub(crate) account: ServiceAccount,
    pub(crate) folder: Folder,
}

impl Stage {
    pub(crate) async fn set(name: &str) -> Self {
        let issuer = Issuer::start(Clock::system()).await;
        let octopus = Octopus::start(Clock::system()).await;
        octopus.trust_issuer(&issuer);
        let account = octopus.add_service_account("release-bot");
        octopus.add_identity(&account, &issuer.url(), "job", None);
        let stage = Self { issuer, octopus, account, folder: Folder::new(name) };
        stage.write_token("job", 300);
        stage
    }

    /// Puts a token in place of the last, at once, as a kubelet does.
    pub(crate) fn write_token(&self, subject: &str, seconds: u64) {
        let mut claims = self.issuer.claims(subject, &self.account.id);
        claims["exp"] = (claims["iat"].as_u64().unwrap() + seconds).into();
        self.folder.write("token.new", &self.issuer.mint(&claims));
        std::fs::rename(self.path("token.new"), self.path("token")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `exec`, with further flags, and the command behind them.
    async fn exec(&self, flags: &[&str], command: &[&str]) -> Ended {
        let token = self.path("token").display().to_string();
        self.exec_in(&[("OCTOBROKER_TOKEN_FILE", &token)], flags, command).await
    }

    pub(crate) async fn exec_in(
        &self,
        environment: &[(&str, &str)],
        flags: &[&str],
        command: &[&str],
    ) -> Ended {
        let mut arguments: Vec<String> =
            ["exec", "--octopus-url", &self.octopus.url(), "--service-account", &self.account.id]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        arguments.push("--".to_owned());
        arguments.extend(command.iter().map(|word| (*word).to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.run(&arguments, environment).await
    }

    /// Runs the program to its end, with this environment and a path to find commands.
    pub(crate) async fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let owned = |text: &&str| (*text).to_owned();
        let arguments: Vec<String> = arguments.iter().map(owned).collect();
        let pairs = environment.iter().chain([&("PATH", "/usr/bin:/bin")]);
        let pairs: Vec<(String, String)> =
            pairs.map(|(name, value)| (owned(name), owned(value))).collect();
        let folder = self.folder.path().to_owned();
        // The pretend servers run on this thread, so that the wait has to be elsewhere.
        let ended = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            run(&arguments, &pairs, &folder)
        });
        ended.await.unwrap()
    }

    /// The text of a file, once it is there and complete.
    async fn read(&self, name: &str) -> String {
        let path = self.path(name);
        until("the command has written the file", async || {
            std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))
        })
        .await
    }

    pub(crate) async fn close(self) {
        self.octopus.stop().await;
    }
}

/// Tells what it was given, waits until it may go, and goes with 7; or with 9 when the test has failed
/// and taken the folder away, so that it does not hang.
const WAITS: &str = "printf '%s %s\\n' \"$OCTOPUS_URL\" \"$OCTOPUS_API_KEY\" > given.new; \
    mv given.new given; while [ ! -e go ]; do [ -e \"$PWD\" ] || exit 9; sleep 0.01; done; exit 7";

async fn asked(given: &str, header: &str) -> u16 {
    let (url, key) = given.trim().split_once(' ').unwrap();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    let value = if header == "authorization" { format!("Bearer {key}") } else { key.to_owned() };
    let request = Request::get("/api/users/me").header("host", "localhost").header(header, value);
    let answer = send::<Full<Bytes>>(address, request.body(Full::default()).unwrap()).await;
    answer.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_command_reaches_octopus_with_a_key_that_is_none() {
    let stage = Stage::set("exec-reaches").await;
    let exec = stage.exec(&[], &["sh", "-c", WAITS]);
    let story = async {
        let given = stage.read("given").await;
        for header in ["x-octopus-apikey", "authorization"] {
            assert_eq!(asked(&given, header).await, 200);
        }
        std::fs::write(stage.path("go"), "").unwrap();
        given
    };

    let (ended, given) = tokio::join!(exec, story);

    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(given.contains(" API-"), "{given}");
    let requests = stage.octopus.api_requests();
    assert!(requests.iter().all(|request| request.credential.as_deref() == Some("release-bot")));
    assert_eq!(stage.octopus.exchanges(), 1);
    assert_eq!(ended.stderr, "", "nothing disturbs the command's own output");
    stage.close().await;
}

#[tokio::test]
async fn the_command_finds_the_stand_in_under_every_name_and_no_other_key() {
    let stage = Stage::set("exec-names").await;
    let token = stage.path("token").display().to_string();
    let environment = [
        ("OCTOBROKER_TOKEN_FILE", token.as_str()),
        ("OCTOPUS_API_KEY", "API-INHERITED"),
        ("OCTOPUS_CLI_API_KEY", "API-INHERITED"),
        ("OCTOPUS_ACCESS_TOKEN", "inherited"),
        ("OCTOPUS_CLI_PASSWORD", "inherited"),
        ("OCTOPUS_ID_TOKEN", "inherited"),
        ("OCTOPUS_SPACE", "Spaces-1"),
        ("NO_PROXY", "intranet.example"),
    ];

    let ended = stage.exec_in(&environment, &[], &["env"]).await;

    let value = |name: &str| {
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.map(str::to_owned)
    };
    let key = value("OCTOPUS_API_KEY").unwrap();
    assert!(key.starts_with("API-") && key.len() == 36, "{key}");
    for name in ["OCTOPUS_ACCESS_TOKEN", "OCTOPUS_CLI_API_KEY"] {
        assert_eq!(value(name), Some(key.clone()), "{name}");
    }
    for name in ["OCTOPUS_URL", "OCTOPUS_SERVER_URL", "OCTOPUS_CLI_SERVER"] {
        assert!(value(name).unwrap().starts_with("http://127.0.0.1:"), "{name}");
    }
    assert_eq!(value("OCTOPUS_SPACE").as_deref(), Some("Spaces-1"));
    assert_eq!(value("NO_PROXY").as_deref(), Some("intranet.example,127.0.0.1,localhost"));
    assert_eq!(value("no_proxy").as_deref(), Some("127.0.0.1,localhost"));
    assert!(!ended.stdout.to_lowercase().contains("inherited"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("OCTOBROKER_"), "{}", ended.stdout);
    stage.close().await;
}

#[tokio::test]
async fn the_exit_code_is_the_commands_or_says_why_there_was_none() {
    let stage = Stage::set("exec-codes").await;
    let plain = stage.folder.write("plain", "text");
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    let rows: [(&[&str], i32); 6] = [
        (&["true"], 0),
        (&["sh", "-c", "exit 42"], 42),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-command"], 127),
        (&[&plain], 126),
    ];
    for (command, code) in rows {
        let ended = stage.exec(&[], command).await;
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.stderr);
    }
    stage.close().await;
}

#[tokio::test]
async fn a_mistyped_option_is_told_and_the_command_s_own_are_left_to_it() {
    let stage = Stage::set("exec-options").await;

    let mistyped = stage.exec(&["--isolat"], &["true"]).await;
    let own = stage.exec(&[], &["sh", "-c", "echo $1", "sh", "--isolate"]).await;

    assert_eq!(mistyped.code, Some(2), "{}", mistyped.stderr);
    assert!(mistyped.stderr.contains("unexpected argument '--isolat'"), "{}", mistyped.stderr);
    assert_eq!((own.code, own.stdout.as_str()), (Some(0), "--isolate\n"), "{}", own.stderr);
    stage.close().await;
}

#[tokio::test]
async fn an_identity_that_does_not_work_is_told_before_anything_is_run() {
    let stage = Stage::set("exec-fails").await;
    let command = ["sh", "-c", "touch was-run"];

    let none = stage.exec_in(&[], &[], &command).await;
    assert_eq!(none.code, Some(6), "{}", none.stderr);

    stage.write_token("stranger", 300);
    let refused = stage.exec(&[], &command).await;
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);

    stage.write_token("job", 300);
    stage.octopus.set(|knobs| knobs.error_style = emulator::octopus::ErrorStyle::Html503);
    let sick = stage.exec(&[], &command).await;
    assert_eq!(sick.code, Some(5), "{}", sick.stderr);

    assert!(!stage.path("was-run").exists());
    for ended in [none, refused, sick] {
        assert!(!ended.stderr.contains("eyJ"), "{}", ended.stderr);
        assert!(ended.stderr.lines().count() <= 2, "{}", ended.stderr);
    }
    stage.close().await;
}

#[tokio::test]
async fn a_limit_of_exchanges_is_waited_out_before_the_command_is_run() {
    let stage = Stage::set("exec-limited").await;
    stage.octopus.fail_once("/token/v1", Fault::Status(429));

    let ended = stage.exec(&[], &["sh", "-c", "echo ran"]).await;

    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "ran\n"), "{ended:?}");
    assert_eq!(stage.octopus.exchanges(), 2);
    stage.close().await;
}

#[tokio::test]
async fn signals_are_passed_on_and_no_argument_holds_a_secret() {
    let stage = Stage::set("exec-signals").await;
    let script = "trap 'exit 9' TERM; echo $PPID > parent; while :; do sleep 0.01; done";
    let command = ["sh", "-c", script];
    let exec = stage.exec(&[], &command);
    let story = async {
        let parent = stage.read("parent").await.trim().to_owned();
        let arguments = std::fs::read(format!("/proc/{parent}/cmdline")).unwrap();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        assert!(!arguments.contains("eyJ") && !arguments.contains("API-"), "{arguments}");
        let killed = std::process::Command::new("kill").args(["-TERM", &parent]).status();
        assert!(killed.unwrap().success());
    };

    let (ended, ()) = tokio::join!(exec, story);

    assert_eq!(ended.code, Some(9), "{}", ended.stderr);
    stage.close().await;
}

#[tokio::test]
async fn a_command_dies_with_whoever_started_exec_even_if_it_ignores_the_request() {
    let stage = Stage::set("exec-orphan").await;
    let script = "trap '' TERM; echo $$ $PPID > pids; while :; do sleep 0.01; done";
    let heard = stage.path("heard");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$@\" & wait", "sh", env!("CARGO_BIN_EXE_octobroker"), "exec"]);
    shell.args(["--octopus-url", &stage.octopus.url(), "--service-account", &stage.account.id]);
    shell.args(["--", "sh", "-c", script]).env_clear().env("PATH", "/usr/bin:/bin");
    shell.env("OCTOBROKER_TOKEN_FILE", stage.path("token")).current_dir(stage.folder.path());
    shell.stderr(std::fs::File::create(&heard).unwrap());
    let mut shell = shell.spawn().unwrap();
    let pids = stage.read("pids").await;

    shell.kill().unwrap();
    shell.wait().unwrap();

    for pid in pids.split_whitespace() {
        until("the command and exec have ended", async || has_ended(pid).then_some(())).await;
    }
    assert_eq!(std::fs::read_to_string(heard).unwrap(), "");
    stage.close().await;
}

#[tokio::test]
async fn a_command_dies_with_whoever_started_exec_even_if_that_ended_before_it_began() {
    let stage = Stage::set("exec-early-orphan").await;
    // The token's source ends the shell that started exec, and waits until it is gone.
    let source = "kill -KILL $(cat shell); while kill -0 $(cat shell) 2>/dev/null; do sleep 0.01; \
        done; echo $PPID > exec; cat token";
    let yaml = format!(
        "octopus: {{ url: '{}' }}\nlisteners: [{{ bind: '127.0.0.1:0' }}]\n\
         admin: {{ bind: '127.0.0.1:0' }}\n\
         service_accounts: {{ release-bot: {{ id: {} }} }}\n\
         ambient: {{ service_account: release-bot, \
         token: {{ command: [sh, -c, '{source}'] }} }}\n",
        stage.octopus.url(),
        stage.account.id,
    );
    let config = stage.folder.write("octobroker.yaml", &yaml);
    // Ends by itself only when the test has taken the folder away.
    let script = "while [ -e \"$PWD\" ]; do sleep 0.01; done";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "echo $$ > shell; \"$@\" & wait", "sh", env!("CARGO_BIN_EXE_octobroker")]);
    shell.args(["exec", "--config", &config, "--", "sh", "-c", script]);
    shell.env_clear().env("PATH", "/usr/bin:/bin").current_dir(stage.folder.path());
    let mut shell = shell.spawn().unwrap();

    let ended = tokio::task::spawn_blocking(move || shell.wait().unwrap());
    let exec = stage.read("exec").await;

    until("exec has ended", async || has_ended(exec.trim()).then_some(())).await;
    assert!(!ended.await.unwrap().success(), "the shell was killed");
    stage.close().await;
}

/// Whether there is no such process, or only its exit code for a parent that does not ask.
fn has_ended(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| status.contains("State:\tZ"))
}

#[tokio::test]
async fn a_long_command_outlives_many_tokens_without_a_failure() {
    let stage = Stage::set("exec-long").await;
    stage.octopus.set(|knobs| knobs.expires_in = emulator::octopus::ExpiresIn::Seconds(1));
    // Until the command is there, this one has to live, however long it takes.
    stage.write_token("job", 60);
    let exec = stage.exec(&[], &["sh", "-c", WAITS]);
    let story = async {
        let given = stage.read("given").await;
        for turn in 0..80 {
            // The file is looked at once a second, and what is found has to live until the next look.
            stage.write_token("job", 10);
            assert_eq!(asked(&given, "x-octopus-apikey").await, 200, "turn {turn}");
            // Real time: what is tested is that nothing of it is noticed.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::fs::write(stage.path("go"), "").unwrap();
    };

    let (ended, ()) = tokio::join!(exec, story);

    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(stage.octopus.exchanges() >= 4, "{}", stage.octopus.exchanges());
    let exchanges = stage.octopus.requests().into_iter().filter(|it| it.path() == "/token/v1");
    let presented: BTreeSet<String> = exchanges.map(|exchange| exchange.body_sha256).collect();
    assert!(presented.len() >= 2, "of newer ID tokens as well");
    stage.close().await;
}

#[tokio::test]
async fn an_isolated_command_can_get_no_token_of_its_own() {
    let stage = Stage::set("exec-isolate").await;
    let token = std::fs::read_to_string(stage.path("token")).unwrap();
    let environment =
        [("GITLAB_CI", "true"), ("OCTOPUS_ID_TOKEN", token.as_str()), ("CI_JOB_JWT_V2", "x")];

    let plain = stage.exec_in(&environment, &[], &["env"]).await;
    let isolated = stage.exec_in(&environment, &["--isolate"], &["env"]).await;

    assert_eq!((plain.code, isolated.code), (Some(0), Some(0)), "{}", isolated.stderr);
    assert!(plain.stdout.contains("GITLAB_CI=true"));
    assert!(isolated.stdout.contains("GITLAB_CI=true"));
    assert!(!isolated.stdout.contains("eyJ"), "{}", isolated.stdout);
    stage.close().await;
}

#[tokio::test]
async fn a_key_of_the_configuration_does_not_reach_the_command() {
    let stage = Stage::set("exec-key").await;
    let key = stage.octopus.add_api_key(&stage.account);
    let yaml = format!(
        "octopus: {{ url: '{}' }}\nlisteners: [{{ bind: '127.0.0.1:0' }}]\n\
         admin: {{ bind: '127.0.0.1:0' }}\n\
         service_accounts: {{ helper: {{ agent: true, api_key: {{ env: AGENT_KEY }} }} }}\n\
         ambient: {{ service_account: helper }}\n",
        stage.octopus.url()
    );
    let config = stage.folder.write("octobroker.yaml", &yaml);
    let environment = [("AGENT_KEY", key.as_str())];

    let ended = stage.run(&["exec", "--config", &config, "--", "env"], &environment).await;

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("OCTOPUS_API_KEY=API-"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(&key) && !ended.stdout.contains("AGENT_KEY"));
    stage.close().await;
}
