//! The lines of a provider's page that are about what the program knows of it.

use std::time::Duration;

use octobroker::trust::presets::{Basis, Denial, Field, Pin, Pins, Preset};
use octobroker::trust::presets::{Lift, RefusedClaim};

/// Every line that stands on the provider's page as it is here.
pub(crate) fn of(preset: &Preset) -> Vec<String> {
    let mut lines = vec![
        format!("- in the configuration: `provider: {}`", preset.name),
        format!("- issuer: {}", issuers(preset)),
        format!("- tokens: {}", tokens(preset)),
    ];
    lines.extend(preset.fields.iter().map(field));
    lines.extend(pins(preset));
    lines.extend(preset.denials.iter().map(denial));
    let refused = preset.refused_claims.iter();
    lines.extend(refused.map(|refused| {
        let RefusedClaim { claim, why, switch } = refused;
        format!("- conditions on `{claim}`: {why}. Lifted by `{switch}: true`.")
    }));
    lines
}

/// The provider's row in the table of all.
pub(crate) fn row(preset: &Preset) -> String {
    let shapes = preset.urls.shapes.iter().map(|shape| shape.text).filter(|text| *text != ANY);
    let issuer = preset.urls.fixed.or_else(|| shapes.into_iter().next());
    let issuer = issuer.map_or_else(|| "as you write".to_owned(), |text| format!("`{text}`"));
    let pins = choices(preset, "†");
    let mut lifts: Vec<String> = preset.denials.iter().filter_map(short_lift).collect();
    lifts.extend(preset.refused_claims.iter().map(|refused| format!("`{}: true`", refused.switch)));
    let mut told: Vec<String> = Vec::new();
    for lift in lifts {
        if !told.contains(&lift) {
            told.push(lift);
        }
    }
    let or_none = |texts: &[String], between: &str| {
        if texts.is_empty() { "-".to_owned() } else { texts.join(between) }
    };
    format!(
        "| [{}]({}.md) | `{}` | {issuer} | {} | {} | {} |",
        preset.title,
        preset.name,
        preset.name,
        or_none(&pins, "; or "),
        or_none(&told, ", "),
        life(preset),
    )
}

/// The shape of issuers wherever the customer has one.
const ANY: &str = "*";

fn issuers(preset: &Preset) -> String {
    let fixed = preset.urls.fixed.map(|url| format!("`{url}` if there is no `url:`; "));
    format!("{}{}", fixed.unwrap_or_default(), preset.urls.advice)
}

fn tokens(preset: &Preset) -> String {
    let names: Vec<&str> = preset.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let names = if names.is_empty() { "by `algorithms:`".to_owned() } else { names.join(", ") };
    format!("{names}; at most {}", life(preset))
}

fn life(preset: &Preset) -> String {
    let longest = format!("{} from `iat` to `exp`", span(preset.max_token_lifetime));
    match preset.max_token_age {
        Some(age) => format!("{longest}, {} old", span(age)),
        None => longest,
    }
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds => format!("{} min", seconds / 60),
    }
}

fn field(field: &Field) -> String {
    let claim = if field.claim.is_empty() { "-".into() } else { format!("`{}`", field.claim) };
    format!("| `{}` | {claim} | {} |", field.name, field.says)
}

/// What to choose among, and how to get each value, once.
fn pins(preset: &Preset) -> Vec<String> {
    let mark = " (names: with `accept_recyclable_names: true`)";
    let mut lines = match choices(preset, mark).as_slice() {
        [] => Vec::new(),
        [only] => vec![format!("Always: {only}.")],
        several => vec![format!("One of these: {}.", several.join("; or "))],
    };
    let mut told: Vec<&str> = Vec::new();
    for pin in preset.pins.iter().flat_map(Pins::all) {
        if !told.contains(&pin.field) {
            told.push(pin.field);
            lines.push(format!("- `{}`: {}", pin.field, pin.advice));
        }
    }
    lines
}

/// Each choice of pins; those that are names get a mark.
fn choices(preset: &Preset, mark: &str) -> Vec<String> {
    let fields = |pins: &[Pin]| {
        let fields = pins.iter().map(|pin| format!("`{}`", pin.field));
        fields.collect::<Vec<_>>().join(" and ")
    };
    let mut choices: Vec<String> = Vec::new();
    for pins in preset.pins {
        let always = fields(pins.always);
        let shared = match pins.if_shared {
            [] => String::new(),
            pins => format!(", and {} if many customers share the issuer", fields(pins)),
        };
        // What is an exact value first may be a pattern the second time.
        let pattern = if choices.contains(&always) { "a pattern for " } else { "" };
        let names = if pins.basis == Basis::Names { mark } else { "" };
        choices.push(format!("{pattern}{always}{shared}{names}"));
    }
    choices
}

fn denial(denial: &Denial) -> String {
    let lift = denial.opt_in().unwrap_or_else(|| "nothing".to_owned());
    format!("- `{}`: {}. Lifted by {lift}.", denial.claim, denial.why)
}

fn short_lift(denial: &Denial) -> Option<String> {
    Some(match denial.lift {
        Lift::Switch(field, value) => format!("`{field}: {value}`"),
        Lift::Field(fields) => format!("`{}:`", fields.first()?),
        Lift::FieldNaming(field, _) => format!("`{field}:`"),
        Lift::OwnCondition => format!("a condition on `{}`", denial.claim),
        Lift::Never => return None,
    })
}
