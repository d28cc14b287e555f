//! `issuers:` — whose tokens are believed. A closed map: no token adds to it.

use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::nearest::suggestion;
use super::problem::Problems;
use super::reader::{Named, Section, check_name, entries, items, refuse, scalar, shown, text};
use super::tls::roots;
use super::values::{duration, file, word};
use super::web::{self, Query};
use super::yaml::{Entry, Node};
use crate::identity::{Algorithm, Issuer, KeySet, KeySource};
use crate::limits;
use crate::telemetry::error_chain;

/// The keys of one issuer.
pub(super) const KEYS: &[&str] = &[
    "provider",
    "url",
    "algorithms",
    "jwks_url",
    "jwks_file",
    "ca_file",
    "max_token_lifetime",
    "max_token_age",
    "extra_audiences",
];

/// Longest accepted `exp - iat`, if the operator says nothing: CI tokens live 5 to 60 minutes.
const LIFETIME: Duration = Duration::from_secs(3600);

/// A year of 365.25 days: Kubernetes hands out such tokens, nobody longer ones.
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(31_557_600);

/// Reads the section.
pub(super) fn read(node: &Node, folder: &Path, problems: &mut Problems) -> Named<Issuer> {
    let mut issuers = Named::none();
    let entries = entries(node, problems);
    if entries.is_some_and(<[Entry]>::is_empty) {
        let sentence = "has no issuer, so nobody's token would be accepted; write one, with \
                        `provider: custom`, `url:` and `algorithms:`";
        problems.add(&node.place, sentence);
    }
    for entry in entries.unwrap_or_default() {
        issuers.names.push(entry.key.clone());
        if let Some((issuer, url)) = issuer(entry, folder, problems) {
            check_twin(&issuer, &issuers.built, url, problems);
            issuers.built.push(issuer);
        }
    }
    issuers
}

/// One issuer, and the node of its URL.
fn issuer<'a>(
    entry: &'a Entry,
    folder: &Path,
    problems: &mut Problems,
) -> Option<(Issuer, &'a Node)> {
    let is_named = check_name(&entry.key, &entry.place, problems);
    let section = Section::open(&entry.node, KEYS, problems)?;
    let is_custom = is_custom(&section, problems);
    let age = |node| duration(node, AGES, problems);
    let max_token_lifetime = section.value("max_token_lifetime").map_or(Some(LIFETIME), age);
    let max_token_age =
        section.value("max_token_age").and_then(|node| duration(node, AGES, problems));
    let extra_audiences = section
        .value("extra_audiences")
        .and_then(|node| word(node, &[("allow", true), ("refuse", false)], problems));
    let tls_roots = roots(section.value("ca_file"), folder, problems);
    let algorithms = algorithms(&section, is_custom, problems);
    let pinned = key_source(&section, folder, problems);

    let url_node = match section.value("url") {
        None if !is_custom => return None,
        _ => section.required("url", "write the `iss` of its tokens, byte for byte", problems)?,
    };
    let (url, parsed) = issuer_url(url_node, problems)?;
    let discovery = KeySource::Discovery { document: discovery_document(&parsed) };
    let issuer = Issuer {
        name: entry.key.clone(),
        url: url.to_owned(),
        algorithms: algorithms?,
        key_source: pinned.unwrap_or(discovery),
        tls_roots: tls_roots?,
        max_token_lifetime: max_token_lifetime?,
        max_token_age,
        extra_audiences: extra_audiences.unwrap_or(false),
    };
    is_named.then_some((issuer, url_node))
}

/// False if another provider was meant, which then would need other keys.
fn is_custom(section: &Section<'_>, problems: &mut Problems) -> bool {
    let advice = "write `provider: custom`";
    let Some(node) = section.required("provider", advice, problems) else {
        return true;
    };
    let Some(written) = scalar(node, problems) else {
        return true;
    };
    if written.text == "custom" {
        return true;
    }
    let sentence = format!(
        "{} is not known, only custom is; write `provider: custom` with `url: \
         https://token.actions.githubusercontent.com` or another issuer's, and `algorithms: \
         [RS256]`",
        shown(written)
    );
    refuse(node, sentence, problems);
    false
}

fn algorithms(
    section: &Section<'_>,
    is_custom: bool,
    problems: &mut Problems,
) -> Option<Vec<Algorithm>> {
    let node = match section.value("algorithms") {
        None if !is_custom => return None,
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
fn key_source(section: &Section<'_>, folder: &Path, problems: &mut Problems) -> Option<KeySource> {
    let jwks_url = section.value("jwks_url");
    let jwks_file = section.value("jwks_file");
    let from_url = jwks_url
        .and_then(|node| web::url(node, Query::Allowed, problems))
        .map(|(_, url)| KeySource::Url(url));
    let from_file =
        jwks_file.and_then(|node| key_file(node, folder, problems)).map(KeySource::File);
    if let (Some(node), Some(_)) = (jwks_file, jwks_url) {
        let sentence = "stands beside `jwks_url`; keys come from one place, so remove one of them";
        refuse(node, sentence, problems);
    }
    from_file.or(from_url)
}

/// A file with keys is read now, so that a wrong one is found before it is needed.
fn key_file(node: &Node, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let path = file(node, folder, problems)?;
    problems.reads(&path);
    let fault = match read_key_file(&path) {
        Ok(document) => KeySet::parse(&document).err().map(|error| error_chain(&error)),
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

fn read_key_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut document = Vec::new();
    let length = limits::JWKS_BYTES as u64 + 1;
    File::open(path)?.take(length).read_to_end(&mut document)?;
    if document.len() > limits::JWKS_BYTES {
        let sentence = format!("it has more than {} bytes", limits::JWKS_BYTES);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, sentence));
    }
    Ok(document)
}

/// An issuer's URL is a name: the `iss` of each token is compared with it byte for byte, so it is
/// kept as written, a slash at its end included.
fn issuer_url<'a>(node: &'a Node, problems: &mut Problems) -> Option<(&'a str, Url)> {
    let text = text(node, problems)?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let has_upper_case = |part: &str| part.contains(|c: char| c.is_ascii_uppercase());
    let fault = if has_upper_case(scheme) || has_upper_case(host) {
        "must have scheme and host in lower case: the `iss` of a token is compared byte for byte; \
         write it as the tokens do"
    } else if text.contains('*') {
        "is a name and no pattern: each issuer is written out; replace the *"
    } else {
        return web::url(node, Query::Refused, problems);
    };
    refuse(node, fault, problems);
    None
}

/// OpenID Connect Discovery 1.0 §4: a slash at the end of the issuer is not doubled.
fn discovery_document(issuer: &Url) -> Url {
    let mut document = issuer.clone();
    let path = issuer.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    document.set_path(&format!("{path}/.well-known/openid-configuration"));
    document
}

fn check_twin(issuer: &Issuer, others: &[Issuer], url: &Node, problems: &mut Problems) {
    let name = |url: &str| url.trim_end_matches('/').to_owned();
    if let Some(twin) = others.iter().find(|other| name(&other.url) == name(&issuer.url)) {
        let slash = if twin.url == issuer.url { "" } else { " but for the slash at its end" };
        let sentence = format!(
            "is the URL of {}{slash}; write one issuer, with the URL as its tokens have it",
            twin.name
        );
        refuse(url, sentence, problems);
    }
}
