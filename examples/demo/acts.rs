//! The acts: a job, the next job, an unmodified tool (in its own file), an impostor, a forger.

use std::time::Duration;

use serde_json::Value;

use crate::caller::{Ask, Reply};
use crate::jobs::{self, ACME, EVIL};
use crate::narrate::{Narrator, Paint, milliseconds};
use crate::runner::Runner;
use crate::stage::{RULES, Stage, logged_time};
use crate::surprise::{Surprise, as_told};
use crate::unmodified;

/// Three requests that went through.
struct Shipped {
    took: Duration,
    /// What the log says of each.
    lines: Vec<Value>,
}

/// Plays them all. Gives the tokens that were used: what must be seen nowhere.
pub(crate) async fn play(
    stage: &Stage,
    narrator: &Narrator,
    runner: &Runner,
) -> Result<Vec<String>, Surprise> {
    let token =
        |repository: jobs::Repository, run| repository.token(&stage.issuer, &stage.account.id, run);
    let (first, second, third) = (token(ACME, 42), token(ACME, 43), token(ACME, 44));
    let impostor = token(EVIL, 7);
    let forged = jobs::forge(&impostor, ACME.id)?;

    introduce(stage, narrator);
    let took = first_job(stage, narrator, &first).await?;
    second_job(stage, narrator, &second, took).await?;
    let stand_in = unmodified::play(stage, narrator, runner, &third).await?;
    an_impostor(stage, narrator, &impostor).await?;
    a_forger(stage, narrator, &forged).await?;
    Ok(vec![first, second, third, stand_in, impostor, forged])
}

fn introduce(stage: &Stage, narrator: &Narrator) {
    let title = "octobroker: CI jobs deploy through Octopus Deploy, and none holds an API key";
    narrator.say(&narrator.paint(Paint::Strong, title));
    let admin = narrator.paint(Paint::Name, &format!("http://{}", stage.admin));
    for (url, role) in [
        (stage.issuer.url(), "plays GitHub, which gives each job an ID token".to_owned()),
        (stage.octopus.url(), "plays your Octopus server".to_owned()),
        (
            format!("http://{}", stage.broker),
            format!("is the broker; its operator looks at {admin}"),
        ),
    ] {
        narrator.tell(&format!("{} {role}", narrator.paint(Paint::Name, &format!("{url:<22}"))));
    }
    narrator.tell("The broker has one rule:");
    narrator.listing(RULES);
}

async fn first_job(stage: &Stage, narrator: &Narrator, token: &str) -> Result<Duration, Surprise> {
    narrator.title("1. Job 42 of acme/web ships release 1.4.2").await;
    narrator
        .tell("All it holds is its ID token, sent as `Authorization: Bearer eyJhbGci…`, saying:");
    claims(narrator, ACME);
    let shipped = ship(stage, narrator, token, "1.4.2").await?;
    as_told("the access tokens' origins", vec!["miss", "hit", "hit"], shipped.origins())?;
    as_told("the number of token exchanges", 1, stage.octopus.exchanges())?;
    let first = shipped.lines.first().unwrap_or(&Value::Null);
    narrator.tell(&format!(
        "{}, {} of the first request; Octopus sees release-bot.",
        narrator.paint(Paint::Strong, "1 token exchange"),
        milliseconds(logged_time(first, "exchange_ms")?)
    ));
    Ok(shipped.took)
}

async fn second_job(
    stage: &Stage,
    narrator: &Narrator,
    token: &str,
    before: Duration,
) -> Result<(), Surprise> {
    narrator.title("2. Job 43, of the same identity, ships 1.4.3").await;
    narrator.tell(
        "Its ID token is new and is verified like the first; the access token is already there.",
    );
    let shipped = ship(stage, narrator, token, "1.4.3").await?;
    as_told("the access tokens' origins", vec!["hit", "hit", "hit"], shipped.origins())?;
    as_told("the number of token exchanges", 1, stage.octopus.exchanges())?;
    // On a busy machine it may not have been faster; then that is not said.
    let comparison = if shipped.took < before {
        format!(", where job 42 needed {}", milliseconds(before))
    } else {
        String::new()
    };
    narrator.tell(&format!(
        "{}: {} for all three{comparison}.",
        narrator.paint(Paint::Strong, "Still 1 token exchange"),
        milliseconds(shipped.took)
    ));
    Ok(())
}

async fn an_impostor(stage: &Stage, narrator: &Narrator, token: &str) -> Result<(), Surprise> {
    narrator.title("4. An impostor: acme-evil/web would like to deploy, too").await;
    narrator.tell("Its ID token is genuine: same issuer, same audience, well signed. But it says:");
    claims(narrator, EVIL);
    let (reply, line) = refused(stage, narrator, token, (403, "no_rule_matched")).await?;
    let body = reply.json();
    narrator
        .tell("The caller sees this, and the same in the members that Octopus's clients print:");
    narrator.members(&body, &["title", "code", "status", "detail", "request_id"]);
    narrator.tell("The operator's log, under the same request id, has the reason:");
    narrator.refusal(&line);
    let printed = body.get("ErrorMessage").and_then(Value::as_str).unwrap_or_default();
    as_told("the code being in ErrorMessage", true, printed.contains("no_rule_matched"))?;
    as_told("the request id in the log", body.get("request_id"), line.get("request_id"))?;
    let missed = |member: &str| line.pointer(&format!("/missed/0/{member}")).cloned();
    as_told("the rule that missed", Some("web-prod".into()), missed("rule"))?;
    as_told("the claim that missed", Some("repository_id".into()), missed("claim"))?;
    let knows_too_much = ["web-prod", ACME.id].iter().any(|word| reply.text().contains(word));
    as_told("the rule being in the caller's answer", false, knows_too_much)
}

async fn a_forger(stage: &Stage, narrator: &Narrator, token: &str) -> Result<(), Surprise> {
    narrator.title("5. So the impostor writes 812345678 into its token by hand").await;
    let (_, line) = refused(stage, narrator, token, (401, "signature_invalid")).await?;
    as_told("the log's code", Some(&"signature_invalid".into()), line.get("code"))?;
    narrator.tell(&format!(
        "{}: the signature is over other words. Nothing in the token was believed.",
        narrator.paint(Paint::Bad, "signature_invalid")
    ));
    Ok(())
}

/// What the token of this repository says of itself.
fn claims(narrator: &Narrator, repository: jobs::Repository) {
    let (subject, id) = (repository.subject(), repository.id);
    let said = format!("sub {subject} · repository_id {id} · environment production");
    narrator.tell(&format!("  {}", narrator.paint(Paint::Name, &said)));
}

/// Pushes the package, creates the release, deploys it.
async fn ship(
    stage: &Stage,
    narrator: &Narrator,
    token: &str,
    version: &str,
) -> Result<Shipped, Surprise> {
    let package = jobs::push_package(version);
    let size = package.body.len() / 1024;
    let steps = [
        (package, format!("web.{version}.zip, {size} KiB"), 201),
        (jobs::create_release(version), format!("Web {version}"), 200),
        (jobs::deploy(version), format!("Web {version} to Production"), 200),
    ];
    let mut shipped = Shipped { took: Duration::ZERO, lines: Vec::new() };
    for (ask, sends, status) in steps {
        let (reply, line) = ask_and_tell(stage, narrator, &ask, (token, &sends)).await?;
        as_told(&format!("the status of {}", ask.path), status, reply.status)?;
        as_told("the rule in the log", Some(&"web-prod".into()), line.get("rule"))?;
        shipped.took += reply.took;
        shipped.lines.push(line);
    }
    Ok(shipped)
}

/// Tries to deploy, and must not get through.
async fn refused(
    stage: &Stage,
    narrator: &Narrator,
    token: &str,
    (status, code): (u16, &str),
) -> Result<(Reply, Value), Surprise> {
    let reached = stage.octopus.requests().len();
    let ask = jobs::deploy("6.6.6");
    let sends = (token, "Web 6.6.6 to Production");
    let (reply, line) = ask_and_tell(stage, narrator, &ask, sends).await?;
    as_told("the status", status, reply.status)?;
    as_told("Octobroker-Error", Some(code), reply.error.as_deref())?;
    as_told("the number of requests at Octopus", reached, stage.octopus.requests().len())?;
    Ok((reply, line))
}

async fn ask_and_tell(
    stage: &Stage,
    narrator: &Narrator,
    ask: &Ask,
    (token, sends): (&str, &str),
) -> Result<(Reply, Value), Surprise> {
    let number = stage.audit().len() + 1;
    let reply = stage.ask(ask, token).await?;
    narrator.request(ask, sends, &reply);
    Ok((reply, stage.audited(number).await?))
}

impl Shipped {
    /// Where the access token of each request came from.
    fn origins(&self) -> Vec<&str> {
        let lines = self.lines.iter();
        lines.filter_map(|line| line.get("cache").and_then(Value::as_str)).collect()
    }
}
