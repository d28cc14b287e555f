//! What the value of a field means for its claim: `main` for `refs/heads/main`, and the like.

use crate::trust::presets::{Field, Reading};
use crate::trust::{Glob, Test};

/// Reports values that are nothing of the kind.
pub(super) fn check_form(test: &Test, field: Field) -> Result<(), String> {
    match field.form {
        Some(form) if !test.values().iter().all(|value| (form.fits)(value)) => {
            Err(format!("is no {}; write {}", field.name.replace('_', " "), form.advice))
        }
        _ => Ok(()),
    }
}

/// The condition on the claim that a condition on the field means.
pub(super) fn condition(
    test: Test,
    field: Field,
    separators: &'static str,
) -> Result<Test, String> {
    match field.reading {
        Reading::Plain | Reading::Switch => Ok(test),
        Reading::Listed => match test {
            Test::Exact(_) | Test::OneOf(_) => Ok(test),
            _ => Err(format!("is a list of accepted values, such as `{}: [push]`", field.name)),
        },
        Reading::AnyCase => match test {
            Test::Exact(_) | Test::OneOf(_) | Test::NotOneOf(_) | Test::Glob(_) => {
                let lower = each(&test, &|value| Ok(value.to_ascii_lowercase()), separators)?;
                Ok(Test::AnyCase { lower: Box::new(lower), spelled: Box::new(test) })
            }
            _ => Ok(test),
        },
        Reading::Prefixed(prefix) => {
            let name = field.name;
            each(&test, &|value| prefixed(value, prefix, name), separators)
        }
        Reading::PrefixedName(prefix) => {
            let full = |value: &str| {
                let is_whole = value.starts_with('/') || value.starts_with(prefix);
                if is_whole { value.to_owned() } else { format!("{prefix}{value}") }
            };
            each(&test, &|value| Ok(full(value)), separators)
        }
        Reading::Held => match test {
            Test::Exact(value) => Ok(Test::Contains(vec![value])),
            Test::OneOf(values) => Ok(Test::Contains(values)),
            Test::Contains(_) | Test::Absent => Ok(test),
            _ => Err(format!("takes a value, or a list of values that `{}` all hold", field.claim)),
        },
        Reading::Braced => match test {
            Test::Glob(_) | Test::Absent => Ok(test),
            _ => each(&test, &|value| Ok(braced(value)), separators),
        },
        Reading::Within(pattern) => {
            let globs = test.values().iter().map(|value| {
                let is_part = !value.is_empty()
                    && !value.contains(|character| separators.contains(character));
                if is_part {
                    Ok(pattern.replace("{}", &escaped(value)))
                } else {
                    Err(format!("is no {}: it is empty, or has parts", field.name))
                }
            });
            any_of(globs, separators)
        }
        Reading::WorkflowIn(folder) => {
            let globs = test.values().iter().map(|value| {
                let file = value.strip_prefix(folder).unwrap_or(value);
                if value.contains('@') {
                    Ok(escaped(value))
                } else if file.contains('/') {
                    Err(format!("is no workflow of {folder}; write the name of its file"))
                } else {
                    // The ref begins here: a file that is named `deploy.yml@x.yml` is another.
                    Ok(format!("*/*/{folder}{}@refs/**", escaped(file)))
                }
            });
            if let Test::Glob(_) = test { Ok(test) } else { any_of(globs, separators) }
        }
        Reading::PartOfSubject(key) => {
            Ok(Test::PartOfSubject { key: key.to_owned(), test: Box::new(test) })
        }
    }
}

/// The test with each of its values changed.
fn each(
    test: &Test,
    change: &dyn Fn(&str) -> Result<String, String>,
    separators: &'static str,
) -> Result<Test, String> {
    let all = |values: &[String]| -> Result<Vec<String>, String> {
        values.iter().map(|value| change(value)).collect()
    };
    Ok(match test {
        Test::Exact(value) => Test::Exact(change(value)?),
        Test::OneOf(values) => Test::OneOf(all(values)?),
        Test::NotOneOf(values) => Test::NotOneOf(all(values)?),
        Test::Glob(globs) => {
            let changed = globs.iter().map(|glob| {
                Glob::new(&change(glob.as_str())?, separators).map_err(|error| error.to_string())
            });
            Test::Glob(changed.collect::<Result<_, _>>()?)
        }
        _ => return Err("takes a value, `one_of`, `not_one_of` or `glob`".to_owned()),
    })
}

/// `main` and `refs/heads/main` are the same branch; `refs/tags/v1` is none.
fn prefixed(value: &str, prefix: &str, field: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err(format!("is empty; write the {field}'s name"));
    }
    if value.starts_with(prefix) {
        return Ok(value.to_owned());
    }
    if value.starts_with("refs/") {
        return Err(format!("is no {field}; write its name without {prefix}"));
    }
    if value.contains(' ') {
        // git-check-ref-format(1).
        return Err(format!(
            "is no {field}, for the name of none holds a space; write several as `one_of: [a, b]`"
        ));
    }
    Ok(format!("{prefix}{value}"))
}

fn braced(value: &str) -> String {
    if value.is_empty() || value.starts_with('{') {
        value.to_owned()
    } else {
        format!("{{{value}}}")
    }
}

/// One of some patterns.
fn any_of(
    patterns: impl Iterator<Item = Result<String, String>>,
    separators: &'static str,
) -> Result<Test, String> {
    let globs = patterns
        .map(|pattern| Glob::new(&pattern?, separators).map_err(|error| error.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    if globs.is_empty() {
        return Err("takes a value or `one_of`".to_owned());
    }
    Ok(Test::Glob(globs))
}

/// A text as a pattern that only it matches.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, character| {
        if "*?\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
        pattern
    })
}
