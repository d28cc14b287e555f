//! The third act: a tool that knows nothing but API keys, as it is, inside `octobroker exec`.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::net::TcpStream;

use crate::caller::Ask;
use crate::narrate::{Narrator, Paint};
use crate::roles::{Role, address};
use crate::runner::{Ended, Runner};
use crate::stage::Stage;
use crate::surprise::{Surprise, as_told};

/// What the job's script calls.
#[derive(Clone, Copy)]
enum Tool {
    Curl,
    /// This program, where there is no curl.
    Substitute,
}

/// What the tool was given.
struct Given {
    url: String,
    /// Taken for an API key by the tool, and none.
    stand_in: String,
    /// The names under which the tool finds the two.
    names: usize,
}

/// Characters of the stand-in that are shown: `API-` and four.
const SHOWN: usize = 8;

/// Plays it. Gives the stand-in: one more that must be seen nowhere.
pub(crate) async fn play(
    stage: &Stage,
    narrator: &Narrator,
    runner: &Runner,
    token: &str,
) -> Result<String, Surprise> {
    let tool = if runner.has_curl().await { Tool::Curl } else { Tool::Substitute };
    let ended = run(stage, narrator, runner, (tool, token)).await?;
    as_told("what exec says on stderr", "", &ended.stderr)?;
    as_told("the exit code", Some(0), ended.code)?;
    as_told("the number of token exchanges", 2, stage.octopus.exchanges())?;
    let (variables, answer): (Vec<&str>, Vec<&str>) =
        ended.stdout.lines().partition(|line| line.starts_with("OCTO"));
    let given = Given::read(&variables)?;
    let answer: Value = serde_json::from_str(&answer.concat()).unwrap_or_default();
    as_told("whom Octopus sees", Some(&"release-bot".into()), answer.get("Username"))?;

    narrator.tell(&format!(
        "The tool sees no ID token, and {} variables for Octopus's tools. Two of them, and its answer:",
        given.names
    ));
    given.show(narrator);
    narrator.members(&answer, &["Id", "Username", "IsService", "ServiceAccountType"]);
    elsewhere(stage, narrator, &given).await?;
    Ok(given.stand_in)
}

/// Types the command, and waits for its end.
async fn run(
    stage: &Stage,
    narrator: &Narrator,
    runner: &Runner,
    (tool, token): (Tool, &str),
) -> Result<Ended, Surprise> {
    narrator.title(tool.title()).await;
    if let Tool::Substitute = tool {
        narrator.tell(
            "There is no curl here: $DEMO, this program, plays a tool that reads OCTOPUS_API_KEY.",
        );
    }
    narrator.tell(
        "The job has OCTOBROKER_OCTOPUS_URL, OCTOBROKER_SERVICE_ACCOUNT, OCTOPUS_ID_TOKEN; no key. \
         It runs",
    );
    let (server, script) = (stage.octopus.url(), tool.script());
    let mut variables = vec![
        ("OCTOBROKER_OCTOPUS_URL", server.as_str()),
        ("OCTOBROKER_SERVICE_ACCOUNT", &stage.account.id),
        ("OCTOPUS_ID_TOKEN", token),
    ];
    if let Tool::Substitute = tool {
        variables.push(("DEMO", runner.program()));
    }
    narrator.listing(&format!("octobroker exec -- sh -c '{script}'"));
    runner.octobroker(&["exec", "--", "sh", "-c", &script], &variables).await
}

/// When the command has ended, its stand-in is worth nothing, wherever it is tried.
async fn elsewhere(stage: &Stage, narrator: &Narrator, given: &Given) -> Result<(), Surprise> {
    let own = address(&given.url)?;
    as_told("a listener at exec's port", false, TcpStream::connect(own).await.is_ok())?;
    let (me, key) = (Ask::me(), given.stand_in.as_str());
    let octopus = stage.ask_with_key(&me, stage.octopus.address(), key).await?;
    // The pretend Octopus takes an unknown key for a fault of who sends it: 400, where the real one
    // has 401, and a complaint, which is what is wanted here.
    let complaint = "GET /api/users/me: an unknown API key is in X-Octopus-ApiKey".to_owned();
    as_told("the status at Octopus", 400, octopus.status)?;
    as_told("what Octopus complains of", vec![complaint], stage.octopus.take_complaints())?;
    let number = stage.audit().len() + 1;
    let broker = stage.ask_with_key(&me, stage.broker, key).await?;
    let line = stage.audited(number).await?;
    as_told("the status at the broker", 401, broker.status)?;
    as_told("Octobroker-Error", Some("stand_in_unknown"), broker.error.as_deref())?;
    as_told("the log's code", Some(&"stand_in_unknown".into()), line.get("code"))?;

    narrator.tell(&format!(
        "{} is the tool's own. The broker beside it is gone; elsewhere its stand-in is refused:",
        narrator.paint(Paint::Strong, "Exit code 0")
    ));
    narrator.request(&me, "Octopus: unknown API key", &octopus);
    narrator.request(&me, "broker: stand_in_unknown", &broker);
    Ok(())
}

impl Tool {
    const fn title(self) -> &'static str {
        match self {
            Self::Curl => {
                "3. Job 44's tool, an unmodified curl, knows only API keys; `exec` runs it"
            }
            Self::Substitute => "3. Job 44's tool knows only API keys; `exec` runs it",
        }
    }

    /// What the shell runs.
    fn script(self) -> String {
        match self {
            Self::Curl => {
                "env | grep ^OCTO\n  curl -qsSf -H \"X-Octopus-ApiKey: $OCTOPUS_API_KEY\" \
                           \"$OCTOPUS_URL/api/users/me\""
                    .to_owned()
            }
            Self::Substitute => format!("env | grep ^OCTO; \"$DEMO\" {}", Role::KeyTool.name()),
        }
    }
}

impl Given {
    /// Of lines `NAME=VALUE`: two values, under several names, and nothing else.
    fn read(variables: &[&str]) -> Result<Self, Surprise> {
        let values = variables.iter().filter_map(|line| line.split_once('='));
        let values: BTreeSet<&str> = values.map(|(_, value)| value).collect();
        as_told("the values that the tool sees", 2, values.len())?;
        as_told("the names under which it sees them", 8, variables.len())?;
        let starting = |word: &str| {
            let found = values.iter().find(|value| value.starts_with(word));
            let found = found.map(|value| (*value).to_owned());
            found.ok_or_else(|| Surprise(format!("the tool sees nothing that starts with {word}")))
        };
        let (url, stand_in) = (starting("http://127.0.0.1:")?, starting("API-")?);
        as_told("the length of the stand-in", 36, stand_in.len())?;
        Ok(Self { url, stand_in, names: variables.len() })
    }

    fn show(&self, narrator: &Narrator) {
        let shown: String = self.stand_in.chars().take(SHOWN).collect();
        for (variable, remark) in [
            (
                format!("OCTOPUS_URL={}", self.url),
                "# a broker of its own, for as long as the command runs",
            ),
            (
                format!("OCTOPUS_API_KEY={shown}…"),
                "# a stand-in: worth nothing at Octopus, dead when exec ends",
            ),
        ] {
            let variable = narrator.paint(Paint::Name, &format!("{variable:<34}"));
            narrator.tell(&format!("  {variable}  {}", narrator.paint(Paint::Dim, remark)));
        }
    }
}
