//! The placeholders of the table.
//!
//! `{NAME}` stands for an environment variable that must be set, `{NAME|default}` for one that may
//! be, `{audience}` for the wanted audience, which may also be a default. An empty variable counts as
//! unset, as CI systems pass on undefined ones.

use std::borrow::Cow;

/// What placeholders stand for.
pub(super) struct Values<'a> {
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) audience: &'a str,
}

/// The variable that is not set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unset<'t>(pub(super) &'t str);

impl Values<'_> {
    /// A variable, if it holds something.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }

    /// The template with its placeholders filled in. What is filled in is not looked at again.
    pub(super) fn fill<'t>(&self, template: &'t str) -> Result<String, Unset<'t>> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, name, behind)) = next_placeholder(rest) {
            text.push_str(before);
            text.push_str(&self.value(name)?);
            rest = behind;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn value<'t>(&self, placeholder: &'t str) -> Result<Cow<'_, str>, Unset<'t>> {
        if placeholder == "audience" {
            return Ok(self.audience.into());
        }
        let (name, default) = match placeholder.split_once('|') {
            Some((name, default)) => (name, Some(default)),
            None => (placeholder, None),
        };
        let value = self.variable(name).map(|value| value.trim().to_owned());
        let value = value.or_else(|| match default {
            Some("audience") => Some(self.audience.to_owned()),
            default => default.map(str::to_owned),
        });
        value.map(Cow::Owned).ok_or(Unset(name))
    }
}

/// The text before the first placeholder, what stands in its braces, and the text behind it.
fn next_placeholder(template: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = template.split_once('{')?;
    let (name, behind) = rest.split_once('}')?;
    Some((before, name, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once_and_missing_ones_are_named() {
        let environment = |name: &str| match name {
            "HOST" => Some("ci.example".to_owned()),
            "LOOP" => Some("{HOST}".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            _ => None,
        };
        let values = Values { environment: &environment, audience: "a{HOST}" };
        let rows = [
            ("plain", Ok("plain")),
            ("https://{HOST}/x", Ok("https://ci.example/x")),
            ("{HOST}{HOST}", Ok("ci.exampleci.example")),
            ("{LOOP}", Ok("{HOST}")),
            ("{audience}!", Ok("a{HOST}!")),
            ("{PORT|80}", Ok("80")),
            ("{EMPTY|x}", Ok("x")),
            ("{PORT|audience}", Ok("a{HOST}")),
            ("{HOST|x}", Ok("ci.example")),
            ("{PORT}", Err(Unset("PORT"))),
            ("{HOST}{EMPTY}", Err(Unset("EMPTY"))),
        ];
        for (template, expected) in rows {
            assert_eq!(values.fill(template), expected.map(str::to_owned), "{template}");
        }
    }
}
