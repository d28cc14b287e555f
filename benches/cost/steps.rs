//! The steps, each run so many times on a stage of its own.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use emulator::Algorithm;
use http::Method;
use octobroker::octopus::Route;
use octobroker::trust::Glob;

use super::Outcome;
use super::stage::{Rules, Stage, TOKENS};

/// Something that is measured.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// How often it is run for one measurement.
    pub(crate) times: u32,
    pub(crate) rules: Rules,
    pub(crate) run: Run,
}

type Run = for<'a> fn(&'a Stage, u32) -> Pin<Box<dyn Future<Output = Outcome<()>> + 'a>>;

impl Step {
    /// A step on a stage with one rule.
    const fn new(name: &'static str, times: u32, run: Run) -> Self {
        Self { name, times, rules: Rules::One, run }
    }

    /// The same step among 1,000 rules.
    const fn by_thousand_rules(self) -> Self {
        Self { rules: Rules::Thousand, ..self }
    }
}

/// All steps, in the order of a request.
pub(crate) const STEPS: &[Step] = &[
    Step::new("verify-rs256", TOKENS, |stage, n| verify(stage, n, Algorithm::Rs256)),
    Step::new("verify-ps256", TOKENS, |stage, n| verify(stage, n, Algorithm::Ps256)),
    Step::new("verify-es256", TOKENS, |stage, n| verify(stage, n, Algorithm::Es256)),
    Step::new("verify-es384", TOKENS, |stage, n| verify(stage, n, Algorithm::Es384)),
    Step::new("verify-eddsa", TOKENS, |stage, n| verify(stage, n, Algorithm::EdDsa)),
    Step::new("admit-known", 400, admit),
    Step::new("authorize-by-one-rule", 400, |stage, n| authorize(stage, n, "EdDSA.tokens", true)),
    Step::new("authorize-by-1000-rules", 400, |stage, n| authorize(stage, n, "EdDSA.tokens", true))
        .by_thousand_rules(),
    Step::new("deny-by-1000-rules", 40, |stage, n| authorize(stage, n, "strangers.tokens", false))
        .by_thousand_rules(),
    Step::new("glob-ends", 4000, |_, n| glob(n, "refs/heads/*", "refs/heads/main")),
    Step::new("glob-inner", 4000, |_, n| {
        let pattern = "repo:acme/*:environment:*:job:**";
        glob(n, pattern, "repo:acme/web:environment:production:job:release/web")
    }),
    Step::new("glob-other", 4000, |_, n| glob(n, "refs/heads/release/*", "refs/heads/main")),
    Step::new("route", 400, |_, n| route(n, "/api/Spaces-1/releases/Releases-42")),
    Step::new("route-unknown", 400, |_, n| route(n, "/api/Spaces-1/new/thing")),
];

/// A token that was never seen.
fn verify(
    stage: &Stage,
    times: u32,
    algorithm: Algorithm,
) -> Pin<Box<dyn Future<Output = Outcome<()>> + '_>> {
    Box::pin(async move {
        let file = format!("{algorithm}.tokens");
        for token in stage.tokens(&file)?.iter().take(times.try_into()?) {
            let verified = stage.broker.verifier().verify(black_box(token)).await;
            black_box(verified.map_err(|rejected| format!("refused: {rejected:?}"))?);
        }
        Ok(())
    })
}

/// A token that was seen before, from its text to the admission: the first pays for all.
fn admit(stage: &Stage, times: u32) -> Pin<Box<dyn Future<Output = Outcome<()>> + '_>> {
    Box::pin(async move {
        let tokens = stage.tokens("EdDSA.tokens")?;
        let text = tokens.first().ok_or("there is no token")?.expose();
        for _ in 0..times {
            let presented = stage.broker.recognize(black_box(text), text.len())?;
            let admission = stage.broker.admit(presented, black_box(None)).await;
            black_box(admission.map_err(|error| format!("refused: {error:?}"))?);
        }
        Ok(())
    })
}

/// A verified token that meets the rules.
fn authorize<'a>(
    stage: &'a Stage,
    times: u32,
    tokens: &'static str,
    is_accepted: bool,
) -> Pin<Box<dyn Future<Output = Outcome<()>> + 'a>> {
    Box::pin(async move {
        let tokens = stage.tokens(tokens)?;
        let token = tokens.first().ok_or("there is no token")?;
        let verified = stage.broker.verifier().verify(token).await;
        let (token, claims) = verified.map_err(|rejected| format!("refused: {rejected:?}"))?;
        let policy = stage.broker.policy();
        for _ in 0..times {
            let outcome = policy.authorize(black_box((&token, &claims)), black_box(None));
            if black_box(outcome).is_ok() != is_accepted {
                return Err("the rules decide otherwise".into());
            }
        }
        Ok(())
    })
}

fn glob<'a>(
    times: u32,
    pattern: &'a str,
    text: &'a str,
) -> Pin<Box<dyn Future<Output = Outcome<()>> + 'a>> {
    Box::pin(async move {
        let glob = Glob::new(pattern, "/:")?;
        for _ in 0..times {
            black_box(black_box(&glob).matches(black_box(text)));
        }
        Ok(())
    })
}

fn route(times: u32, path: &str) -> Pin<Box<dyn Future<Output = Outcome<()>> + '_>> {
    Box::pin(async move {
        for _ in 0..times {
            black_box(Route::of(black_box(&Method::GET), black_box(path)));
        }
        Ok(())
    })
}
