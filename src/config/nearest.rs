//! Which word was meant.

/// Longer words are not compared: the distance takes time with the square of the length.
const WORD: usize = 64;

/// `; did you mean `x`?` if one of the words is near, else nothing.
pub(super) fn suggestion<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(written, words) {
        Some(word) => format!("; did you mean `{word}`?"),
        None => String::new(),
    }
}

/// The word that was probably meant.
pub(super) fn nearest<'a>(
    written: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = written.chars().count();
    if length > WORD {
        return None;
    }
    let written = fold(written);
    let near = words.into_iter().map(|word| (cost(&written, &fold(word)), word));
    let (cost, word) = near.min_by_key(|(cost, _)| *cost)?;
    let is_near = cost <= (length / 3).clamp(1, 4) && cost < word.chars().count();
    is_near.then_some(word)
}

/// Whether two words differ by a slip of the pen: one character, two that changed places, case, or
/// which stroke joins words.
pub(super) fn is_slip(written: &str, word: &str) -> bool {
    written.len().abs_diff(word.len()) <= WORD && distance(&fold(written), &fold(word)) <= 1
}

/// Case, and which stroke joins words if any, are mistakes that cost nothing.
fn fold(word: &str) -> Vec<char> {
    let is_stroke = |character: &char| matches!(character, '-' | '_');
    let letters = word.chars().take(WORD).filter(|character| !is_stroke(character));
    letters.flat_map(char::to_lowercase).collect()
}

/// How far apart two words are; one that begins with the other is near, and a long one that ends in
/// the other.
fn cost(one: &[char], other: &[char]) -> usize {
    let shorter = one.len().min(other.len());
    let is_prefix = shorter >= 3 && (one.starts_with(other) || other.starts_with(one));
    let is_end = shorter >= 10 && other.ends_with(one);
    if (is_prefix || is_end) && one != other { 1 } else { distance(one, other) }
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour (optimal
/// string alignment).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (at, character) in one.iter().enumerate() {
        let mut next = vec![at + 1];
        let mut neighbour = None;
        for (column, wanted) in other.iter().enumerate() {
            let cell =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = cell(&row, column) + usize::from(character != wanted);
            let mut least = replaced.min(cell(&next, column) + 1).min(cell(&row, column + 1) + 1);
            if previous == Some(wanted) && neighbour == Some(character) {
                least = least.min(cell(&before, column.wrapping_sub(1)) + 1);
            }
            next.push(least);
            neighbour = Some(wanted);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(character);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes() {
        let rows = [
            ("bto", "bot", 1),
            ("ba", "ab", 1),
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("a", "a", 0),
        ];
        for (one, other, expected) in rows {
            assert_eq!(distance(&fold(one), &fold(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let words = ["algorithms", "url", "jwks_url", "audience"];
        let rows = [
            ("algoritms", "; did you mean `algorithms`?"),
            ("jwks-url", "; did you mean `jwks_url`?"),
            ("jwksUrl", "; did you mean `jwks_url`?"),
            ("URL", "; did you mean `url`?"),
            ("uri", "; did you mean `url`?"),
            ("audiences_of", "; did you mean `audience`?"),
            ("uadience", "; did you mean `audience`?"),
            ("tls", ""),
            ("urithms", ""),
            ("environment", ""),
            ("", ""),
        ];
        for (written, expected) in rows {
            assert_eq!(suggestion(written, words), expected, "{written}");
        }
        assert_eq!(suggestion(&"a".repeat(65), [&*"a".repeat(65)]), "");
    }
}
