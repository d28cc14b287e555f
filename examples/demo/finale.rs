//! What is left when the acts are over: what Octopus saw, the metrics, and curl lines for a person.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::caller::Ask;
use crate::jobs::{ACME, EVIL, Repository};
use crate::narrate::{Narrator, Paint, milliseconds};
use crate::stage::{Stage, asked_to_end, logged_time};
use crate::surprise::{Surprise, as_told};

/// A line of the metrics page: how it begins, what else it holds, and its value.
type Series = (&'static str, &'static str, u32);

const SERIES: [Series; 8] = [
    ("octobroker_requests_total{", "code=\"ok\",door=\"bearer\",rule=\"web-prod\"", 6),
    ("octobroker_requests_total{", "code=\"no_rule_matched\",door=\"bearer\"", 1),
    ("octobroker_requests_total{", "code=\"signature_invalid\",door=\"bearer\"", 1),
    ("octobroker_exchanges_total{", "outcome=\"ok\"", 1),
    ("octobroker_access_token_requests_total{", "result=\"miss\"", 1),
    ("octobroker_access_token_requests_total{", "result=\"hit\"", 5),
    ("octobroker_token_verifications_total{", "issuer=\"github\",outcome=\"ok\"", 3),
    ("octobroker_token_verifications_total{", "issuer=\"github\",outcome=\"cached\"", 4),
];

/// Nothing but the broker's own credential.
pub(crate) async fn what_reached_octopus(
    stage: &Stage,
    narrator: &Narrator,
    tokens: &[String],
) -> Result<(), Surprise> {
    let requests = stage.octopus.api_requests();
    let credentials: BTreeSet<Vec<&str>> =
        requests.iter().map(|request| request.header_values("authorization")).collect();
    let issued = stage.octopus.issued_access_tokens();
    let own: Vec<String> = issued.iter().map(|token| format!("Bearer {token}")).collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let everything = format!("{requests:?}");
    as_told("the requests that reached Octopus", 6, requests.len())?;
    as_told("the access tokens that Octopus issued", 1, issued.len())?;
    as_told("the credential being the broker's alone", true, credentials == BTreeSet::from([own]))?;
    as_told("an API key having reached Octopus", false, everything.contains("API-"))?;
    as_told("the ID tokens that reached Octopus's API", 0, leaked(&everything, tokens))?;
    let is_bot = |name: &Option<String>| name.as_deref() == Some("release-bot");
    let bots = requests.iter().filter(|request| is_bot(&request.credential)).count();
    as_told("the requests that Octopus took as release-bot's", requests.len(), bots)?;

    narrator.title("What reached Octopus").await;
    narrator.tell(&format!(
        "{} requests, all with {}: release-bot's access token, which only",
        requests.len(),
        narrator.paint(Paint::Strong, "one and the same credential")
    ));
    narrator
        .tell("the broker holds. No API key, no job's ID token, and nothing of what was refused.");
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
