//! `claims:` of a rule

use super::{each_is_refused, sound};

/// A rule with a good condition, so that what stands in `claims` begins in line 7, column 4.
fn rule(claims: &str) -> String {
    let claims = claims.replace('\n', "\n   ");
    format!(
        "rules:\n- name: a\n  issuer: ci\n  service_account: bot\n  claims:\n   id: 7\n   {claims}"
    )
}

#[track_caller]
fn refused(claims: &str, place: &str, phrase: &str) {
    each_is_refused(&[(&rule(claims), &format!("7:{place}"), phrase)]);
}

/// The conditions behind `id: 7`, as `explain` words them.
fn conditions(claims: &str) -> Vec<String> {
    let conditions = sound(&rule(claims)).rules.remove(0).conditions;
    conditions
        .iter()
        .skip(1)
        .map(|condition| format!("{}: {}", condition.claim, condition.test))
        .collect()
}

#[test]
fn a_scalar_is_compared_as_text() {
    let rows = [
        ("a: acme/web", "a: \"acme/web\""),
        ("a: 812345678", "a: \"812345678\""),
        ("a: 99999999999999999999999999", "a: \"99999999999999999999999999\""),
        ("a: true", "a: \"true\""),
        ("a: '007'", "a: \"007\""),
        ("a: \"1.5\"", "a: \"1.5\""),
        ("a: 'yes'", "a: \"yes\""),
        ("a: ''", "a: \"\""),
        ("a: 'null'", "a: \"null\""),
        ("a: refs/heads/*", "a: \"refs/heads/*\""),
        ("a: |-\n b", "a: \"b\""),
        ("a: 1.2.3", "a: \"1.2.3\""),
        ("a: ${ZEROS}", "a: \"007\""),
        ("a: '${ZEROS}'", "a: \"${ZEROS}\""),
        ("\"\\x61\": b", "a: \"b\""),
    ];
    for (claims, expected) in rows {
        assert_eq!(conditions(claims), [expected], "{claims}");
    }
}

#[test]
fn what_readers_of_yaml_disagree_on_must_be_quoted() {
    for text in
        ["007", "0o17", "0x1F", "1_000", "+1", "yes", "No", "on", "True", "12:30", ".inf", "Null"]
    {
        let phrase = match text {
            "Null" => "null equals nothing",
            _ => "quote it if the text is meant",
        };
        let place = if text == "Null" { "4" } else { "7" };
        refused(&format!("a: {text}"), &format!("{place}: rules[0].claims.a"), phrase);
    }
    for text in ["1.5", "1e3", "1E400", ".5"] {
        refused(&format!("a: {text}"), "7: rules[0].claims.a", "number with a fraction");
    }
    refused("a: {one_of: [x, 007]}", "20: rules[0].claims.a.one_of[1]", "quote it");
}

#[test]
fn a_condition_is_a_value_or_operators() {
    refused(
        "a: [b, c]",
        "4: rules[0].claims.a",
        "a list of accepted values is written `one_of: [...]`",
    );
    refused("a:", "4: rules[0].claims.a", "null equals nothing; write `absent: true`");
    refused("a: ~", "4: rules[0].claims.a", "null equals nothing");
    refused("a: {}", "4: rules[0].claims.a", "says nothing; write a value, or one of one_of");
    refused(
        "a: {oneof: [b]}",
        "8: rules[0].claims.a.oneof",
        "unknown operator; did you mean `one_of`?",
    );
    refused(
        "a: {regex: b}",
        "8: rules[0].claims.a.regex",
        "is no operator; there are no regular expressions; write `glob:",
    );
    refused("a: {namespace: b}", "8: rules[0].claims.a.namespace", "unknown operator");
    refused("'': b", "4: rules[0].claims.\"\"", "is no claim: write a name, or a JSON Pointer");
    refused("/a~2: b", "4: rules[0].claims.\"/a~2\"", "with ~0 for ~ and ~1 for /");
}

#[test]
fn operators_take_their_own_shapes() {
    refused("a: {one_of: []}", "8: rules[0].claims.a.one_of", "the list is empty");
    refused("a: {one_of: b}", "16: rules[0].claims.a.one_of", "must be a list, not a text");
    refused(
        "a: {one_of: [[b]]}",
        "17: rules[0].claims.a.one_of[0]",
        "must be one value, not a list",
    );
    refused("a: {one_of: [~]}", "17: rules[0].claims.a.one_of[0]", "null equals nothing");
    refused("a: {not_one_of: b}", "20: rules[0].claims.a.not_one_of", "must be a list");
    refused("a: {contains: {b: c}}", "8: rules[0].claims.a.contains", "must be a list, not a map");
    refused("a: {contains: []}", "8: rules[0].claims.a.contains", "the list is empty");
    refused("a: {same_as: a}", "17: rules[0].claims.a.same_as", "is the claim itself");
    refused("a: {same_as: /~}", "17: rules[0].claims.a.same_as", "is no claim");
    refused("a: {same_as: [b]}", "8: rules[0].claims.a.same_as", "must be one value");
    refused(
        "a: {absent: false}",
        "16: rules[0].claims.a.absent",
        "must be true; for a claim that must be there",
    );
    refused("a: {absent: yes}", "16: rules[0].claims.a.absent", "must be true or false");
    refused("a: {glob: ''}", "14: rules[0].claims.a.glob", "the pattern is empty; write one");
    refused("a: {glob: 'b\\'}", "14: rules[0].claims.a.glob", "escapes nothing; write \\\\");
    refused("a: {glob: b***}", "14: rules[0].claims.a.glob", "more than two stars");
    refused("a: {glob: '**'}", "14: rules[0].claims.a.glob", "matches everything");
    refused("a: {glob: ['b*', '*']}", "21: rules[0].claims.a.glob[1]", "matches everything");
    refused(
        &format!("a: {{glob: '{}'}}", "x".repeat(513)),
        "14: rules[0].claims.a.glob",
        "longer than 512 bytes",
    );
    assert_eq!(conditions(&format!("a: {{glob: '{}'}}", "x".repeat(512))).len(), 1);
}

#[test]
fn all_operators_are_understood_in_the_order_of_the_file() {
    let found = conditions(
        "event: {one_of: [push, 7], not_one_of: [fork]}
ref: {glob: refs/heads/*}
tag: {glob: [v*, r?]}
groups: {contains: deployers}
teams: {contains: [a, b]}
job_project_id: {same_as: project_id}
/kubernetes.io/namespace: prod
user: {absent: true}",
    );

    let expected = [
        "event: one of [\"push\", \"7\"]",
        "event: none of [\"fork\"]",
        "ref: a match of [\"refs/heads/*\"]",
        "tag: a match of [\"v*\", \"r?\"]",
        "groups: an array with [\"deployers\"]",
        "teams: an array with [\"a\", \"b\"]",
        "job_project_id: the same as project_id",
        "/kubernetes.io/namespace: \"prod\"",
        "user: absent",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_colon_ends_a_segment_in_subjects_only() {
    use crate::trust::Test;

    let matches = |claim: &str| {
        let condition = sound(&rule(&format!("{claim}: {{glob: 'a/*'}}"))).rules.remove(0);
        match &condition.conditions[1].test {
            Test::Glob(globs) => globs[0].matches("a/b:c"),
            other => panic!("{other}"),
        }
    };

    assert!(!matches("sub"));
    assert!(matches("ref"));
}
