//! Whether a rule pins whose tokens it accepts, as its provider demands.

use url::Url;

use super::lints::{ISS4, PIN1};
use super::problem::Problems;
use super::reader::Section;
use super::values::flag;
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
    match missing.min_by_key(|(missing, is_meant)| (missing.len(), !is_meant)) {
        Some((missing, _)) if !missing.is_empty() => {
            let lint = if tenancy == Tenancy::Shared { &ISS4 } else { &PIN1 };
            let sentence = sentence(&missing, preset, conditions, accepts_names);
            problems.add_lint(lint, section.place(), sentence);
            false
        }
        _ => true,
    }
}

fn sentence(
    missing: &[&Pin],
    preset: &Preset,
    conditions: &[Condition],
    accepts_names: bool,
) -> String {
    let add = missing.iter().map(|pin| {
        let is_written = |condition: &Condition| condition.claim.to_string() == pin.claim;
        let vague = if conditions.iter().any(is_written) {
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
