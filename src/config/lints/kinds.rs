//! TYPE1, VAL1: conditions that can't hold, because the claim is of another type, or that hardly hold,
//! because it never has the value.

use super::scene::{BuiltRule, Found, Scene, accepted};
use super::table::{TYPE1, VAL1};
use crate::config::nearest::suggestion;
use crate::trust::presets::{Kind, Preset};
use crate::trust::{Condition, Test};

/// Claims that are texts whoever signs (RFC 7519 4.1).
const TEXTS: [&str; 3] = ["iss", "sub", "jti"];

pub(super) fn find(scene: &Scene<'_>) -> Vec<Found> {
    scene.rules.iter().flat_map(|rule| of_rule(scene, rule)).collect()
}

fn of_rule(scene: &Scene<'_>, rule: &BuiltRule) -> Vec<Found> {
    let preset = scene.preset(rule);
    let found = |condition: &Condition| {
        let kind = kind(preset, &condition.claim.to_string())?;
        let sentence = fault(kind, &condition.test)?;
        Some(Found::new(&TYPE1, scene.condition(rule, condition), sentence))
    };
    let of_type = rule.conditions.iter().filter_map(found);
    let unknown = rule.conditions.iter().filter_map(|condition| {
        let sentence = unknown_value(preset?, condition)?;
        Some(Found::new(&VAL1, scene.condition(rule, condition), sentence))
    });
    of_type.chain(unknown).collect()
}

/// A list of values that a vendor may add to, so that a new one is no error.
fn unknown_value(preset: &Preset, condition: &Condition) -> Option<String> {
    let name = condition.claim.to_string();
    let known = preset.claims.iter().find(|known| known.name == name)?.values;
    let is_known = |value: &&String| known.contains(&value.as_str());
    let value = condition.test.values().iter().find(|value| !is_known(value))?;
    if known.is_empty() {
        return None;
    }
    let near = suggestion(value, known.iter().copied());
    let rest = if near.is_empty() && known.len() <= 5 {
        format!("; known are {}", known.join(", "))
    } else {
        near
    };
    Some(format!("{value:?} is no `{name}` that {} is known to have{rest}", preset.title))
}

fn kind(preset: Option<&Preset>, claim: &str) -> Option<Kind> {
    let known = preset.into_iter().flat_map(|preset| preset.claims);
    let found = known.into_iter().find(|known| known.name == claim).map(|known| known.kind);
    found.or_else(|| TEXTS.contains(&claim).then_some(Kind::Text))
}

/// Why nothing of this kind passes the test.
fn fault(kind: Kind, test: &Test) -> Option<&'static str> {
    match (kind, test) {
        (_, Test::AnyCase { lower: test, .. } | Test::PartOfSubject { test, .. }) => {
            fault(kind, test)
        }
        // Whether it is there at all is asked of any kind.
        (_, Test::Absent | Test::Empty | Test::Present | Test::AbsentOr(_))
        | (Kind::List, Test::Contains(_)) => None,
        (Kind::List, _) => {
            Some("is an array, and only `contains` looks into it; write `contains:`")
        }
        (Kind::Object, _) => {
            Some("is an object, which equals nothing; name what is in it, as in /claim/member")
        }
        (_, Test::Contains(_)) => {
            Some("is no array, so `contains` never holds; write the value, or `one_of:`")
        }
        (Kind::Boolean | Kind::TextBoolean, Test::Exact(_) | Test::OneOf(_)) => {
            let is_boolean = |text: &&str| matches!(*text, "true" | "false");
            (!accepted(test).iter().all(is_boolean))
                .then_some("is true or false, never anything else; write one of these")
        }
        (Kind::Number | Kind::TextNumber, Test::Exact(_) | Test::OneOf(_)) => {
            let is_number =
                |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            (!accepted(test).iter().all(is_number))
                .then_some("is a number, digits alone; write the id, not the name")
        }
        _ => None,
    }
}
