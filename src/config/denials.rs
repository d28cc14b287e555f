//! What a provider's preset refuses on every rule that does not ask for it.

use super::fields::Fields;
use super::problem::Problems;
use super::yaml::Place;
use crate::identity::ClaimAddress;
use crate::trust::Condition;
use crate::trust::presets::{Denial, Lift, Preset, RefusedClaim, When};

/// Adds the preset's conditions behind the operator's own. False if one of those can't hold beside
/// them: such a rule would never match.
pub(super) fn add(
    conditions: &mut Vec<Condition>,
    preset: &Preset,
    fields: &Fields,
    (place, problems): (&Place, &mut Problems),
) -> bool {
    let mut is_sound = true;
    let mut added = Vec::new();
    for denial in preset.denials {
        let applies = match denial.when {
            When::Always => true,
            When::Field(names) => names.iter().any(|name| fields.has(name)),
        };
        if !applies || is_lifted(denial, fields, conditions) {
            continue;
        }
        let Some(claim) = ClaimAddress::parse(denial.claim) else { continue };
        let condition = Condition { claim, test: denial.requirement.test() };
        if let Some(own) = conditions.iter().find(|own| contradicts(own, &condition)) {
            let opt_in = denial.opt_in();
            let opt_in = opt_in.map_or_else(String::new, |written| format!(", or add {written}"));
            let sentence = format!(
                "would never match: `{}` is to be {}, which is refused ({}); write another \
                 value{opt_in}",
                own.claim, own.test, denial.why
            );
            problems.add(place, sentence);
            is_sound = false;
        }
        added.push(condition);
    }
    conditions.extend(added);
    is_sound
}

/// Reports conditions on claims that prove nothing.
pub(super) fn check_claims(
    conditions: &[Condition],
    preset: &Preset,
    fields: &Fields,
    (place, problems): (&Place, &mut Problems),
) -> bool {
    let refused = |condition: &Condition| {
        let claim = condition.claim.to_string();
        let is_in = |refused: &&RefusedClaim| {
            let rest = claim.strip_prefix(refused.claim);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && fields.switch(refused.switch) != Some(true)
        };
        let refused = preset.refused_claims.iter().find(is_in)?;
        Some(format!(
            "has a condition on {claim}, but {}; remove it, or add `{}: true`",
            refused.why, refused.switch
        ))
    };
    let sentences: Vec<String> = conditions.iter().filter_map(refused).collect();
    let is_sound = sentences.is_empty();
    for sentence in sentences {
        problems.add(place, sentence);
    }
    is_sound
}

fn is_lifted(denial: &Denial, fields: &Fields, own: &[Condition]) -> bool {
    match denial.lift {
        Lift::Switch(field, value) => fields.switch(field) == Some(value),
        Lift::Field(names) => names.iter().any(|name| fields.has(name)),
        Lift::FieldNaming(field, values) => {
            fields.values(field).any(|value| values.contains(&value))
        }
        Lift::OwnCondition => own.iter().any(|own| own.claim.to_string() == denial.claim),
        Lift::Never => false,
    }
}

/// Reports conditions of the operator's own that can't hold together, such as a branch and a tag.
pub(super) fn check_agreement(
    conditions: &[Condition],
    (place, problems): (&Place, &mut Problems),
) -> bool {
    let pairs = conditions
        .iter()
        .enumerate()
        .flat_map(|(at, one)| conditions.iter().skip(at + 1).map(move |other| (one, other)));
    let found =
        pairs.into_iter().find(|(one, other)| contradicts(one, other) || contradicts(other, one));
    if let Some((one, other)) = found {
        let sentence = format!(
            "would never match: `{}` is to be {}, and {} as well; remove one of them",
            one.claim, one.test, other.test
        );
        problems.add(place, sentence);
    }
    found.is_none()
}

/// True if no value that a condition names is accepted by another one on the same claim.
fn contradicts(one: &Condition, other: &Condition) -> bool {
    let (values, others) = (one.test.values(), other.test.values());
    one.claim == other.claim
        && !values.is_empty()
        && !values.iter().any(|value| other.test.accepts(value))
        && !others.iter().any(|value| one.test.accepts(value))
        && !other.test.compares_claims()
}
