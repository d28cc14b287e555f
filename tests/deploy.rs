//! What is deployed beside the program says what the program says: alerts, dashboard and their
//! documentation name metrics, codes, keys and pages that are there. That the expressions mean something is
//! tested with Prometheus itself, by `deploy/prometheus/check.sh`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test a broken assumption is to end it"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use octobroker::telemetry::Code;
use serde_json::Value;

const RULES: &str = "deploy/prometheus/octobroker.rules.yml";
const DASHBOARD: &str = "deploy/grafana/octobroker.json";

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The series that a text names. What rules record has a colon in its name and is none of ours.
fn series(text: &str) -> BTreeSet<&str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let words = text.split(|character| !is_part(character));
    words.filter(|word| word.starts_with("octobroker_") || word.starts_with("process_")).collect()
}

/// The families in the tables of docs/metrics.md.
fn documented(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// The family that a series belongs to.
fn family(series: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"];
    ends.iter().find_map(|end| series.strip_suffix(end)).unwrap_or(series)
}

/// Each `code` and `outcome` that an expression names: `a` and `b` of `code=~"a|b"`.
fn values<'a>(text: &'a str, label: &str) -> BTreeSet<&'a str> {
    let start = format!("{label}=");
    let behind = text.split(start.as_str()).skip(1).map(|rest| rest.trim_start_matches('~'));
    let lists = behind.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
    lists.flat_map(|list| list.split('|')).collect()
}

fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect()
}

fn expressions(dashboard: &str) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_and_dashboard_name_series_that_are_there() {
    let page = read("docs/metrics.md");
    let documented = documented(&page);
    let (panels, rules) = (expressions(&read(DASHBOARD)).join("\n"), read(RULES));
    let families = |text| series(text).into_iter().map(family).collect::<BTreeSet<_>>();
    let none: [&&str; 0] = [];
    for text in [&panels, &rules] {
        assert_eq!(families(text).difference(&documented).collect::<Vec<_>>(), none);
    }
    let shown = families(&panels);
    assert_eq!(documented.difference(&shown).collect::<Vec<_>>(), none, "on no panel");
}

#[test]
fn rules_and_dashboard_name_codes_that_are_there() {
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).chain(["ok"]).collect();
    for text in [expressions(&read(DASHBOARD)).join("\n"), read(RULES)] {
        let codes = values(&text, "code");
        assert!(codes.len() > 5, "{codes:?}");
        assert_eq!(codes.difference(&known).collect::<Vec<_>>(), [&""; 0]);
    }
}

#[test]
fn every_alert_has_its_test_and_its_page() {
    let (rules, tests, page) =
        (read(RULES), read("deploy/prometheus/octobroker.tests.yml"), read("docs/alerts.md"));
    let alerts = alerts(&rules);
    assert!(alerts.len() >= 15, "{alerts:?}");
    for alert in &alerts {
        let link = format!("runbook_url: docs/alerts.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{link}");
        assert!(
            tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n")),
            "{alert} fires"
        );
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert} is quiet");
    }
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let (of_page, of_rules): (BTreeSet<_>, BTreeSet<_>) =
        (headings.iter().collect(), alerts.iter().collect());
    assert_eq!(of_page, of_rules);
    for part in page.split("\n## ").skip(1) {
        for what in ["**critical**", "**warning**"].iter().filter(|word| part.contains(**word)) {
            let alert = part.lines().next().unwrap();
            let (_, rule) = rules.split_once(&format!("- alert: {alert}\n")).unwrap();
            let severity = rule.split("severity: ").nth(1).unwrap().split(' ').next().unwrap();
            assert_eq!(what.trim_matches('*'), severity, "{alert}");
        }
        for point in ["- Who acts: ", "- Look at: ", "- Cure: "] {
            assert!(part.contains(point), "{point}{part}");
        }
        assert!(part.contains("**critical**") || part.contains("**warning**"), "{part}");
    }
}

#[test]
fn compose_s_prometheus_reads_the_rules() {
    let (compose, prometheus) = (read("docker/compose.yaml"), read("docker/prometheus.yml"));
    let mount = "../deploy/prometheus/octobroker.rules.yml:/etc/prometheus/octobroker.rules.yml:ro";

    assert!(compose.contains(mount));
    assert!(prometheus.contains("rule_files: [octobroker.rules.yml]"));
    assert!(prometheus.contains("job_name: octobroker"), "the alerts look for that word");
}

/// As `deploy/check-kubernetes.py schema` makes it: the values of the chart, and the broker's own
/// schema as that of `config`.
#[test]
fn the_chart_knows_every_key() {
    let json = |file| serde_json::from_str::<Value>(&read(file)).unwrap();
    let mut expected = json("deploy/helm/values.own.json");
    let mut broker = json("config/octobroker.schema.json");
    let broker_members = broker.as_object_mut().unwrap();
    broker_members.remove("$schema").unwrap();
    expected["$defs"] = broker_members.remove("$defs").unwrap();
    expected["properties"]["config"] = broker;

    let chart = json("deploy/helm/octobroker/values.schema.json");

    assert!(chart == expected, "python3 deploy/check-kubernetes.py schema makes it anew");
}

#[test]
fn the_checks_can_fail() {
    assert_eq!(values("x{code=~\"a|b\",y=\"z\"} + code=\"c\"", "code"), ["a", "b", "c"].into());
    assert_eq!(
        series("rate(octobroker_x_total[5m]) / a:octobroker_y:b"),
        ["octobroker_x_total"].into()
    );
    assert_eq!(documented("| `a_total` | counter |\ntext `b`\n| x |"), ["a_total"].into());
    assert_eq!(family("a_seconds_bucket"), "a_seconds");
}
