//! Bytes in lower-case hexadecimal: digests and random ids.

/// Two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hex(&mut text, bytes);
    text
}

/// Two digits a byte, behind what is there.
pub fn push_hex(text: &mut String, bytes: &[u8]) {
    // Computed, so that the compiler does sixteen bytes at once. The formatter takes fifty times as
    // long, and every request has ids.
    for part in bytes.chunks(16) {
        let mut digits = [[0; 2]; 16];
        for (two, byte) in digits.iter_mut().zip(part) {
            *two = [digit(byte >> 4), digit(byte & 0xf)];
        }
        let digits = digits.as_flattened().get(..2 * part.len());
        // Digits are a text.
        text.push_str(digits.and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
    }
}

/// Of a number below 16.
const fn digit(four: u8) -> u8 {
    four + if four < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(super::hex(&[0, 1, 0xab, 0xff]), "0001abff");
    }

    #[test]
    fn every_byte_has_its_two_digits_however_many_there_are() {
        for byte in 0..=255_u8 {
            for count in [0, 1, 15, 16, 17, 32] {
                assert_eq!(super::hex(&vec![byte; count]), format!("{byte:02x}").repeat(count));
            }
        }
    }
}
