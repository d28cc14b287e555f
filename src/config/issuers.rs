//! `issuers:` — whose tokens are believed. A closed map: no token adds to it.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lints::{ISS1, ISS6};
use super::nearest::suggestion;
use super::problem::Problems;
use super::providers;
use super::reader::{Named, Section, check_name, entries, items, refuse, scalar, shown};
use super::schema::{Form, Key, Shape, names, presets, words};
use super::tls::roots;
use super::values::{duration, file, word};
use super::web::{self, Query};
use super::yaml::{Entry, Node, Place, Value};
use crate::identity::{Algorithm, Issuer, KeySet, KeySource, Replay, TokenKind};
use crate::telemetry::error_chain;
use crate::trust::presets::{ALL, Preset};
use crate::{bounded_file, limits};

/// One issuer.
pub(super) const FORM: Form = Form::with(
    &[
        Key::new("provider", Shape::Words(provider_names), "Whose tokens it signs.").required(),
        Key::new(
            "url",
            Shape::Url,
            "The `iss` of its tokens, byte for byte; a slash at its end counts.",
        ),
        Key::new("algorithms", Shape::List(&Shape::Words(algorithm_names)), "What it signs with.")
            .example("[\"RS256\"]"),
        Key::new("jwks_url", Shape::Url, "Where its keys are; else its discovery document says."),
        Key::new(
            "jwks_file",
            Shape::Text,
            "A file with its keys: no network, and no rotation either.",
        ),
        Key::new(
            "jwks_token",
            Shape::Form(&TOKEN_FORM),
            "A token to ask for the keys with, as a cluster wants it.",
        ),
        Key::new(
            "ca_file",
            Shape::Text,
            "A file with CA certificates for reading its keys, in addition to the system's.",
        ),
        Key::new("trust_domain", Shape::Text, "The trust domain of SPIFFE, such as acme.example."),
        Key::new("max_token_lifetime", Shape::Duration, "Longest accepted `exp` - `iat`."),
        Key::new("max_token_age", Shape::Duration, "Longest accepted now - `iat`.").example("15m"),
        Key::new(
            "extra_audiences",
            Shape::Word(&AUDIENCES_WORDS),
            "Whether tokens may name audiences beside ours.",
        )
        .default("refuse"),
        Key::new(
            "replay",
            Shape::Word(&REPLAYS_WORDS),
            "Whether a token serves until it expires, or for one login or one request.",
        )
        .default("reuse"),
    ],
    presets::of_issuers,
);

pub(super) const KEYS: &[&str] = &names::<{ FORM.keys.len() }>(FORM.keys);

/// The section `jwks_token`.
const TOKEN_FORM: Form = Form::of(&[Key::new(
    "file",
    Shape::Text,
    "A file with the token; read again when it changes.",
)
.required()]);

const TOKEN_KEYS: &[&str] = &names::<{ TOKEN_FORM.keys.len() }>(TOKEN_FORM.keys);

/// A year of 365.25 days: Kubernetes hands out such tokens, nobody longer ones.
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(31_557_600);

const AUDIENCES: [(&str, bool); 2] = [("allow", true), ("refuse", false)];

const AUDIENCES_WORDS: [&str; 2] = words(&AUDIENCES);

const REPLAYS: [(&str, Replay); 2] = [("once", Replay::Once), ("reuse", Replay::Reuse)];

const REPLAYS_WORDS: [&str; 2] = words(&REPLAYS);

fn provider_names() -> Vec<&'static str> {
    ALL.iter().map(|preset| preset.name).collect()
}

fn algorithm_names() -> Vec<&'static str> {
    Algorithm::ALL.map(Algorithm::as_str).to_vec()
}

/// Reads the section.
pub(super) fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Named<Issuer> {
    let mut issuers = Named::none();
    let entries = entries(node, problems);
    if entries.is_some_and(<[Entry]>::is_empty) {
        let sentence = "has no issuer, so nobody's token would be accepted; write one, such as \
                        `github: { provider: github-actions }`";
        problems.add(&node.place, sentence);
    }
    for entry in entries.unwrap_or_default() {
        issuers.names.push(entry.key.clone());
        if let Some((issuer, place)) = issuer(entry, folder, problems) {
            check_twin(&issuer, &issuers.built, place, problems);
            issuers.built.push(issuer);
        }
    }
    issuers
}

/// One issuer, and the place of its URL.
fn issuer<'a>(
    entry: &'a Entry,
    folder: &Path,
    problems: &mut Problems,
) -> Option<(Issuer, &'a Place)> {
    let is_named = check_name(&entry.key, &entry.place, problems);
    let section = Section::open(&entry.node, KEYS, problems)?;
    let preset = providers::preset(&section, problems);
    let age = |node| duration(node, AGES, problems);
    let lifetime = preset.map(|preset| preset.max_token_lifetime);
    let max_token_lifetime = section.value("max_token_lifetime").map_or(lifetime, age);
    let default_age = preset.and_then(|preset| preset.max_token_age);
    let max_token_age =
        section.value("max_token_age").map_or(default_age, |node| duration(node, AGES, problems));
    let extra_audiences =
        section.value("extra_audiences").and_then(|node| word(node, &AUDIENCES, problems));
    let replay = section.value("replay").and_then(|node| word(node, &REPLAYS, problems));
    let tls_roots = roots(section.value("ca_file"), folder, problems);
    let algorithms = algorithms(&section, preset, problems);
    let kind = preset.map_or(TokenKind::IdToken, |preset| preset.kind);
    let pinned = key_source(&section, kind, folder, problems);
    let jwks_token = jwks_token(&section, folder, problems);
    let preset = preset?;
    if let (Some(true), TokenKind::JwtSvid) = (extra_audiences, kind) {
        let sentence = "stands at an issuer for SPIFFE, whose tokens have a single audience: one \
                        with several could be replayed at each of them; remove `extra_audiences`";
        problems.add(&entry.place, sentence);
        return None;
    }

    let name = providers::name(&section, preset, &entry.place, problems)?;
    let key_source = pinned.or(name.discovery).or_else(|| {
        let sentence = "says not where the keys are; write `jwks_url`, `jwks_file`, or the `url` of \
                        a discovery provider";
        problems.add(&entry.place, sentence);
        None
    });
    let issuer = Issuer {
        name: entry.key.clone(),
        provider: preset.name,
        url: name.text,
        kind: preset.kind,
        algorithms: algorithms?,
        key_source: key_source?,
        tls_roots: tls_roots?,
        jwks_token,
        max_token_lifetime: max_token_lifetime?,
        max_token_age,
        extra_audiences: extra_audiences.unwrap_or(false),
        replay: replay.unwrap_or(Replay::Reuse),
    };
    is_named.then_some((issuer, name.place))
}

fn algorithms(
    section: &Section<'_>,
    preset: Option<&Preset>,
    problems: &mut Problems,
) -> Option<Vec<Algorithm>> {
    let node = match section.value("algorithms") {
        None if preset.is_none() => return None,
        None if preset.is_some_and(|preset| !preset.algorithms.is_empty()) => {
            return preset.map(|preset| preset.algorithms.to_vec());
        }
        _ => {
            let advice = "write those that it signs with, such as `algorithms: [RS256]`";
            section.required("algorithms", advice, problems)?
        }
    };
    let mut algorithms = Vec::new();
    for item in items(node, problems)? {
        if let Some(algorithm) = algorithm(item, problems)
            && !algorithms.contains(&algorithm)
        {
            algorithms.push(algorithm);
        }
    }
    Some(algorithms)
}

fn algorithm(node: &Node, problems: &mut Problems) -> Option<Algorithm> {
    let written = scalar(node, problems)?;
    let found = Algorithm::from_name(&written.text);
    if found.is_none() {
        let lower_case = written.text.to_ascii_lowercase();
        let sentence = if lower_case == "none" {
            "`none` is no signature: anybody could write such a token; remove it".to_owned()
        } else if lower_case.starts_with("hs") {
            "HMAC is refused: whoever can check such a token can also make one; write what the \
             issuer's public keys are for, such as RS256"
                .to_owned()
        } else {
            let known = Algorithm::ALL.map(Algorithm::as_str);
            let near = suggestion(&written.text, known);
            format!("{} must be one of {}{near}", shown(written), known.join(", "))
        };
        refuse(node, sentence, problems);
    }
    found
}

/// Where the operator says that the keys are; `None` if in the discovery document.
fn key_source(
    section: &Section<'_>,
    kind: TokenKind,
    folder: &Path,
    problems: &mut Problems,
) -> Option<KeySource> {
    let jwks_url = section.value("jwks_url");
    let jwks_file = section.value("jwks_file");
    let from_url = jwks_url
        .and_then(|node| web::url(node, Query::Allowed, problems))
        .map(|(_, url)| KeySource::Url(url));
    let from_file =
        jwks_file.and_then(|node| key_file(node, kind, folder, problems)).map(KeySource::File);
    if let (Some(node), Some(_)) = (jwks_file, jwks_url) {
        let sentence = "stands beside `jwks_url`, which is never asked: keys come from one place, \
                        and the file is nearer; remove one of them";
        problems.add_lint(&ISS6, &node.place, sentence);
    }
    from_file.or(from_url)
}

/// A file with keys is read now, so that a wrong one is found before it is needed.
fn key_file(
    node: &Node,
    kind: TokenKind,
    folder: &Path,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let path = file(node, folder, problems)?;
    problems.reads(&path);
    let fault = match bounded_file::read(&path, limits::JWKS_BYTES) {
        Ok(document) => KeySet::parse_for(&document, kind).err().map(|error| error_chain(&error)),
        Err(error) => Some(error.to_string()),
    };
    if let Some(fault) = fault {
        let sentence = format!(
            "{} can't be used: {fault}; name a file with the issuer's key set (JSON with `keys`)",
            path.display()
        );
        refuse(node, sentence, problems);
        return None;
    }
    Some(path)
}

/// The file with the bearer token that the issuer wants from whoever reads its keys. The one of
/// Kubernetes is replaced by and by, so it is only looked for now, and read when it is needed.
fn jwks_token(section: &Section<'_>, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let node = section.value("jwks_token")?;
    if let Value::Scalar(_) = node.value {
        let sentence = "is written `{ file: … }`, such as `{ file: \
                        /var/run/secrets/kubernetes.io/serviceaccount/token }`";
        refuse(node, sentence, problems);
        return None;
    }
    let token = Section::open(node, TOKEN_KEYS, problems)?;
    let node = token.required("file", "write the file with the token", problems)?;
    let path = file(node, folder, problems)?;
    let fault = match File::open(&path) {
        Err(error) => {
            format!("{} can't be read: {error}; name a file with a token", path.display())
        }
        Ok(_) if section.value("jwks_file").is_some() => {
            "is of no use beside `jwks_file`, which needs no network; remove one of them".to_owned()
        }
        Ok(_) => return Some(path),
    };
    refuse(node, fault, problems);
    None
}

fn check_twin(issuer: &Issuer, others: &[Issuer], place: &Place, problems: &mut Problems) {
    let name = |url: &str| url.trim_end_matches('/').to_owned();
    if let Some(twin) = others.iter().find(|other| name(&other.url) == name(&issuer.url)) {
        let slash = if twin.url == issuer.url { "" } else { " but for the slash at its end" };
        let sentence = format!(
            "is the URL of {}{slash}; write one issuer, with the URL as its tokens have it",
            twin.name
        );
        problems.add_lint(&ISS1, place, sentence);
    }
}
