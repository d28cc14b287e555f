//! What a new user gets wrong in a rule, and what he is told: the place, and what to write instead.

use super::config;

const BEFORE: &str = "issuers:
  github: {provider: github-actions}
  ci: {provider: custom, url: https://ci.example, algorithms: [RS256]}
service_accounts: {bot: {id: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33}}
rules:
";

/// What is said first about a rule, which begins in line 6. Warnings count where nothing is wrong.
fn said(rule: &str) -> String {
    let rule = format!("  {}\n", rule.replace('\n', "\n  "));
    let other = "  - {name: other, issuer: ci, service_account: bot, claims: {id: 7}}\n";
    let third = "  - {name: third, issuer: github, service_account: bot, repository_id: 7}\n";
    let finding = match config(&format!("{BEFORE}{rule}{other}{third}")) {
        Ok(config) => config.findings.into_iter().next(),
        Err(error) => {
            assert_eq!(error.problems().len(), 1, "{rule}\n{error}");
            error.problems().first().cloned()
        }
    };
    let Some(finding) = finding else { panic!("nothing is said about\n{rule}") };
    format!("{}:{} {}", finding.line, finding.column, finding.text())
}

#[track_caller]
fn each_is_told(rows: &[(&str, &str)]) {
    for (rule, expected) in rows {
        assert_eq!(said(rule), *expected, "{rule}");
    }
}

const GITHUB: &str = "- name: web\n  issuer: github\n  service_account: bot\n  repository_id: 7\n";
const CUSTOM: &str = "- name: web\n  issuer: ci\n  service_account: bot\n  claims:\n    id: 7\n";

#[test]
fn a_typing_error_in_a_key_is_one_problem() {
    each_is_told(&[
        (
            "- name: web\n  issuer: ci\n  service_account: bot\n  claim: {id: 7}",
            "9:5 rules[0].claim: unknown key; did you mean `claims`?",
        ),
        (
            "- name: web\n  isuer: ci\n  service_account: bot\n  claims: {id: 7}",
            "7:5 rules[0].isuer: unknown key; did you mean `issuer`?",
        ),
        (
            &format!("{GITHUB}  enviroment: production"),
            "10:5 rules[0].enviroment: unknown key; did you mean `environment`?",
        ),
    ]);
}

#[test]
fn a_wrong_indentation_is_explained() {
    each_is_told(&[
        (
            "- name: web\n   issuer: ci\n  service_account: bot",
            "7:12 is not YAML: mapping values are not allowed in this context; quote the value if \
             the colon belongs to it; else this line is indented deeper than the one above it, and \
             keys of one map begin in the same column",
        ),
        (
            "- name: web\nissuer: ci",
            "7:3 is not YAML: while parsing a block collection, did not find expected '-' \
             indicator; the keys of one entry begin in the same column, that of its first key \
             behind the `- `",
        ),
        (
            &format!("{GITHUB}  claims:\n  environment: production"),
            "10:5 rules[0].claims: has no value; what belongs to it is indented deeper; remove it \
             if the keys below are fields of the rule",
        ),
        (
            "- name: web\n\tissuer: ci",
            "7:3 is not YAML: while scanning a plain scalar, found a tab; indent with spaces",
        ),
    ]);
}

#[test]
fn a_tab_is_told_where_it_stands() {
    let told = "is not YAML: while scanning a plain scalar, found a tab; indent with spaces";
    each_is_told(&[
        ("- name: web\n\n\tissuer: ci", &format!("8:3 {told}")),
        ("- name: web\n  \tissuer: ci", &format!("7:5 {told}")),
    ]);
}

#[test]
fn a_colon_that_touches_its_value_is_told() {
    let before =
        "is not YAML: mapping values are not allowed in this context; write a space behind";
    let mapping = "must be a map of keys and values, not a text; if";
    each_is_told(&[
        (
            &format!("{GITHUB}  branch:main\n  allow: [read]"),
            "10:5 is not YAML: simple key expected ':'; write a space behind the colon of `branch:`",
        ),
        ("- name:web\n  issuer: ci", &format!("7:11 {before} the colon of `name:` in line 6")),
        (
            &format!("{GITHUB}  claims:\n    ref:main"),
            &format!(
                "11:7 rules[0].claims: {mapping} `ref` is meant for a key, write a space behind \
                      its colon"
            ),
        ),
        (
            "- {name: web, issuer:ci, service_account: bot, claims: {id: 7}}",
            "6:17 rules[0].\"issuer:ci\": unknown key; if `issuer` is meant, write a space behind its \
             colon",
        ),
        (
            "- {name: web, issuer: github, service_account: bot, repository_id: 7, branch:main}",
            "6:73 rules[0].\"branch:main\": unknown key; if `branch` is meant, write a space behind its \
             colon",
        ),
    ]);
}

#[test]
fn a_bracket_that_is_not_closed_is_told_with_its_line() {
    let told = "is not closed above this; close it where its";
    let character = "or quote the value if the character belongs to it";
    each_is_told(&[
        (
            &format!("{GITHUB}  allow: [deploy\n  branch: main"),
            &format!(
                "11:11 is not YAML: illegal placement of ':' indicator; the `[` of line 10 \
                      {told} list ends, {character}"
            ),
        ),
        (
            &format!("{GITHUB}  branch: {{ glob: main\n  allow: [deploy]"),
            &format!(
                "11:10 is not YAML: while parsing a flow mapping, did not find expected ',' \
                      or '}}'; the `{{` of line 10 {told} map ends, {character}"
            ),
        ),
    ]);
}

#[test]
fn a_variable_is_told_of_brackets_only_inside_of_them() {
    let brackets = "inside `{ }` and `[ ]`";
    for (text, is_told) in [
        ("- name: web\n issuer: ${A}", false),
        ("- name: \"${A", false),
        ("- name: ${A}: x", false),
        ("- name: web\n  allow: [${A}]", true),
        ("- name: web\n  branch: { glob: ${A} }", true),
        ("- name: web\n  branch: {\n    glob: ${A} }", true),
    ] {
        assert_eq!(said(text).contains(brackets), is_told, "{}", said(text));
    }
}

#[test]
fn a_star_at_the_beginning_wants_quotes() {
    let told = "a value that begins with a star names an anchor, and no value above carries this \
                one; write the star in quotes, as in `glob: \"*-prod\"`";
    each_is_told(&[
        (&format!("{CUSTOM}    environment: {{ glob: *-prod }}"), &format!("11:28 {told}")),
        (&format!("{GITHUB}  branch: {{ glob: * }}"), &format!("10:21 {told}")),
        (&format!("{GITHUB}  branch:\n    glob: **"), &format!("11:13 {told}")),
    ]);
}

#[test]
fn a_list_in_the_place_of_a_value_is_told_the_operators() {
    let told = "must be one value, not a list; a list of accepted values is written `one_of: \
                [...]`, what an array must hold `contains: [...]`";
    each_is_told(&[
        (
            &format!("{CUSTOM}    environment: [test, production]"),
            &format!("11:7 rules[0].claims.environment: {told}"),
        ),
        (
            &format!("{GITHUB}  environment:\n    - test\n    - production"),
            &format!("10:5 rules[0].environment: {told}"),
        ),
        (
            "- name: web\n  issuer: [ci, github]\n  service_account: bot\n  claims: {id: 8}",
            "7:5 rules[0].issuer: must be one name, not a list; write a rule for each",
        ),
    ]);
}

#[test]
fn a_missing_or_unknown_name_is_told_those_there_are() {
    let rule = |names: &str| format!("- name: web\n  {names}\n  claims: {{id: 8}}");
    each_is_told(&[
        (
            &rule("service_account: bot"),
            "6:5 rules[0]: `issuer` is missing; write the name of one under `issuers:`, such as \
             `issuer: github`",
        ),
        (
            &rule("issuer: ci\n  service_account: bott"),
            "8:22 rules[0].service_account: is not one of those under `service_accounts:`; did you \
             mean `bot`?",
        ),
        (
            &rule("issuer: ci\n  service_account: 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33"),
            "8:22 rules[0].service_account: is not one of those under `service_accounts:`, for it \
             is an id, and a name is meant; known are bot",
        ),
    ]);
}

#[test]
fn a_missing_pin_is_told_how_to_get_it() {
    each_is_told(&[(
        "- name: web\n  issuer: github\n  service_account: bot\n  repository: acme/web",
        "6:5 rules[0]: does not pin whose tokens of GitHub Actions it accepts; add \
         `repository_id:` (`gh api repos/OWNER/REPO --jq .id` prints it); names can be taken again \
         by somebody else, and `accept_recyclable_names: true` accepts that",
    )]);
}

#[test]
fn a_zero_before_a_number_is_asked_about() {
    each_is_told(&[(
        &CUSTOM.replace("id: 7", "id: 007"),
        "10:11 rules[0].claims.id: begins with a zero, which other readers of YAML drop, or take for \
         octal; quote it if the text is meant, else leave the zeros out",
    )]);
}

#[test]
fn a_regular_expression_is_told_the_patterns() {
    each_is_told(&[
        (
            &format!("{CUSTOM}    ref: {{ regex: 'refs/heads/.*' }}"),
            "11:14 rules[0].claims.ref.regex: is no operator; there are no regular expressions; \
             write `glob: refs/heads/*`, with * inside a segment and ** across segments, or \
             `one_of: [main, develop]`",
        ),
        (
            &format!("{CUSTOM}    ref: {{ glob: '^refs/heads/(main|develop)$' }}"),
            "11:20 rules[0].claims.ref.glob: looks like a regular expression, of which there are \
             none here, and so matches nothing; write a pattern, such as refs/heads/release/**, or \
             several: `glob: [main, release/*]`",
        ),
        (
            &format!("{GITHUB}  branch: release/*"),
            "10:13 rules[0].branch: is compared as it is, star and all; write `{ glob: … }` if a \
             pattern is meant, with * inside a segment and ** across segments",
        ),
        (
            &format!("{CUSTOM}    ref: {{ starts_with: refs/heads/ }}"),
            "11:14 rules[0].claims.ref.starts_with: is no operator; write `glob: refs/heads/**` \
             with what it begins with",
        ),
    ]);
}

#[test]
fn a_path_with_dots_is_told_the_pointer() {
    let told = "no token has a claim of this name; what stands inside a claim is written as a JSON \
                Pointer, here /kubernetes.io/namespace";
    each_is_told(&[
        (
            &format!("{CUSTOM}    kubernetes.io.namespace: shop"),
            &format!("11:32 rules[0].claims.\"kubernetes.io.namespace\": {told}"),
        ),
        (
            &format!("{CUSTOM}    kubernetes.io/namespace: shop"),
            &format!("11:32 rules[0].claims.\"kubernetes.io/namespace\": {told}"),
        ),
        (
            &format!("{CUSTOM}    workload.namespace: shop"),
            "11:27 rules[0].claims.\"workload.namespace\": is the name of one claim, dots and all; \
             if it stands inside another, write /workload/namespace",
        ),
        (
            &format!("{CUSTOM}    kubernetes.io:\n      namespace: shop"),
            "12:9 rules[0].claims.\"kubernetes.io\".namespace: unknown operator; known here are \
             one_of, not_one_of, glob, contains, same_as, absent; a claim inside a claim is written \
             as a JSON Pointer, here `/kubernetes.io/namespace:`",
        ),
    ]);
}

#[test]
fn a_field_without_a_preset_is_told_where_claims_stand() {
    let told = said("- name: web\n  issuer: ci\n  service_account: bot\n  repository: acme/web");

    assert!(
        told.starts_with("9:5 rules[0].repository: unknown key, but a field of github-actions")
    );
    assert!(told.ends_with("; a claim is written under `claims:`"), "{told}");
}
