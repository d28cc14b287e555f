//! What a text without quotes is taken for.
//!
//! Claims are compared as text. A plain `007`, `1e3` or `yes` is another value to other readers of
//! YAML, and to the one who wrote it perhaps too, so such a text must be quoted.

/// What a plain text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing else than a text, to everybody.
    Text,
    /// `true` or `false`, or a whole number in its canonical form: its own text.
    Canonical,
    /// A number with a fraction or an exponent.
    Fraction,
    /// Something that is not a text, or not this text, to some readers of YAML 1.1 or 1.2.
    Doubtful,
}

/// Other spellings of yes, no and nothing (YAML 1.1 `bool` and `null`), in lower case.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];

/// Says what a plain text is.
pub(super) fn kind(text: &str) -> Kind {
    if matches!(text, "true" | "false") || is_canonical(text) {
        return Kind::Canonical;
    }
    if WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return Kind::Doubtful;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_special(unsigned) || is_other_base(unsigned) || is_clock(unsigned) {
        return Kind::Doubtful;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Kind::Text;
    }
    let bare = unsigned.replace('_', "");
    let is_fraction = bare.parse::<f64>().is_ok();
    match (is_fraction, bare.bytes().all(|byte| byte.is_ascii_digit())) {
        // Signs, leading zeros and underscores: the canonical ones are gone.
        (_, true) => Kind::Doubtful,
        (true, false) => Kind::Fraction,
        (false, false) => Kind::Text,
    }
}

/// JSON's whole numbers, but for `-0`.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (text == "0" || !digits.starts_with('0'))
}

fn is_special(unsigned: &str) -> bool {
    matches!(unsigned.to_ascii_lowercase().as_str(), ".inf" | ".nan")
}

/// `0o17`, `0x1F`, `0b11`.
fn is_other_base(unsigned: &str) -> bool {
    let lower_case = unsigned.to_ascii_lowercase();
    let digits_of = |prefix: &str, base: u32| {
        lower_case.strip_prefix(prefix).is_some_and(|digits| {
            !digits.is_empty() && digits.chars().all(|digit| digit == '_' || digit.is_digit(base))
        })
    };
    digits_of("0o", 8) || digits_of("0x", 16) || digits_of("0b", 2)
}

/// `12:30`, which YAML 1.1 reads as 750.
fn is_clock(unsigned: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    unsigned.contains(':') && unsigned.split(':').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_reads_alike_is_taken() {
        let rows = [
            (Kind::Canonical, "0 7 -7 812345678 99999999999999999999999 true false"),
            (Kind::Fraction, "1.5 1. .5 -1.5 1e3 1E3 1.0e+3 1_000.5 +1.5"),
            (Kind::Doubtful, "007 -007 00 -0 +7 1_000 0_1 0o17 0x1F 0b11 -0x1f 12:30 1:2:3"),
            (Kind::Doubtful, "yes Yes NO on off y N True FALSE null Null ~ .inf -.INF .nan"),
            (Kind::Text, "acme/web refs/heads/main main 1.2.3 v1 1a 0xyz 0b2 inf nan infinity e3"),
            (Kind::Text, "2001-12-14 a:b 12:30z - + . _1 1-2 nulls yes! 5f2c8c0e 1e 0o8"),
        ];
        for (expected, texts) in rows {
            for text in texts.split(' ') {
                assert_eq!(kind(text), expected, "{text}");
            }
        }
    }
}
