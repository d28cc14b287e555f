//! PAT1, PTR1, PTR2, CLM1: conditions that mean something else than they seem to.

use super::scene::{BuiltRule, Found, Scene};
use super::table::{CLM1, Lint, PAT1, PTR1, PTR2};
use crate::config::nearest::is_slip;
use crate::identity::ClaimAddress;
use crate::trust::presets::{ALL, Preset};
use crate::trust::{Condition, Glob, Test};

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    scene.rules.iter().flat_map(|rule| of_rule(scene, rule)).collect()
}

fn of_rule(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let mut found = Vec::new();
    for condition in &rule.conditions {
        let pattern = pattern(&condition.test).map(|sentence| (&PAT1, sentence.to_owned()));
        let slip = scene.preset(rule).and_then(|preset| slip(preset, condition));
        for (lint, sentence) in pattern.into_iter().chain(path(condition)).chain(slip) {
            found.push(Found::new(lint, scene.condition(rule, condition), sentence));
        }
    }
    found
}

/// A pattern that is compared as it is, or a regular expression in the place of a pattern.
fn pattern(test: &Test) -> Option<&'static str> {
    match test {
        Test::AnyCase { lower: test, .. } | Test::AbsentOr(test) | Test::PartOfSubject { test, .. } => {
            pattern(test)
        }
        Test::Glob(globs) if globs.iter().map(Glob::as_str).any(has_braces) => Some(
            "has braces, which stand for themselves in a pattern; write several: \
             `glob: [main, release/*]`",
        ),
        Test::Glob(globs) => globs.iter().map(Glob::as_str).any(is_expression).then_some(
            "looks like a regular expression, of which there are none here, and so matches nothing; \
             write a pattern, such as refs/heads/release/**, or several: `glob: [main, release/*]`",
        ),
        _ if test.values().iter().any(|text| text.contains('*')) => Some(
            "is compared as it is, star and all; write `{ glob: … }` if a pattern is meant, with * \
             inside a segment and ** across segments",
        ),
        _ if test.values().iter().any(|text| is_expression(text)) => Some(
            "looks like a regular expression and is compared as it is; write `{ glob: … }` with * \
             and **, or `{ one_of: [ … ] }`",
        ),
        _ => None,
    }
}

/// Signs that no name of a branch, a tag or an environment bears.
fn is_expression(text: &str) -> bool {
    let has_choice = text.contains('(') && text.contains('|') && text.contains(')');
    let signs = ["/.*", "/.+", "[a-z", "[0-9", "[A-Z", "[^", "\\d", "\\w", "\\."];
    text.starts_with('^')
        || text.ends_with('$')
        || text.starts_with(".*")
        || has_choice
        || signs.iter().any(|sign| text.contains(sign))
}

/// The choice of a shell: `{main,dev}`.
fn has_braces(text: &str) -> bool {
    let inside = text.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    inside.is_some_and(|(inside, _)| inside.contains(','))
}

/// A claim that is almost one of the platform's.
fn slip(preset: &Preset, condition: &Condition) -> Option<(&'static Lint, String)> {
    let ClaimAddress::Name(name) = &condition.claim else { return None };
    let known = || preset.claims.iter().map(|claim| claim.name);
    if name.len() < SLIP || known().any(|known| known == name) {
        return None;
    }
    let near = known().find(|known| is_slip(name, known))?;
    let title = preset.title;
    Some((&CLM1, format!("no token of {title} is known to have it; did you mean `{near}`?")))
}

/// Shorter names are near to many.
const SLIP: usize = 6;

/// A path with dots, where a JSON Pointer is meant.
fn path(condition: &Condition) -> Option<(&'static Lint, String)> {
    let ClaimAddress::Name(name) = &condition.claim else { return None };
    let mut known = ALL.iter().flat_map(|preset| preset.claims);
    if known.any(|claim| claim.name == name) {
        return None;
    }
    let members = |rest: &str| rest.trim_start_matches(['.', '/']).replace('.', "/");
    let inside = |object: String| {
        let rest = name.strip_prefix(object.as_str())?.to_owned();
        rest.starts_with(['.', '/']).then_some((object, rest))
    };
    if let Some((object, rest)) = objects().find_map(inside) {
        let object = object.replace('~', "~0").replace('/', "~1");
        let sentence = format!(
            "no token has a claim of this name; what stands inside a claim is written as a JSON \
             Pointer, here /{object}/{}",
            members(&rest)
        );
        return Some((&PTR1, sentence));
    }
    let is_path = name.contains('.') && !name.contains(['/', ':']);
    let sentence = format!(
        "is the name of one claim, dots and all; if it stands inside another, write /{}",
        members(name)
    );
    is_path.then_some((&PTR2, sentence))
}

/// Claims that are known to be objects: those into which a preset's claims point.
fn objects() -> impl Iterator<Item = String> {
    let claims = ALL.iter().flat_map(|preset| preset.claims);
    claims.filter_map(|claim| match ClaimAddress::parse(claim.name)? {
        ClaimAddress::Pointer { steps, .. } => steps.into_iter().next(),
        ClaimAddress::Name(_) => None,
    })
}
