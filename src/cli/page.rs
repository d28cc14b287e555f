//! A page for people: headings, fields and marked lines, within 100 columns, in colour on a
//! terminal. What comes from a token or a caller is escaped here, and nowhere else.

use std::io::IsTerminal;
use std::ops::RangeInclusive;

use super::Environment;
use crate::telemetry::escaped;

/// No line is longer, but for a word that is to be copied whole.
const COLUMNS: usize = 100;

/// Width of a label, at least and at most; a longer one pushes its value on.
const LABEL: RangeInclusive<usize> = 10..=30;

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Page {
    lines: Vec<String>,
    /// Width of the section's labels.
    label: usize,
    is_colourful: bool,
}

/// What stands in front of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Good,
    Bad,
    /// It fails, and does not count.
    Note,
    /// Nothing was done.
    Blank,
}

impl Mark {
    const fn sign(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("✓", "32"),
            Self::Bad => ("✗", "31"),
            Self::Note => ("!", "33"),
            Self::Blank => ("·", "2"),
        }
    }
}

impl Page {
    /// In colour if stdout is a terminal and nobody says otherwise.
    pub(super) fn new(environment: Environment<'_>) -> Self {
        let no_colour = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_colourful = std::io::stdout().is_terminal() && !no_colour;
        Self { lines: Vec::new(), label: *LABEL.start(), is_colourful }
    }

    /// The outcome, at the top.
    pub(super) fn verdict(&mut self, mark: Mark, word: &str, sentence: &str) {
        let (sign, colour) = mark.sign();
        let word = self.painted(&format!("{sign} {}", escaped(word)), &format!("1;{colour}"));
        self.lines.push(word);
        self.paragraph(2, sentence);
    }

    /// An empty line and a title; below it, these labels stand in one column.
    pub(super) fn heading<'a>(&mut self, title: &str, labels: impl IntoIterator<Item = &'a str>) {
        let widest = labels.into_iter().map(|label| label.chars().count()).max();
        self.label = widest.unwrap_or_default().clamp(*LABEL.start(), *LABEL.end());
        let title = self.painted(title, "1");
        self.lines.push(String::new());
        self.lines.push(title);
    }

    /// `label   value`
    pub(super) fn field(&mut self, label: &str, value: &str) {
        let (label, width) = (escaped(label), self.label);
        self.hanging(&format!("  {label:<width$}  "), 2 + width + 2, value);
    }

    /// `label   value`, whose value is never broken: it is to be copied.
    pub(super) fn whole(&mut self, label: &str, value: &str) {
        let width = self.label;
        self.lines.push(format!("  {:<width$}  {}", escaped(label), escaped(value)));
    }

    /// `✓ label   text`
    pub(super) fn marked(&mut self, mark: Mark, label: &str, text: &str) {
        let (sign, colour) = mark.sign();
        let sign = self.painted(sign, colour);
        let (label, width) = (escaped(label), self.label);
        self.signed(&sign, &format!("{label:<width$}  "), text);
    }

    /// `! text`
    pub(super) fn note(&mut self, text: &str) {
        self.listed(Mark::Note, text);
    }

    /// `✓ text`
    pub(super) fn listed(&mut self, mark: Mark, text: &str) {
        let (sign, colour) = mark.sign();
        let sign = self.painted(sign, colour);
        self.signed(&sign, "", text);
    }

    /// `+ noun   about`, in the sign's colour.
    pub(super) fn change(&mut self, sign: char, noun: &str, about: &str) {
        let (width, about) = (self.label, escaped(about));
        self.diff(sign, &format!("  {sign} {noun:<width$}  {about}"));
    }

    /// `+   label   value` below a change, whole: it is to be copied.
    pub(super) fn detail(&mut self, sign: char, label: &str, value: &str) {
        let (width, value) = (self.label, escaped(value));
        self.diff(sign, &format!("    {sign} {label:<width$}  {value}"));
    }

    fn diff(&mut self, sign: char, line: &str) {
        let colour = match sign {
            '+' => "32",
            '~' => "33",
            '-' => "31",
            _ => "2",
        };
        let line = self.painted(line.trim_end(), colour);
        self.lines.push(line);
    }

    /// What belongs to the marked line above.
    pub(super) fn below(&mut self, text: &str) {
        self.paragraph(4 + self.label + 2, text);
    }

    /// Text, `indent` columns in.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        self.hanging(&" ".repeat(indent), indent, text);
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.lines.join("\n")
    }

    /// The sign goes in last: its colour has no width.
    fn signed(&mut self, sign: &str, label: &str, text: &str) {
        let before = self.lines.len();
        self.hanging(&format!("  \0 {label}"), 4 + label.chars().count(), text);
        if let Some(line) = self.lines.get_mut(before) {
            *line = line.replacen('\0', sign, 1);
        }
    }

    fn hanging(&mut self, start: &str, indent: usize, text: &str) {
        let text = escaped(text);
        let mut line = start.to_owned();
        let mut is_fresh = true;
        for word in text.split(' ') {
            for piece in pieces(word, COLUMNS - indent) {
                let width = line.chars().count() + piece.chars().count() + usize::from(!is_fresh);
                if width > COLUMNS && !is_fresh {
                    self.lines.push(line.trim_end().to_owned());
                    line = " ".repeat(indent);
                    is_fresh = true;
                }
                if !is_fresh {
                    line.push(' ');
                }
                line.push_str(&piece);
                is_fresh = false;
            }
        }
        self.lines.push(line.trim_end().to_owned());
    }

    fn painted(&self, text: &str, colour: &str) -> String {
        if self.is_colourful { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A word in pieces that fit.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    characters.chunks(width).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page { lines: Vec::new(), label: 10, is_colourful: false }
    }

    #[test]
    fn lines_end_within_the_columns() {
        let mut page = page();
        page.field("subject", &"a".repeat(250));
        page.marked(Mark::Bad, "times", &"some words that go on ".repeat(20));
        page.paragraph(4, &"x ".repeat(200));

        for line in page.finish().lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn colour_is_for_signs_and_titles_alone() {
        let mut page = Page { is_colourful: true, ..page() };
        page.verdict(Mark::Bad, "refused", "why");
        page.heading("rules", []);
        page.marked(Mark::Good, "web", "text");

        let lines = page.finish();
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[0], "\u{1b}[1;31m✗ refused\u{1b}[0m");
        assert_eq!(lines[3], "\u{1b}[1mrules\u{1b}[0m");
        assert_eq!(lines[4], "  \u{1b}[32m✓\u{1b}[0m web         text");
    }

    #[test]
    fn what_is_to_be_copied_stays_whole() {
        let mut page = page();
        let subject = "repo:acme/".repeat(30);
        page.whole("subject", &subject);

        assert!(page.finish().contains(&subject));
    }

    #[test]
    fn a_value_can_t_steer_the_terminal() {
        let mut page = page();
        page.field("a\u{1b}[2J", "b\nc\u{202e}");
        page.marked(Mark::Good, "x", "\u{7}\0");

        let text = page.finish();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}', '\0']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}
