//! What must be true of every provider.

use std::collections::BTreeSet;

use super::*;
use crate::identity::ClaimAddress;

/// The names of a preset's claims.
fn claims(preset: &Preset) -> BTreeSet<&'static str> {
    preset.claims.iter().map(|claim| claim.name).collect()
}

#[test]
fn names_are_unique_and_plain() {
    let names: BTreeSet<_> = ALL.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), ALL.len());
    for preset in ALL {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(preset.name.chars().all(is_plain), "{}", preset.name);
        let fields: BTreeSet<_> = preset.field_names().collect();
        assert_eq!(fields.len(), preset.fields.len(), "{}", preset.name);
        assert_eq!(claims(preset).len(), preset.claims.len(), "{}", preset.name);
        assert_eq!(find(preset.name).map(|found| found.title), Some(preset.title));
    }
}

#[test]
fn every_claim_that_a_preset_uses_is_described() {
    for preset in ALL {
        let known = claims(preset);
        let of_fields = preset.fields.iter().map(|field| field.claim);
        let with = preset.fields.iter().flat_map(|field| field.with).map(|(claim, _)| *claim);
        let of_pins = preset.pins.iter().flat_map(Pins::all).map(|pin| pin.claim);
        let of_denials = preset.denials.iter().map(|denial| denial.claim);
        let used = of_fields.chain(with).chain(of_pins).chain(of_denials);
        for claim in used.filter(|claim| !claim.is_empty()) {
            assert!(known.contains(claim), "{}: {claim}", preset.name);
            assert!(ClaimAddress::parse(claim).is_some(), "{}: {claim}", preset.name);
        }
    }
}

#[test]
fn every_field_that_a_sentence_tells_to_write_is_there() {
    for preset in ALL {
        let name = preset.name;
        for pin in preset.pins.iter().flat_map(Pins::all) {
            let field = preset.field(pin.field).unwrap_or_else(|| panic!("{name}: {}", pin.field));
            assert!(field.claim == pin.claim || pin.field == pin.claim, "{name}: {}", pin.field);
            assert!(preset.field(pin.claim).is_some(), "{name}: {}", pin.claim);
            assert!(!pin.advice.is_empty() && !pin.advice.ends_with('.'), "{name}: {}", pin.field);
        }
        for denial in preset.denials {
            let fields: Vec<&str> = match denial.lift {
                Lift::Switch(field, _) | Lift::FieldNaming(field, _) => vec![field],
                Lift::Field(fields) => fields.to_vec(),
                Lift::OwnCondition | Lift::Never => continue,
            };
            for field in fields {
                let reading = preset.field(field).map(|field| field.reading);
                let is_switch = matches!(denial.lift, Lift::Switch(..));
                assert_eq!(reading == Some(Reading::Switch), is_switch, "{name}: {field}");
                assert!(reading.is_some(), "{name}: {field}");
            }
        }
        for field in preset.fields {
            assert!(!field.says.is_empty(), "{name}: {}", field.name);
            let is_switch = field.reading == Reading::Switch;
            let allows = preset.refused_claims.iter().any(|claim| claim.switch == field.name);
            let lifts = allows
                || preset.denials.iter().any(|denial| match denial.lift {
                    Lift::Switch(name, _) => name == field.name,
                    _ => false,
                });
            assert_eq!(is_switch, lifts, "{name}: {} lifts nothing", field.name);
        }
    }
}

#[test]
fn a_fixed_issuer_is_one_of_the_providers_own() {
    for preset in ALL {
        if let Some(fixed) = preset.urls.fixed {
            assert!(preset.urls.fits(fixed), "{}", preset.name);
            assert_eq!(vendor_of(fixed).map(|vendor| vendor.name), Some(preset.name));
        }
        assert!(!preset.urls.advice.ends_with('.'), "{}", preset.name);
        assert!(preset.name == "custom" || !preset.algorithms.is_empty(), "{}", preset.name);
    }
}
