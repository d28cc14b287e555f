//! Whether a rule pins whose tokens it accepts, as its provider demands.

use url::Url;

use super::lints::{ISS4, PIN1};
use super::problem::Problems;
use super::reader::Section;
use super::values::flag;
use super::yaml::Value;
use crate::http_client::is_loopback;
use crate::identity::Issuer;
use crate::trust::Condition;
use crate::trust::presets::{Basis, Pin, Preset, Tenancy};

/// Reports a rule that lacks a pin, with how to get it.
pub(super) fn check(
    section: &Section<'_>,
    (issuer, preset): (&Issuer, &Preset),
    conditions: &[Condition],
    problems: &mut Problems,
) -> bool {
    let node = section.value("accept_recyclable_names");
    let accepts_names = match node.map(|node| (node, flag(node, problems))) {
        None => false,
        Some((_, None)) => return false,
        Some((node, Some(accepts))) => {
            if !preset.pins.iter().any(|pins| pins.basis == Basis::Names) {
                let sentence = format!(
                    "changes nothing: rules for {} need no other ids in place of names; remove it",
                    preset.title
                );
                problems.add(&node.place, sentence);
                return false;
            }
            accepts
        }
    };
    // An issuer on this very machine stands in for one of one customer.
    let is_here = Url::parse(&issuer.url).is_ok_and(|url| is_loopback(&url));
    let tenancy = preset.urls.tenancy(&issuer.url).filter(|_| !is_here).unwrap_or(Tenancy::Single);
    let accepted = |basis| basis == Basis::Ids || accepts_names;
    let choices = preset.pins.iter().filter(|pins| accepted(pins.basis));
    // Of those that lack the same number, the one that was meant.
    let is_meant = |basis| (basis == Basis::Names) == accepts_names;
    let missing = choices.map(|pins| (pins.missing(conditions, tenancy), is_meant(pins.basis)));
    // A name that another field puts into the claim is no attempt at this choice.
    let is_foreign = |pin: &&&Pin| !is_written(section, pin) && has_condition(conditions, pin);
    let cost = |missing: &[&Pin]| missing.len() + missing.iter().filter(is_foreign).count();
    match missing.min_by_key(|(missing, is_meant)| (cost(missing), !is_meant)) {
        Some((missing, _)) if !missing.is_empty() => {
            let lint = if tenancy == Tenancy::Shared { &ISS4 } else { &PIN1 };
            let vague = |pin: &Pin| is_written(section, pin) && has_condition(conditions, pin);
            let sentence = sentence(&missing, preset, &vague, accepts_names);
            problems.add_lint(lint, section.place(), sentence);
            false
        }
        _ => true,
    }
}

/// Whether the rule says something of a pin, under the name of the field or of the claim.
fn is_written(section: &Section<'_>, pin: &Pin) -> bool {
    let claims = section.value("claims").map(|node| &node.value);
    let is_claim =
        matches!(claims, Some(Value::Map(claims)) if claims.iter().any(|of| of.key == pin.claim));
    is_claim || section.has(pin.field) || section.has(pin.claim)
}

fn has_condition(conditions: &[Condition], pin: &Pin) -> bool {
    conditions.iter().any(|condition| condition.claim.to_string() == pin.claim)
}

fn sentence(
    missing: &[&Pin],
    preset: &Preset,
    is_vague: &dyn Fn(&Pin) -> bool,
    accepts_names: bool,
) -> String {
    let add = missing.iter().map(|pin| {
        let vague = if is_vague(pin) {
            " with a value or `one_of`, for what stands there pins nothing"
        } else {
            ""
        };
        format!("`{}:`{vague} ({})", pin.field, pin.advice)
    });
    let add: Vec<String> = add.collect();
    let has_names = preset.pins.iter().any(|pins| pins.basis == Basis::Names);
    let else_ = if has_names && !accepts_names {
        "; names can be taken again by somebody else, and `accept_recyclable_names: true` accepts \
         that"
    } else {
        ""
    };
    format!(
        "does not pin whose tokens of {} it accepts; add {}{else_}",
        preset.title,
        add.join(" and ")
    )
}
