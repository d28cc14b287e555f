//! What is left when the acts are over: what Octopus saw, the metrics, and curl lines for a person.

use std::time::Duration;

use serde_json::Value;

use crate::caller::Ask;
use crate::jobs::{ACME, EVIL, Repository};
use crate::narrate::{Narrator, Paint, milliseconds};
use crate::stage::{Stage, asked_to_end, logged_time};
use crate::surprise::{Surprise, as_told};

/// A line of the metrics page: how it begins, what else it holds, and its value.
type Series = (&'static str, &'static str, u32);

const SERIES: [Series; 9] = [
    ("octobroker_requests_total{", "code=\"ok\",door=\"bearer\",rule=\"web-prod\"", 6),
    ("octobroker_requests_total{", "code=\"stand_in_unknown\",door=\"stand_in\"", 1),
    ("octobroker_requests_total{", "code=\"no_rule_matched\",door=\"bearer\"", 1),
    ("octobroker_requests_total{", "code=\"signature_invalid\",door=\"bearer\"", 1),
    ("octobroker_exchanges_total{", "outcome=\"ok\"", 1),
    ("octobroker_access_token_requests_total{", "result=\"miss\"", 1),
    ("octobroker_access_token_requests_total{", "result=\"hit\"", 5),
    ("octobroker_token_verifications_total{", "issuer=\"github\",outcome=\"ok\"", 3),
    ("octobroker_token_verifications_total{", "issuer=\"github\",outcome=\"cached\"", 4),
];

/// Nothing but the brokers' own credentials, and what was tried in the third act.
pub(crate) async fn what_reached_octopus(
    stage: &Stage,
    narrator: &Narrator,
    tokens: &[String],
) -> Result<(), Surprise> {
    let (taken, refused): (Vec<_>, Vec<_>) =
        stage.octopus.api_requests().into_iter().partition(|request| request.credential.is_some());
    let [shared, execs] =
        stage.octopus.issued_access_tokens().try_into().map_err(|all: Vec<_>| {
            Surprise(format!("Octopus should have issued two access tokens, not {}", all.len()))
        })?;
    let with = |token: &str| {
        let value = format!("Bearer {token}");
        let requests = taken.iter().map(|request| request.header_values("authorization"));
        requests.filter(|values| values.as_slice() == [value.as_str()]).count()
    };
    let (shared, execs) = (with(&shared), with(&execs));
    let everything = format!("{taken:?}");
    as_told("the requests with the shared broker's access token", 6, shared)?;
    as_told("the requests with the access token of exec", 1, execs)?;
    as_told("the requests with another credential", 0, taken.len() - shared - execs)?;
    as_told("an API key having reached Octopus", false, everything.contains("API-"))?;
    as_told("the ID tokens that reached Octopus's API", 0, leaked(&everything, tokens))?;
    as_told("the requests that Octopus refused", 1, refused.len())?;
    let is_bot = |name: &Option<String>| name.as_deref() == Some("release-bot");
    let bots = taken.iter().filter(|request| is_bot(&request.credential)).count();
    as_told("the requests that Octopus took as release-bot's", taken.len(), bots)?;

    narrator.title("What reached Octopus").await;
    narrator.tell(&format!(
        "{} requests with {}: {shared} with the broker's, {execs} with exec's.",
        taken.len(),
        narrator.paint(Paint::Strong, "access tokens of release-bot, seen by no job"),
    ));
    narrator.tell(
        "No API key, no ID token of a job, nothing of what was refused; only we tried the stand-in.",
    );
    Ok(())
}

/// The key figures, as they stand on the page.
pub(crate) async fn metrics(
    stage: &Stage,
    narrator: &Narrator,
    tokens: &[String],
) -> Result<(), Surprise> {
    let page = stage.ask_operator(&Ask::get("/metrics")).await?.text();
    let secrets = [tokens, &stage.octopus.issued_access_tokens()].concat();
    as_told("the tokens in the log", 0, leaked(&stage.log(), &secrets))?;
    as_told("the tokens in the metrics", 0, leaked(&page, &secrets))?;

    narrator.title("What the metrics say (and neither they nor the log hold a token)").await;
    for (start, holds, told) in SERIES {
        let line = page.lines().find(|line| line.starts_with(start) && line.contains(holds));
        let (series, value) = line
            .and_then(|line| line.rsplit_once(' '))
            .ok_or_else(|| Surprise(format!("the metrics have no line {start} … {holds}")))?;
        as_told(series, told.to_string().as_str(), value)?;
        let (name, labels) = series.find('{').map_or((series, ""), |at| series.split_at(at));
        let (labels, value) =
            (narrator.paint(Paint::Dim, labels), narrator.paint(Paint::Strong, value));
        narrator.tell(&format!("{name}{labels} {value}"));
    }
    let own = own_milliseconds(&page);
    let own = own.ok_or_else(|| Surprise("the metrics have no overhead".to_owned()))?;
    narrator.tell(&format!(
        "On average a request spent {own:.2} ms in the broker itself; the rest was waiting for others."
    ));
    Ok(())
}

/// The broker's own time for a request, on average.
fn own_milliseconds(page: &str) -> Option<f64> {
    let value = |part: &str| {
        let series = format!("octobroker_overhead_duration_seconds_{part}{{door=\"bearer\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
    };
    let count = value("count").filter(|count| *count > 0.0)?;
    Some(value("sum")? / count * 1e3)
}

/// How many of the secrets are in the text: the whole, or the signature alone.
fn leaked(text: &str, secrets: &[String]) -> usize {
    let signature = |secret: &str| secret.rsplit('.').next().map(str::to_owned);
    let is_leaked = |secret: &&String| {
        text.contains(secret.as_str()) || signature(secret).is_some_and(|end| text.contains(&end))
    };
    secrets.iter().filter(is_leaked).count()
}

/// Shows curl lines, and each request as the log has it, until asked to end.
pub(crate) async fn stay(stage: &Stage, narrator: &Narrator) {
    narrator.title("Your turn: paste into another terminal; Ctrl-C here ends it").await;
    let (broker, admin) = (stage.broker, stage.admin);
    let call = |token: &str| {
        format!(
            "curl -siw '\\n' -H \"Authorization: Bearer ${token}\" http://{broker}/api/users/me"
        )
    };
    for (remark, lines) in [
        (
            "A job of acme/web, with a fresh ID token for five minutes:",
            [mint(stage, "TOKEN", ACME), call("TOKEN")],
        ),
        ("The impostor:", [mint(stage, "EVIL", EVIL), call("EVIL")]),
        (
            "The operator:",
            [
                format!(
                    "curl -s http://{admin}/metrics | grep ^octobroker_requests | grep -v ' 0$'"
                ),
                format!("curl -s http://{admin}/status"),
            ],
        ),
    ] {
        narrator.remark(remark);
        for line in &lines {
            narrator.say(line);
        }
    }
    narrator.say("");
    narrator.remark("What the broker logs of it:");
    tokio::select! {
        () = asked_to_end() => narrator.say(""),
        () = follow(stage, narrator) => {}
    }
}

/// A command that puts a fresh ID token, five minutes long, into a variable of the shell.
fn mint(stage: &Stage, variable: &str, repository: Repository) -> String {
    format!(
        "{variable}=$(curl -s {}/mint -d '{{\"repository_id\":\"{}\",\"environment\":\"production\",\n  \
         \"aud\":\"{}\",\"sub\":\"{}\"}}')",
        stage.issuer.url(),
        repository.id,
        stage.account.id,
        repository.subject(),
    )
}

/// Tells of every further request what the log has of it.
async fn follow(stage: &Stage, narrator: &Narrator) {
    const PAUSE: Duration = Duration::from_millis(200);

    let mut read = stage.log().len();
    loop {
        tokio::time::sleep(PAUSE).await;
        let log = stage.log();
        let fresh = log.get(read..).unwrap_or_default();
        read = log.len();
        for line in fresh.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            tell_of(&line, narrator);
        }
    }
}

fn tell_of(line: &Value, narrator: &Narrator) {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or("-");
    let status = line.get("status").and_then(Value::as_u64).unwrap_or_default();
    let took = logged_time(line, "duration_ms").unwrap_or_default();
    let paint = if status < 400 { Paint::Good } else { Paint::Bad };
    narrator.tell(&format!(
        "{} {} {}  {}",
        narrator.paint(paint, &status.to_string()),
        narrator.paint(Paint::Strong, text("method")),
        text("path"),
        milliseconds(took)
    ));
    if text("code") == "ok" {
        narrator.tell(&format!("  rule {}, as {}", text("rule"), text("service_account")));
    } else {
        narrator.refusal(line);
    }
}
