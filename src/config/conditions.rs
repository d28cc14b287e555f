//! What the token of a rule must say: the operator's conditions, in fields of the provider or under
//! `claims:`, and what the provider's preset adds to them.

use super::lints::NEG1;
use super::problem::Problems;
use super::reader::Section;
use super::yaml::{Entry, Place};
use super::{claims, denials, fields, pins};
use crate::identity::{Issuer, TokenKind};
use crate::limits;
use crate::trust::presets::{self, find};
use crate::trust::{Condition, Glob, Test};

/// The operator's conditions, and those that the provider's preset adds.
pub(super) fn read(
    section: &Section<'_>,
    others: &[&Entry],
    issuer: Option<&Issuer>,
    problems: &mut Problems,
) -> Option<Vec<Condition>> {
    // Which fields there are is known if the issuer is.
    let Some((issuer, preset)) = issuer.and_then(|built| Some((built, find(built.provider)?)))
    else {
        section.value("claims").and_then(|node| claims::read(node, presets::CUSTOM, problems));
        fields::report_of_nobody(others, section, problems);
        return None;
    };
    let fields = fields::read(others, preset, section, problems);
    let claims = match section.value("claims") {
        Some(node) => claims::read(node, preset, problems),
        None if preset.pins.is_empty() && others.is_empty() => {
            let advice = "write what the token must say, such as `claims: { repository_id: \
                          \"812345678\" }`";
            section.required("claims", advice, problems);
            return None;
        }
        None => Some(Vec::new()),
    };
    let fields = fields?;
    let mut conditions: Vec<Condition> = fields.conditions().collect();
    conditions.extend(claims?);
    let place = section.value("claims").map_or(section.place(), |node| &node.place);
    let is_sound = check_number(&conditions, place, problems)
        && pins::check(section, (issuer, preset), &conditions, problems)
        && check_positive(&conditions, place, problems)
        && check_trust_domain(issuer, &conditions, place, problems)
        && denials::check_agreement(&conditions, (section.place(), problems))
        && denials::check_claims(&conditions, preset, &fields, (section.place(), problems));
    let added = denials::add(&mut conditions, preset, &fields, (section.place(), problems));
    (is_sound && added).then_some(conditions)
}

fn check_number(conditions: &[Condition], place: &Place, problems: &mut Problems) -> bool {
    let is_few = conditions.len() <= limits::CONDITIONS;
    if !is_few {
        let sentence = format!("has more than {} conditions; write fewer", limits::CONDITIONS);
        problems.add(place, sentence);
    }
    is_few
}

fn check_positive(conditions: &[Condition], place: &Place, problems: &mut Problems) -> bool {
    let is_positive = conditions.iter().any(Condition::is_positive);
    if !is_positive {
        let sentence = if conditions.is_empty() {
            "has no condition, so every token of the issuer would match; write what the token \
             must say, such as `repository_id: \"812345678\"`"
        } else {
            "says only who may not, so everybody else's token would match; write also what the \
             token must say, such as `repository_id: \"812345678\"`"
        };
        problems.add_lint(&NEG1, place, sentence);
    }
    is_positive
}

/// Reports a SPIFFE ID of another trust domain than the issuer's: its token would never come here.
fn check_trust_domain(
    issuer: &Issuer,
    conditions: &[Condition],
    place: &Place,
    problems: &mut Problems,
) -> bool {
    if issuer.kind != TokenKind::JwtSvid {
        return true;
    }
    let start = format!("{}/", issuer.url);
    let is_foreign = |condition: &Condition| {
        let globs: &[Glob] = if let Test::Glob(globs) = &condition.test { globs } else { &[] };
        let texts = condition.test.values().iter().map(String::as_str);
        condition.claim.to_string() == "sub"
            && !texts.chain(globs.iter().map(Glob::as_str)).all(|text| text.starts_with(&start))
    };
    let is_foreign = conditions.iter().any(is_foreign);
    if is_foreign {
        let sentence = format!(
            "`sub` is of another trust domain than the issuer's; write {start} and the path"
        );
        problems.add(place, sentence);
    }
    !is_foreign
}

/// Reports an audience that proves nothing with this issuer.
pub(super) fn check_audience(
    section: &Section<'_>,
    issuer: Option<&Issuer>,
    audience: &str,
    problems: &mut Problems,
) -> bool {
    let found = issuer.and_then(|built| Some((built, find(built.provider)?)));
    let fault = found.and_then(|(issuer, preset)| (preset.audience_fault)(audience, &issuer.url));
    if let Some(fault) = fault {
        let place = section.value("audience").map_or(section.place(), |node| &node.place);
        problems.add(place, format!("the audience {fault}"));
    }
    fault.is_none()
}
