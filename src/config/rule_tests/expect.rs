//! `expect:` of a rule test — what is to come of it.

use crate::config::Config;
use crate::config::nearest::suggestion;
use crate::config::problem::Problems;
use crate::config::reader::{Section, refuse, scalar, text};
use crate::config::rules::configured;
use crate::config::yaml::{Node, Value};
use crate::telemetry::Code;

/// What is to come of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It is let through; by this rule and as this account, if they are said.
    Allowed {
        /// The rule that decides.
        rule: Option<String>,
        /// Whom it makes the caller act as.
        service_account: Option<String>,
    },
    /// It is refused; with this code, if it is said.
    Refused(Option<Code>),
}

const KEYS: &[&str] = &["rule", "service_account", "refused"];

pub(super) fn read(node: &Node, config: &Config, problems: &mut Problems) -> Option<Expected> {
    match &node.value {
        Value::Scalar(_) => short(node, problems),
        _ => long(node, config, problems),
    }
}

fn short(node: &Node, problems: &mut Problems) -> Option<Expected> {
    let written = scalar(node, problems)?;
    match written.text.as_str() {
        "allowed" => Some(Expected::Allowed { rule: None, service_account: None }),
        "refused" => Some(Expected::Refused(None)),
        other => {
            let near = suggestion(other, ["allowed", "refused"]);
            let sentence = format!(
                "must be allowed, refused, `{{ rule: NAME }}` or `{{ refused: CODE }}`{near}"
            );
            refuse(node, sentence, problems);
            None
        }
    }
}

fn long(node: &Node, config: &Config, problems: &mut Problems) -> Option<Expected> {
    let section = Section::open(node, KEYS, problems)?;
    let rules: Vec<String> = config.rules.iter().map(|rule| rule.name.clone()).collect();
    let accounts: Vec<String> =
        config.service_accounts.iter().map(|account| account.name.clone()).collect();
    let (rule, account, refused) =
        (section.value("rule"), section.value("service_account"), section.value("refused"));
    match (rule, account, refused) {
        (None, None, None) => {
            let sentence = "says nothing; write `rule:`, `service_account:` or `refused:`";
            problems.add(&node.place, sentence);
            None
        }
        (None, None, Some(node)) => code(node, problems).map(|code| Expected::Refused(Some(code))),
        (_, _, Some(node)) => {
            let sentence = "what is refused acts by no rule and as nobody; remove one of them";
            problems.add(&node.place, sentence);
            None
        }
        (rule, account, None) => {
            let rule = rule.and_then(|node| configured(node, &rules, "rules", problems));
            let account =
                account.and_then(|node| configured(node, &accounts, "service_accounts", problems));
            Some(Expected::Allowed {
                rule: rule.map(str::to_owned),
                service_account: account.map(str::to_owned),
            })
        }
    }
}

fn code(node: &Node, problems: &mut Problems) -> Option<Code> {
    let written = text(node, problems)?;
    let found = Code::ALL.into_iter().find(|code| code.as_str() == written);
    if found.is_none() {
        let near = suggestion(written, Code::ALL.map(Code::as_str));
        let known = "; docs/errors.md lists them, such as no_rule_matched and request_not_allowed";
        let advice = if near.is_empty() { known } else { &near };
        refuse(node, format!("is no code{advice}"), problems);
    }
    found
}
