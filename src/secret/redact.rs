//! Somebody else's words before they are logged: a server may echo the token that it was sent, whole
//! or in pieces, and a program may print it.

use std::collections::HashSet;

/// What stands in the place of what was left out.
const LEFT_OUT: &str = "[token]";

/// So many letters and digits of a token in a row are no chance: one in 62^6 has them.
const PIECE: usize = 6;

/// A run of letters and digits of all three kinds that is so long is no name and no id, but random
/// or encoded: a part of a token, or a key. GUIDs and digests are of one case.
const RANDOM: usize = 32;

/// So much behind `API-` is a key, or most of one; they have some thirty.
const API_KEY_PIECE: usize = 12;

/// `text` in one line, without the words that hold a piece of the token `known`, or what looks like
/// a part of any token.
///
/// Pieces are found however they are separated, because only letters and digits are compared: a
/// token that is broken into lines, at dots or into single letters is still one. Whole words are
/// left out, so that nothing remains at the edges.
pub fn without_tokens(text: &str, known: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut is_left_out: Vec<bool> = words.iter().map(|word| looks_like_a_part(word)).collect();
    leave_out_pieces(&words, known, &mut is_left_out);
    let mut kept: Vec<&str> = Vec::new();
    for (word, is_left_out) in words.into_iter().zip(is_left_out) {
        if !is_left_out {
            kept.push(word);
        } else if kept.last() != Some(&LEFT_OUT) {
            kept.push(LEFT_OUT);
        }
    }
    kept.join(" ")
}

/// Marks each word that has a part in a piece of the token.
fn leave_out_pieces(words: &[&str], known: &str, is_left_out: &mut [bool]) {
    let token = zeroize::Zeroizing::new(letters(known).collect::<Vec<u8>>());
    let length = PIECE.min(token.len());
    if length == 0 {
        return;
    }
    let pieces: HashSet<&[u8]> = token.windows(length).collect();
    let of_words = words.iter().enumerate();
    let (places, letters): (Vec<usize>, Vec<u8>) =
        of_words.flat_map(|(at, word)| letters(word).map(move |letter| (at, letter))).unzip();
    for (letters, places) in letters.windows(length).zip(places.windows(length)) {
        if let (Some(first), Some(last)) = (places.first(), places.last())
            && pieces.contains(letters)
            && let Some(found) = is_left_out.get_mut(*first..=*last)
        {
            found.fill(true);
        }
    }
}

fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric)
}

/// JSON objects in base64 begin with `eyJ`; signatures and keys are long and of all kinds, but for the
/// keys of Octopus, which have a beginning.
fn looks_like_a_part(word: &str) -> bool {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && !"-_+".contains(c);
    word.contains("eyJ") || holds_api_key(word) || word.split(is_between).any(is_random)
}

/// `API-` in any case and enough of a key behind it.
fn holds_api_key(word: &str) -> bool {
    let folded = word.to_ascii_uppercase();
    folded.split("API-").skip(1).any(|rest| letters(rest).count() >= API_KEY_PIECE)
}

fn is_random(run: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| run.bytes().any(|byte| kind(&byte));
    run.len() >= RANDOM
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str =
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmFjbWUifQ.Qk-3_xYz0aB1cD2eF3gH4iJ5kL6";

    #[test]
    fn no_piece_of_a_token_remains_however_it_is_broken() {
        let (_, signature) = TOKEN.rsplit_once('.').unwrap();
        let every = |size: usize, separator: &str| {
            let letters: Vec<char> = TOKEN.chars().collect();
            let pieces = letters.chunks(size).map(String::from_iter);
            pieces.collect::<Vec<_>>().join(separator)
        };
        let rows = [
            TOKEN.to_owned(),
            TOKEN.replace('.', " . "),
            TOKEN.replace('.', "%2E"),
            TOKEN.replace('-', "\u{200b}-"),
            signature.to_owned(),
            signature.get(3..12).unwrap().to_owned(),
            every(8, " "),
            every(5, "\n"),
            every(3, "..."),
            every(1, " "),
            every(1, "\u{200b}"),
            format!("<{signature}>,\"{signature}\""),
        ];
        for echo in rows {
            let text = without_tokens(&format!("the token {echo} was refused"), TOKEN);
            assert_eq!(text, "the token [token] was refused", "{echo}");
        }
    }

    #[test]
    fn a_part_of_some_other_token_is_left_out_too() {
        let rows = [
            ("+ curl -d jwt=eyJhbGciOi.CANARY\n done", "+ curl -d [token] done"),
            ("key Qk3xYz0aB1cD2eF3gH4iJ5kL6mN7oP8q!", "key [token]"),
            ("\u{fffd} no such role", "\u{fffd} no such role"),
            ("named API-O7W3TBGTQZ2LXK5RM4VNYC6HDAPSUEJF", "named [token]"),
            ("named 'x=api-o7w3tbgtqz2l'", "named [token]"),
            ("the API-GUEST of API-first", "the API-GUEST of API-first"),
        ];
        for (text, expected) in rows {
            assert_eq!(without_tokens(text, ""), expected, "{text}");
        }
    }

    #[test]
    fn a_servers_usual_words_remain() {
        let rows = [
            "no identity matches repo:acme/web:ref:refs/heads/main",
            "https://token.actions.githubusercontent.com/.well-known/openid-configuration",
            "audience 5f2c8c0e-1c1e-4a7b-9a54-0d8e6f1b2a33",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "OctopusServerNodes-Long-Name-Of-A-Machine-In-Europe",
        ];
        for text in rows {
            assert_eq!(without_tokens(text, TOKEN), text);
        }
    }
}
