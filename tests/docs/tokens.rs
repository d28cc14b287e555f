//! Decoded tokens of real platforms, judged by the rules of a page.

use std::fs;
use std::path::Path;

use octobroker::config::Config;
use octobroker::identity::{ClaimAddress, Json};

/// One of `tests/fixtures/claims`.
pub(crate) struct Sample {
    pub(crate) file: String,
    /// A careful rule lets it in.
    pub(crate) is_ours: bool,
    /// A rule lets it in if it asks for it.
    pub(crate) is_refused_by_default: bool,
    claims: Json,
}

/// All of a provider.
pub(crate) fn of(provider: &str) -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claims");
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let samples = files.filter_map(|file| sample(&file.ok()?.path(), provider));
    samples.collect()
}

fn sample(path: &Path, provider: &str) -> Option<Sample> {
    let document = Json::parse(&fs::read(path).ok()?).ok()?;
    let text = |name: &str| member(&document, name).and_then(Json::as_str);
    (text("provider") == Some(provider)).then_some(())?;
    Some(Sample {
        file: path.file_name()?.to_string_lossy().into_owned(),
        is_ours: text("expect") == Some("accept"),
        is_refused_by_default: text("expect") == Some("reject-by-default"),
        claims: member(&document, "payload")?.clone(),
    })
}

impl Sample {
    /// Whom it is for.
    pub(crate) fn audience(&self) -> String {
        member(&self.claims, "aud").map(ToString::to_string).unwrap_or_default()
    }

    /// True if the claims fit a rule; of SPIFFE the issuer decides nothing.
    pub(crate) fn fits(&self, config: &Config) -> bool {
        let issuer = member(&self.claims, "iss").and_then(Json::as_str);
        let claim = |address: &ClaimAddress| match address {
            ClaimAddress::Name(name) => member(&self.claims, name),
            ClaimAddress::Pointer { steps, .. } => {
                steps.iter().try_fold(&self.claims, |value, step| member(value, step))
            }
        };
        config.rules.iter().any(|rule| {
            let named = config.issuers.iter().find(|issuer| issuer.name == rule.issuer);
            named.is_some_and(|named| named.provider == "spiffe" || issuer == Some(&*named.url))
                && rule.first_miss(claim).is_none()
        })
    }
}

fn member<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    match value {
        Json::Object(members) => members.get(name),
        _ => None,
    }
}
