//! `octobroker check`: what is wrong with a configuration, and what may be, without any network.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::explain::safe;
use super::page::Page;
use super::rule_tests::RuleTestRun;
use super::{ConfigFlag, Environment, Exit, Output, print};
use crate::config::{Config, ConfigError, Finding, Severity, load_rule_tests};

/// How to check.
#[derive(Debug, Args)]
pub(super) struct CheckFlags {
    #[command(flatten)]
    config: ConfigFlag,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// Judge the rule tests in this file; may be given several times.
    #[arg(long = "test", value_name = "FILE")]
    tests: Vec<PathBuf>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
}

/// What was found, and the counts of what was built if it was.
struct Report {
    file: String,
    is_ok: bool,
    findings: Vec<Finding>,
    counts: Option<[(&'static str, usize); 3]>,
}

impl CheckFlags {
    /// Checks, and says it on stdout.
    pub(super) fn run(&self, environment: Environment<'_>) -> Exit {
        match self.config.load(environment) {
            Ok(config) if self.tests.is_empty() => self.tell(&self.approve(&config), environment),
            Ok(config) => self.test(&config, environment),
            Err(error) => self.tell(&Report::refusal(&error), environment),
        }
    }

    fn tell(&self, report: &Report, environment: Environment<'_>) -> Exit {
        let written = match self.output {
            Output::Json => print(&report.json().to_string()),
            Output::Human => print(&report.human(paint(environment))),
        };
        match written {
            Exit::Ok if !report.is_ok => Exit::Configuration,
            written => written,
        }
    }

    /// Judges the tests, if the configuration and their files are sound.
    fn test(&self, config: &Config, environment: Environment<'_>) -> Exit {
        let report = self.approve(config);
        if !report.is_ok {
            return self.tell(&report, environment);
        }
        let mut runs = Vec::new();
        for file in &self.tests {
            let run =
                load_rule_tests(file, config).map(|tests| RuleTestRun::of(&tests, config.clone()));
            match run {
                Ok(Ok(run)) => runs.push((file.display().to_string(), run)),
                Ok(Err(exit)) => return exit,
                Err(error) => return self.tell(&Report::refusal(&error), environment),
            }
        }
        let is_ok = runs.iter().all(|(_, run)| run.is_ok());
        let written = match self.output {
            Output::Json => {
                let tests: Vec<Value> = runs.iter().map(|(file, run)| run.json(file)).collect();
                let mut document = report.json();
                if let Some(members) = document.as_object_mut() {
                    members.insert("ok".to_owned(), json!(is_ok));
                    members.insert("rule_tests".to_owned(), json!(tests));
                }
                print(&safe(&document.to_string()))
            }
            Output::Human => {
                let mut page = Page::new(environment);
                for (file, run) in &runs {
                    run.write(file, &mut page);
                }
                print(&format!("{}\n{}", report.human(paint(environment)), page.finish()))
            }
        };
        match written {
            Exit::Ok if !is_ok => Exit::Failure,
            written => written,
        }
    }

    fn approve(&self, config: &Config) -> Report {
        let is_warning = |finding: &Finding| finding.severity == Severity::Warning;
        Report {
            file: config.path.display().to_string(),
            is_ok: !(self.strict && config.findings.iter().any(is_warning)),
            counts: Some([
                ("issuers", config.issuers.len()),
                ("service_accounts", config.service_accounts.len()),
                ("rules", config.rules.len()),
            ]),
            findings: config.findings.clone(),
        }
    }
}

impl Report {
    fn refusal(error: &ConfigError) -> Self {
        let mut findings = [error.problems(), error.warnings()].concat();
        findings.sort_by_key(|finding| (finding.line, finding.column));
        let file =
            findings.first().map_or_else(String::new, |finding| finding.file.display().to_string());
        Self { file, is_ok: false, findings, counts: None }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn json(&self) -> Value {
        let of = |finding: &Finding| {
            json!({
                "id": finding.id,
                "severity": finding.severity.as_str(),
                "file": finding.file.display().to_string(),
                "line": finding.line,
                "column": finding.column,
                "key": finding.path,
                "message": finding.sentence,
            })
        };
        let findings: Vec<Value> = self.findings.iter().map(of).collect();
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        let problems: Vec<Value> = self.findings.iter().filter(is_error).map(of).collect();
        let mut report = json!({ "ok": self.is_ok, "problems": problems, "findings": findings });
        if let (Some(counts), Some(report)) = (self.counts, report.as_object_mut()) {
            let counts = counts.map(|(name, count)| (name.to_owned(), json!(count)));
            report.insert("counts".to_owned(), Value::Object(counts.into_iter().collect()));
        }
        report
    }

    /// A line for each finding, and one that sums up.
    fn human(&self, paint: fn(Severity, &str) -> String) -> String {
        let mut lines: Vec<String> =
            self.findings.iter().map(|finding| line(finding, paint)).collect();
        let verdict = match (self.is_ok, self.counts) {
            (true, _) => "ok",
            (false, Some(_)) => "not ok, for --strict takes no warnings",
            (false, None) => "not ok",
        };
        let mut counts: Vec<String> = self
            .counts
            .iter()
            .flatten()
            .map(|(name, count)| counted(*count, name.replace('_', " ").trim_end_matches('s')))
            .collect();
        let severities = [Severity::Error, Severity::Warning, Severity::Info];
        let found = severities.map(|severity| (self.count(severity), severity.as_str()));
        let found = found.iter().filter(|(count, _)| *count > 0);
        counts.extend(found.map(|(count, name)| counted(*count, name)));
        let file = if self.file.is_empty() { "octobroker" } else { &self.file };
        lines.push(format!("{file}: {verdict} ({})", counts.join(", ")));
        lines.join("\n")
    }
}

/// `file:line:column: warning[SUB3]: key: sentence`.
fn line(finding: &Finding, paint: fn(Severity, &str) -> String) -> String {
    let severity = finding.severity.as_str();
    let kind = match finding.id {
        Some(id) => format!("{severity}[{id}]"),
        None => severity.to_owned(),
    };
    let kind = paint(finding.severity, &kind);
    match finding.place().as_str() {
        "" => format!("{kind}: {}", finding.text()),
        place => format!("{place}: {kind}: {}", finding.text()),
    }
}

/// `1 rule`, `2 rules`.
fn counted(count: usize, name: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {name}{plural}")
}

/// Colour, if stdout is a terminal whose user has not said no.
fn paint(environment: Environment<'_>) -> fn(Severity, &str) -> String {
    let is_plain = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_plain || !std::io::stdout().is_terminal() {
        return |_, text| text.to_owned();
    }
    |severity, text| {
        let colour = match severity {
            Severity::Error => 31,
            Severity::Warning => 33,
            Severity::Info => 36,
        };
        format!("\u{1b}[1;{colour}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn finding(id: Option<&'static str>, severity: Severity) -> Finding {
        Finding {
            id,
            severity,
            file: PathBuf::from("a.yaml"),
            line: 3,
            column: 7,
            path: "rules[0].name".to_owned(),
            sentence: "is \u{1b}[31m wrong".to_owned(),
        }
    }

    #[test]
    fn a_line_has_place_severity_id_key_and_sentence() {
        let plain = |_: Severity, text: &str| text.to_owned();
        let painted = |severity: Severity, text: &str| format!("<{}>{text}</>", severity.as_str());

        assert_eq!(
            line(&finding(Some("SUB3"), Severity::Warning), plain),
            "a.yaml:3:7: warning[SUB3]: rules[0].name: is \\u{1b}[31m wrong"
        );
        assert_eq!(
            line(&finding(None, Severity::Error), painted),
            "a.yaml:3:7: <error>error</>: rules[0].name: is \\u{1b}[31m wrong"
        );
    }

    #[test]
    fn the_last_line_sums_up() {
        let report = |is_ok: bool, counts| Report {
            file: "a.yaml".to_owned(),
            is_ok,
            findings: vec![finding(Some("A"), Severity::Warning), finding(None, Severity::Info)],
            counts,
        };
        let last = |report: Report| {
            let human = report.human(|_, text| text.to_owned());
            human.lines().last().unwrap_or_default().to_owned()
        };
        let counts = Some([("issuers", 1), ("service_accounts", 2), ("rules", 0)]);

        assert_eq!(
            last(report(true, counts)),
            "a.yaml: ok (1 issuer, 2 service accounts, 0 rules, 1 warning, 1 info)"
        );
        assert!(last(report(false, counts)).starts_with("a.yaml: not ok, for --strict takes no"));
        assert_eq!(last(report(false, None)), "a.yaml: not ok (1 warning, 1 info)");
    }
}
