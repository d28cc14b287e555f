//! What is wrong with a configuration: where, and what to write instead.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::lints::Lint;
use super::yaml::Place;

/// Problems printed; the rest is counted. A file that is wrong a hundred times over is another
/// file than the operator meant.
const SHOWN: usize = 100;

/// Everything that is wrong with a configuration, at once. Displayed as one problem a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    files: Vec<PathBuf>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is taken; something is dangerous or probably not meant.
    Warning,
    /// Something to know.
    Info,
}

/// One thing that was found in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The lint that found it, such as `SUB1`; `None` if the file can't be read as meant.
    pub id: Option<&'static str>,
    /// How grave it is.
    pub severity: Severity,
    /// The file; empty if none was found.
    pub file: PathBuf,
    /// From 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// In characters, from 1; 0 if it is about the file as a whole.
    pub column: usize,
    /// The key, such as `rules[2].claims.repository.glob`; empty at the top.
    pub path: String,
    /// What is wrong and what to write instead. A value that came from the environment is not
    /// shown, unless it is the path of a file.
    pub sentence: String,
}

impl Severity {
    /// `error`, `warning` or `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl ConfigError {
    /// A problem with flags that stand in the place of a file.
    pub fn of_flags(sentence: &str) -> Self {
        Self::whole_file(Path::new(""), sentence.to_owned())
    }

    /// The same of flags that stand in the place of a file: a problem with a key is one with the
    /// flag that gives it.
    #[must_use]
    pub fn by_flags(mut self, flags: &[(&str, &str)]) -> Self {
        self.problems.iter_mut().for_each(|problem| problem.name_flag(flags));
        self
    }

    /// A problem with the file as a whole.
    pub(super) fn whole_file(file: &Path, sentence: String) -> Self {
        let place = Place { line: 0, column: 0, path: String::new() };
        let mut problems = Problems::new(file);
        problems.add(&place, sentence);
        problems.into_error()
    }

    /// The problems, sorted by line and column; at least one.
    pub fn problems(&self) -> &[Finding] {
        &self.problems
    }

    /// The files that the configuration names and that were read, or should have been: a change of
    /// one of them may be the cure.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was found beside the problems and would not be one, sorted alike.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }
}

impl Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(formatter, "{line_end}{problem}")?;
        }
        match self.problems.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(formatter, "\nand {more} more"),
        }
    }
}

impl Finding {
    /// Names the flag that gives the key, of these, and no place in a file.
    pub fn name_flag(&mut self, flags: &[(&str, &str)]) {
        (self.file, self.line, self.column) = (PathBuf::new(), 0, 0);
        if let Some((_, flag)) = flags.iter().find(|(key, _)| *key == self.path) {
            self.path = (*flag).to_owned();
        }
    }

    /// `file:line:column`, as far as they are known; fit for a terminal.
    pub fn place(&self) -> String {
        let file = printable(&self.file.to_string_lossy());
        match self.line {
            0 => file,
            line => format!("{file}:{line}:{}", self.column),
        }
    }

    /// `key: sentence`; fit for a terminal.
    pub fn text(&self) -> String {
        let sentence = printable(&self.sentence);
        match self.path.as_str() {
            "" => sentence,
            path => format!("{}: {sentence}", printable(path)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(formatter, "{}: ", self.place())?;
        }
        if let Some(id) = self.id {
            write!(formatter, "{}[{id}]: ", self.severity.as_str())?;
        }
        formatter.write_str(&self.text())
    }
}

/// Takes in what is found, problems and warnings.
pub(super) struct Problems {
    file: PathBuf,
    found: Vec<Finding>,
    /// The files that were read on the way.
    files: Vec<PathBuf>,
}

impl Problems {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), found: Vec::new(), files: Vec::new() }
    }

    /// A problem that no lint is named for.
    pub(super) fn add(&mut self, place: &Place, sentence: impl Into<String>) {
        self.note(None, Severity::Error, place, sentence.into());
    }

    /// What a lint found.
    pub(super) fn add_lint(
        &mut self,
        lint: &'static Lint,
        place: &Place,
        sentence: impl Into<String>,
    ) {
        self.note(Some(lint.id), lint.severity, place, sentence.into());
    }

    fn note(
        &mut self,
        id: Option<&'static str>,
        severity: Severity,
        place: &Place,
        sentence: String,
    ) {
        self.found.push(Finding {
            id,
            severity,
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            path: place.path.clone(),
            sentence,
        });
    }

    /// Notes that what is built depends on the content of a file.
    pub(super) fn reads(&mut self, file: &Path) {
        if !self.files.iter().any(|known| known == file) {
            self.files.push(file.to_owned());
        }
    }

    /// The files that were read so far.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What was built and what was found beside it, if nothing was wrong with it.
    pub(super) fn finish<T>(self, built: Option<T>) -> Result<(T, Vec<Finding>), ConfigError> {
        let error = self.into_error();
        debug_assert!(built.is_some() || !error.problems.is_empty(), "nothing built, nothing said");
        match built {
            Some(built) if error.problems.is_empty() => Ok((built, error.warnings)),
            _ => Err(error),
        }
    }

    fn into_error(self) -> ConfigError {
        let files = self.files;
        let mut found = self.found;
        found.sort_by_key(|finding| (finding.line, finding.column));
        // A key that is misspelt is found as unknown, and by whoever misses it.
        found.dedup();
        let is_problem = |finding: &Finding| finding.severity == Severity::Error;
        let (problems, warnings) = found.into_iter().partition(is_problem);
        ConfigError { problems, warnings, files }
    }
}

/// Control characters and those that turn the direction of writing are escaped: a terminal shall
/// show what stands in the file, and nothing else.
fn printable(text: &str) -> String {
    let is_odd = |character: char| {
        character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if is_odd(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(count: usize) -> ConfigError {
        let mut problems = Problems::new(Path::new("octobroker.yaml"));
        for line in (1..=count).rev() {
            let place = Place { line, column: 5, path: format!("rules[{line}]") };
            problems.add(&place, "is wrong");
        }
        problems.into_error()
    }

    #[test]
    fn one_problem_is_one_line_and_lines_are_in_order() {
        let shown = problems(2).to_string();

        assert_eq!(
            shown,
            "octobroker.yaml:1:5: rules[1]: is wrong\noctobroker.yaml:2:5: rules[2]: is wrong"
        );
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let shown = problems(SHOWN + 7).to_string();

        assert_eq!(shown.lines().count(), SHOWN + 1);
        assert!(shown.ends_with("\nand 7 more"));
    }

    #[test]
    fn a_problem_with_the_whole_file_has_no_line() {
        let error = ConfigError::whole_file(Path::new("a.yaml"), "is empty".to_owned());

        assert_eq!(error.to_string(), "a.yaml: is empty");
    }

    #[test]
    fn nothing_in_a_file_steers_the_terminal() {
        let place = Place { line: 1, column: 1, path: "a\u{1b}[2J".to_owned() };
        let mut problems = Problems::new(Path::new("a\nb"));
        problems.add(&place, "\u{202e}x");

        let shown = problems.into_error().to_string();

        assert_eq!(shown, "a\\u{a}b:1:1: a\\u{1b}[2J: \\u{202e}x");
    }
}
