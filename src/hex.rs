//! Bytes in lower-case hexadecimal: digests and random ids.

const DIGITS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

/// Two digits a byte, behind what is there.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    // By table: the formatter takes fifty times as long, and every request has ids.
    let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or_default();
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
}

#[cfg(test)]
mod tests {
    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(super::hex(&[0, 1, 0xab, 0xff]), "0001abff");
    }
}
