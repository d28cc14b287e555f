//! The subjects of a rule's tokens, before there is a token: what an OIDC identity in Octopus must
//! say, as narrow as its wildcards allow.
//!
//! In: a rule, and what its provider's subjects look like. Out: patterns that together cover every
//! token of the rule; and what they can't show of it. A rule whose subjects could be anybody's has
//! none: whoever knows the account's id could then act as it, past the broker.

use std::collections::BTreeSet;

use super::presets::{Asked, Part, Preset, SubjectTemplate, Tenancy};
use super::wildcards::Wildcards;
use super::{Rule, Test, covers};
use crate::limits;

/// What stands in Octopus for the tokens of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSubjects {
    /// One identity for each; at least one.
    pub texts: Vec<String>,
    /// The claims of which they allow more than the rule does.
    pub widened: Vec<String>,
    /// The claims on which the rule insists and which they do not show.
    pub unseen: Vec<String>,
    /// The claims whose values were too many to be written out: a wildcard stands for them.
    pub folded: Vec<String>,
    /// Forms of subjects that the provider has too, and that would be anybody's; each with the
    /// claims that the rule would have to pin for it.
    pub left_out: Vec<Unnamed>,
}

/// A form of subject that does not say whom the rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// With the claims in braces.
    pub form: String,
    /// What to write on the rule: the names of fields.
    pub fields: Vec<&'static str>,
}

/// Why there are no subjects for a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// The subjects of this provider follow no form that is known.
    #[error("nobody knows what the subjects of its tokens look like; write `sub` on the rule")]
    Formless,
    /// Of no form the rule says whose token it is.
    #[error(
        "its subjects have the form {}, and the rule says not whose they are there; write {} on it",
        .0.form, fields(.0)
    )]
    Unnamed(Unnamed),
    /// So many that only a wildcard that lets strangers in could stand for them.
    #[error("it would need {0} identities, and no wildcard is narrow enough; split the rule")]
    TooMany(usize),
    /// What it says of the subject would let anybody in.
    #[error("what it says of `sub` says not whose token it is; write the beginning out")]
    Anybody,
}

fn fields(unnamed: &Unnamed) -> String {
    let fields: Vec<String> = unnamed.fields.iter().map(|field| format!("`{field}`")).collect();
    fields.join(" and ")
}

/// A claim of a form, with what the rule says of it.
struct Claim {
    name: &'static str,
    said: Option<Wildcards>,
    is_name: bool,
}

impl PlannedSubjects {
    /// The subjects for a rule on tokens of the issuer with this URL.
    pub fn of<G>(rule: &Rule<G>, preset: &Preset, issuer: &str) -> Result<Self, Unplannable> {
        if let Some(written) = of_subject(rule) {
            return written;
        }
        let asked = Asked { conditions: &rule.conditions, issuer };
        let groups = preset.subjects.iter();
        let forms = groups.filter_map(|group| group.iter().find(|form| (form.when)(&asked)));
        let forms: Vec<&SubjectTemplate> = forms.collect();
        let is_shared = preset.urls.tenancy(issuer) != Some(Tenancy::Single);
        let mut planned = Self::empty();
        // What one form hides is not seen, whatever the other shows.
        let mut shown: Option<BTreeSet<&str>> = None;
        let most = limits::PLANNED_SUBJECTS / forms.len().max(1);
        for form in forms {
            if let Some(fields) = missing(form, &asked, preset).filter(|_| is_shared) {
                planned.left_out.push(Unnamed { form: form.form(), fields });
                continue;
            }
            let by_form = planned.add(form, rule, (is_shared, most))?;
            shown = Some(match shown {
                Some(shown) => shown.intersection(&by_form).copied().collect(),
                None => by_form,
            });
        }
        if planned.texts.is_empty() {
            let unnamed = planned.left_out.into_iter().next();
            return Err(unnamed.map_or(Unplannable::Formless, Unplannable::Unnamed));
        }
        planned.unseen = unseen(rule, &shown.unwrap_or_default());
        Ok(planned)
    }

    /// Whether Octopus would take tokens that the rule does not.
    pub fn is_broader(&self) -> bool {
        !self.widened.is_empty() || !self.unseen.is_empty()
    }

    const fn empty() -> Self {
        Self {
            texts: Vec::new(),
            widened: Vec::new(),
            unseen: Vec::new(),
            folded: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The subjects of one form; the claims that they show.
    fn add<G>(
        &mut self,
        form: &SubjectTemplate,
        rule: &Rule<G>,
        (is_shared, most): (bool, usize),
    ) -> Result<BTreeSet<&'static str>, Unplannable> {
        let mut claims = claims(form, rule, is_shared);
        while count(&claims) > most {
            let needed = count(&claims);
            let folded = fold(&mut claims).ok_or(Unplannable::TooMany(needed))?;
            note(&mut self.folded, folded);
        }
        for claim in &claims {
            if claim.said.as_ref().is_some_and(|said| said.is_widened) {
                note(&mut self.widened, claim.name);
            }
        }
        for text in texts(form.parts, &claims) {
            if !self.texts.contains(&text) {
                self.texts.push(text);
            }
        }
        let shown = claims.iter().filter(|claim| claim.said.is_some());
        Ok(shown.map(|claim| claim.name).collect())
    }
}

/// What the rule itself says of `sub`. Several conditions on it are taken together where they are
/// alike but for the segments of which they say nothing.
fn of_subject<G>(rule: &Rule<G>) -> Option<Result<PlannedSubjects, Unplannable>> {
    let of_sub = rule.conditions.iter().filter(|condition| condition.claim.to_string() == "sub");
    let said = of_sub.filter_map(|condition| condition.test.wildcards());
    let said = said.reduce(|one, other| both(&one, &other).unwrap_or(one))?;
    let is_anybody = |text: &String| text.chars().all(|character| "*?:/".contains(character));
    if said.patterns.iter().any(is_anybody) {
        return Some(Err(Unplannable::Anybody));
    }
    if said.patterns.len() > limits::PLANNED_SUBJECTS {
        return Some(Err(Unplannable::TooMany(said.patterns.len())));
    }
    let mut planned = PlannedSubjects::empty();
    if said.is_widened {
        note(&mut planned.widened, "sub");
    }
    planned.texts = said.patterns;
    planned.unseen = unseen(rule, &BTreeSet::from(["sub"]));
    Some(Ok(planned))
}

/// What passes two tests, each of one pattern: of each segment what one of them says.
fn both(one: &Wildcards, other: &Wildcards) -> Option<Wildcards> {
    let narrow = |one: &Wildcards, other: &Wildcards| {
        let [wide] = one.patterns.as_slice() else { return None };
        other.patterns.iter().all(|pattern| covers(wide, pattern)).then(|| other.clone())
    };
    if let Some(narrow) = narrow(one, other).or_else(|| narrow(other, one)) {
        return Some(narrow);
    }
    let ([first], [second]) = (one.patterns.as_slice(), other.patterns.as_slice()) else {
        return None;
    };
    if first.matches('/').count() != second.matches('/').count() {
        return None;
    }
    let segments = first.split('/').zip(second.split('/')).map(|pair| match pair {
        ("*", segment) | (segment, "*") => Some(segment),
        (one, other) => (one == other).then_some(one),
    });
    let segments: Vec<&str> = segments.collect::<Option<_>>()?;
    Some(Wildcards { patterns: vec![segments.join("/")], is_widened: true })
}

/// The fields to write so that a form says whose token it is; `None` if the rule has enough.
fn missing(
    form: &SubjectTemplate,
    asked: &Asked<'_>,
    preset: &Preset,
) -> Option<Vec<&'static str>> {
    let is_pinned = |claim: &&&str| {
        asked.conditions.iter().any(|condition| {
            condition.claim.to_string() == ***claim && condition.test.wildcards().is_some()
        })
    };
    let lacking = form.names.iter().map(|set| {
        let lacking = set.iter().filter(|claim| !is_pinned(claim));
        lacking.map(|claim| preset.field_of(claim).map_or(*claim, |field| field.name)).collect()
    });
    let least: Option<Vec<&str>> = lacking.min_by_key(Vec::len);
    least.filter(|lacking| !lacking.is_empty())
}

fn claims<G>(form: &SubjectTemplate, rule: &Rule<G>, is_shared: bool) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for name in form.parts.iter().filter_map(Part::claim) {
        if claims.iter().any(|claim| claim.name == name) {
            continue;
        }
        let is_name = is_shared && form.names.iter().any(|set| set.contains(&name));
        claims.push(Claim { name, said: said(rule, name), is_name });
    }
    claims
}

/// What a rule says of a claim: of several conditions the one with the fewest values.
fn said<G>(rule: &Rule<G>, claim: &str) -> Option<Wildcards> {
    let conditions = rule.conditions.iter().filter(|it| it.claim.to_string() == claim);
    let said = conditions.filter_map(|condition| condition.test.wildcards());
    said.min_by_key(|said| (said.is_widened, said.patterns.len()))
}

/// How many subjects the values make.
fn count(claims: &[Claim]) -> usize {
    let lengths = claims.iter().filter_map(|claim| claim.said.as_ref());
    lengths.fold(1, |product: usize, said| product.saturating_mul(said.patterns.len()))
}

/// Puts a wildcard in the place of the longest list: behind what its values have in common. What
/// says whose token it is keeps its first segment, or can't be folded.
fn fold(claims: &mut [Claim]) -> Option<&'static str> {
    let lists = claims.iter_mut().filter_map(|claim| {
        let said = claim.said.as_mut().filter(|said| said.patterns.len() > 1)?;
        let common = common_start(&said.patterns);
        let is_bounded = !claim.is_name || common.contains('/');
        is_bounded.then_some((claim.name, common, said))
    });
    let (name, common, said) = lists.max_by_key(|(_, _, said)| said.patterns.len())?;
    *said = Wildcards { patterns: vec![format!("{common}*")], is_widened: true };
    Some(name)
}

fn common_start(texts: &[String]) -> String {
    let start = |one: String, other: &String| {
        let pairs = one.chars().zip(other.chars());
        pairs.take_while(|(one, other)| one == other && *one != '*').map(|(one, _)| one).collect()
    };
    let first = texts.first().cloned().unwrap_or_default();
    texts.iter().fold(first, start)
}

/// Every text that the values make; a claim that stands twice has one value in each.
fn texts(parts: &[Part], claims: &[Claim]) -> Vec<String> {
    let mut chosen: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
    for claim in claims {
        let Some(said) = &claim.said else { continue };
        chosen = chosen
            .iter()
            .flat_map(|choice| {
                said.patterns.iter().map(move |pattern| {
                    let mut choice = choice.clone();
                    choice.push((claim.name, pattern.as_str()));
                    choice
                })
            })
            .collect();
    }
    let text = |choice: &Vec<(&str, &str)>| {
        let written = parts.iter().map(|part| {
            let value = part.claim().and_then(|name| choice.iter().find(|(it, _)| *it == name));
            part.written(value.map(|(_, value)| *value))
        });
        written.collect::<String>()
    };
    chosen.iter().map(text).collect()
}

/// The claims of a rule's conditions that no subject shows.
fn unseen<G>(rule: &Rule<G>, shown: &BTreeSet<&str>) -> Vec<String> {
    let mut unseen = Vec::new();
    let has_ref = shown.contains("ref") || shown.contains("ref_path");
    for condition in &rule.conditions {
        let claim = condition.claim.to_string();
        let is_shown = shown.contains(claim.as_str()) || (has_ref && claim == "ref_type");
        // What must not be there, or may be missing, is shown by nothing and missed by nobody.
        if !is_shown && !matches!(condition.test, Test::Absent | Test::Empty) {
            note(&mut unseen, &claim);
        }
    }
    unseen
}

fn note(claims: &mut Vec<String>, claim: &str) {
    if !claims.iter().any(|noted| noted == claim) {
        claims.push(claim.to_owned());
    }
}

#[cfg(test)]
mod tests;
