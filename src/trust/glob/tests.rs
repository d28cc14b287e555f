use proptest::prelude::*;

use super::*;

#[test]
fn matching_is_anchored_and_knows_segments() {
    let rows = [
        // pattern, text, matches
        ("refs/heads/*", "refs/heads/main", true),
        ("refs/heads/*", "refs/heads/release/1", false),
        ("refs/heads/*", "refs/heads/", false),
        ("refs/heads/*", "xrefs/heads/main", false),
        ("refs/heads/*", "refs/tags/heads/main", false),
        ("refs/heads/**", "refs/heads/release/1", true),
        ("refs/heads/**", "refs/heads/", false),
        ("**", "anything/at:all", true),
        ("**", "", false),
        ("*", "a/b", false),
        ("v?.?", "v1.2", true),
        ("v?.?", "v12", false),
        ("v?", "v/", false),
        ("v?", "v:", false),
        ("v?", "v\u{1f600}", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("a\\\\b", "a\\b", true),
        ("main", "main", true),
        ("main", "Main", false),
        ("main", "main\n", false),
        ("main|x", "main", false),
        ("(main)", "main", false),
        ("[ab]", "a", false),
        ("{a,b}", "a", false),
        ("repo:acme/web:environment:*", "repo:acme/web:environment:prod", true),
        ("repo:acme/*:environment:prod", "repo:acme/web:ref:x:environment:prod", false),
        ("repo:acme/*:ref:*", "repo:acme/web:ref:x", true),
        ("repo:acme/*:ref:*", "repo:acme/web:ref:x:y", false),
        ("repo:acme/*", "repo:acme-evil/web", false),
        ("repo:acme/*:**", "repo:acme/web:ref:refs/heads/x:environment:prod", true),
        ("repo:acme/*:x", "repo:acme/web%3Ax", false),
        ("**:environment:prod", "a:b/c:environment:prod", true),
        ("a*a*a", "aaa", false),
        ("a*a*a", "aaaaa", true),
        ("*b*", "abc", true),
        ("ab*ba", "aba", false),
        ("ab*ba", "abba", false),
        ("ab*ba", "abxba", true),
        ("é*é", "é", false),
        ("é*é", "éàé", true),
        ("*?", "a", false),
        ("*?", "aé", true),
        ("?\0*", "\0\0a", true),
        ("?\0*", "\0aa", false),
    ];
    for (pattern, text, expected) in rows {
        let glob = Glob::new(pattern, "/:").unwrap();
        assert_eq!(glob.matches(text), expected, "{pattern:?} {text:?}");
    }
}

#[test]
fn a_colon_separates_only_composite_claims() {
    assert!(Glob::new("a*", "/").unwrap().matches("ab:c"));
    assert!(!Glob::new("a*", "/:").unwrap().matches("ab:c"));
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(Glob::new("", "/").err(), Some(GlobError::Empty));
    assert_eq!(Glob::new("a\\", "/").err(), Some(GlobError::Escape));
    assert_eq!(Glob::new("a***", "/").err(), Some(GlobError::Stars));
}

#[test]
fn no_text_makes_it_go_back() {
    let text = "a".repeat(10_000);
    for (stars, is_short) in [(60, true), (90, false)] {
        let glob = Glob::new(&"**a".repeat(stars), "/").unwrap();
        assert_eq!(matches!(glob.core, Core::Short(_)), is_short);
        assert!(glob.matches(&text));
        assert!(!glob.matches(&format!("{text}b")));
        assert!(!glob.matches(&"a".repeat(stars)));
    }
}

/// The same rules, written the slow and obvious way.
fn matches_naively(pattern: &[char], text: &[char]) -> bool {
    let is_separator = |character: &char| *character == '/' || *character == ':';
    match (pattern, text) {
        ([], []) => true,
        ([], _) | (_, []) => false,
        (['*', '*', rest @ ..], [_, tail @ ..]) => {
            matches_naively(rest, tail) || matches_naively(pattern, tail)
        }
        (['*', rest @ ..], [first, tail @ ..]) => {
            !is_separator(first) && (matches_naively(rest, tail) || matches_naively(pattern, tail))
        }
        (['?', rest @ ..], [first, tail @ ..]) => {
            !is_separator(first) && matches_naively(rest, tail)
        }
        (['\\', wanted, rest @ ..] | [wanted, rest @ ..], [first, tail @ ..]) => {
            wanted == first && matches_naively(rest, tail)
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_obvious_matcher(
        pattern in "([ab/:?]|\\*|\\*\\*[ab]|\\\\[*?]){1,8}",
        text in "[ab/:*?]{0,10}",
    ) {
        if let Ok(glob) = Glob::new(&pattern, "/:") {
            let pattern: Vec<char> = pattern.chars().collect();
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob.matches(&text), matches_naively(&pattern, &characters));
            prop_assert_eq!(glob.matches(&text), glob.matches_stepwise(&text));
        }
    }

    #[test]
    fn a_text_without_pattern_characters_matches_only_itself(
        text in "[a-z/:]{1,20}",
        other in "[a-z/:]{1,20}",
    ) {
        let glob = Glob::new(&text, "/:").unwrap();
        prop_assert!(glob.matches(&text));
        prop_assert_eq!(glob.matches(&other), text == other);
    }
}
