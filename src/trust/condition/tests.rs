//! Each test, with hostile values.

use super::*;
use crate::identity::ClaimAddress;

fn holds(test: Test, value: Option<&str>) -> bool {
    let value = value.map(|json| Json::parse(json.as_bytes()).unwrap());
    let other = Json::String("acme".into());
    let claim = ClaimAddress::parse("claim").unwrap();
    let condition = Condition { claim: claim.clone(), test };
    condition.holds(|address| if *address == claim { value.as_ref() } else { Some(&other) })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn exact_means_byte_for_byte() {
    let rows = [
        (r#""acme/web""#, true),
        (r#""acme\/web""#, true),
        (r#""Acme/web""#, false),
        (r#""acme/web ""#, false),
        (r#"" acme/web""#, false),
        (r#""acme/web2""#, false),
        (r#""acme%2Fweb""#, false),
        ("\"acme/we\u{200b}b\"", false),
        ("\"acme\u{2215}web\"", false),
        (r#"["acme/web"]"#, false),
        (r#"{"acme/web":1}"#, false),
        ("null", false),
    ];
    for (value, expected) in rows {
        let outcome = holds(Test::Exact("acme/web".to_owned()), Some(value));
        assert_eq!(outcome, expected, "{value}");
    }
    assert!(!holds(Test::Exact("acme/web".to_owned()), None));
}

#[test]
fn numbers_and_booleans_compare_by_canonical_text() {
    let rows = [
        ("812345678", "812345678", true),
        ("812345678", "\"812345678\"", true),
        ("812345678", "812345678.0", false),
        ("812345678", "8.12345678e8", false),
        ("007", "7", false),
        ("true", "true", true),
        ("true", "\"true\"", true),
        ("true", "\"True\"", false),
        ("null", "null", false),
        ("", "\"\"", true),
    ];
    for (wanted, value, expected) in rows {
        let outcome = holds(Test::Exact(wanted.to_owned()), Some(value));
        assert_eq!(outcome, expected, "{wanted:?} {value}");
    }
}

#[test]
fn every_operator_fails_closed() {
    let glob = || Test::Glob(vec![Glob::new("ac*", "/").unwrap()]);
    let rows = [
        (Test::OneOf(texts(&["push", "tag"])), Some("\"tag\""), true),
        (Test::OneOf(texts(&["push", "tag"])), Some("\"pull_request\""), false),
        (Test::OneOf(Vec::new()), Some("\"tag\""), false),
        (Test::OneOf(texts(&["push"])), Some("[\"push\"]"), false),
        (Test::NotOneOf(texts(&["fork"])), Some("\"main\""), true),
        (Test::NotOneOf(texts(&["fork"])), Some("\"fork\""), false),
        (Test::NotOneOf(texts(&["fork"])), Some("[\"main\"]"), false),
        (Test::NotOneOf(texts(&["fork"])), None, false),
        (glob(), Some("\"acme\""), true),
        (glob(), Some("\"ac\""), false),
        (glob(), Some("[\"acme\"]"), false),
        (glob(), None, false),
        (Test::Contains(texts(&["a"])), Some("[\"b\",\"a\"]"), true),
        (Test::Contains(texts(&["a", "b"])), Some("[\"a\"]"), false),
        (Test::Contains(texts(&["1"])), Some("[1]"), true),
        (Test::Contains(texts(&["a"])), Some("\"a\""), false),
        (Test::Contains(texts(&["a"])), Some("[[\"a\"]]"), false),
        (Test::SameAs(ClaimAddress::parse("other").unwrap()), Some("\"acme\""), true),
        (Test::SameAs(ClaimAddress::parse("other").unwrap()), Some("\"evil\""), false),
        (Test::SameAs(ClaimAddress::parse("other").unwrap()), None, false),
        (Test::Absent, None, true),
        (Test::Absent, Some("\"\""), false),
        (Test::Absent, Some("null"), false),
    ];
    for (test, value, expected) in rows {
        let shown = format!("{test} {value:?}");
        assert_eq!(holds(test, value), expected, "{shown}");
    }
}

#[test]
fn what_presets_ask_fails_closed_too() {
    let other = || Test::SameAs(ClaimAddress::parse("other").unwrap());
    let no_pull = || Test::NotStartingWith(texts(&["refs/pull/"]));
    let any_case =
        |test: Test| Test::AnyCase { lower: Box::new(test.clone()), spelled: Box::new(test) };
    let rows = [
        (no_pull(), Some("\"refs/heads/main\""), true),
        (no_pull(), Some("\"refs/pull/7/merge\""), false),
        (no_pull(), Some("[\"refs/heads/main\"]"), false),
        (no_pull(), None, false),
        (Test::Empty, None, true),
        (Test::Empty, Some("null"), true),
        (Test::Empty, Some("\"\""), true),
        (Test::Empty, Some("\"77\""), false),
        (Test::Empty, Some("false"), false),
        (Test::Empty, Some("[]"), false),
        (Test::Present, None, false),
        (Test::Present, Some("null"), false),
        (Test::Present, Some("\"\""), false),
        (Test::Present, Some("\"x\""), true),
        (Test::AbsentOr(Box::new(other())), None, true),
        (Test::AbsentOr(Box::new(other())), Some("\"acme\""), true),
        (Test::AbsentOr(Box::new(other())), Some("\"evil\""), false),
        (Test::AbsentOr(Box::new(other())), Some("null"), false),
        (any_case(Test::Exact("acme/web".to_owned())), Some("\"ACME/Web\""), true),
        (any_case(Test::Exact("acme/web".to_owned())), Some("\"acme/\u{17f}eb\""), false),
        (any_case(Test::Exact("k".to_owned())), Some("\"\u{212a}\""), false),
        (any_case(Test::NotOneOf(texts(&["evil"]))), Some("\"EVIL\""), false),
        (any_case(Test::Exact("a".to_owned())), None, false),
    ];
    for (test, value, expected) in rows {
        let shown = format!("{test} {value:?}");
        assert_eq!(holds(test, value), expected, "{shown}");
    }
}

#[test]
fn a_part_of_a_subject_is_found_by_its_place() {
    let rows = [
        ("space:default:project:web:environment:production", true, false),
        ("space:default:project:web", false, true),
        ("space:environment:project:production", false, true),
        ("space:default:environment:test:environment:production", false, false),
        ("environment:production:x", false, false),
        ("environment", false, false),
        ("space:a/environment:production", false, false),
    ];
    for (subject, is_there, is_absent) in rows {
        let subject = Json::String(subject.into());
        let holds = |test| {
            let test = Test::PartOfSubject { key: "environment".to_owned(), test: Box::new(test) };
            let claim = ClaimAddress::parse("environment").unwrap();
            let condition = Condition { claim, test };
            condition.holds(|address| (address.to_string() == "sub").then_some(&subject))
        };
        assert_eq!(holds(Test::Exact("production".to_owned())), is_there, "{subject}");
        assert_eq!(holds(Test::Absent), is_absent, "{subject}");
    }
}

#[test]
fn a_pattern_in_the_token_is_data() {
    assert!(!holds(Test::Exact("acme".to_owned()), Some("\"*\"")));
    assert!(!holds(Test::Glob(vec![Glob::new("ac?e", "/").unwrap()]), Some("\".*\"")));
}
