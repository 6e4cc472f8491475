//! Texts of fixed length: padded with blanks in the standard's structures, terminated in Luna's.

/// `text` in a field of `N` bytes, padded with blanks, not terminated (PKCS#11 3.1, 3.1). What is
/// too long is cut, never in the middle of a character.
pub(crate) fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut field = [b' '; N];
    let len = fitting(text, N);
    field[..len].copy_from_slice(&text[..len]);
    field
}

/// `text` in a field of `N` bytes, filled up with zeros, always terminated.
pub(crate) fn terminated<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let len = fitting(text.as_bytes(), N.saturating_sub(1));
    field[..len].copy_from_slice(&text.as_bytes()[..len]);
    field
}

/// How many bytes of `text` fit into `room` without cutting a UTF-8 character.
fn fitting(text: &[u8], room: usize) -> usize {
    if text.len() <= room {
        return text.len();
    }
    let continues = |at: usize| text[at] & 0xC0 == 0x80;
    (0..=room).rev().find(|&at| !continues(at)).unwrap_or(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_padded_and_long_ones_cut_between_characters() {
        assert_eq!(&padded::<8>(b"hsm"), b"hsm     ");
        assert_eq!(&padded::<8>(b""), b"        ");
        assert_eq!(&padded::<4>(b"12345678"), b"1234");
        assert_eq!(&padded::<4>("abcü".as_bytes()), b"abc ");
        assert_eq!(&padded::<5>("abcü".as_bytes()), "abcü".as_bytes());
        assert_eq!(&padded::<2>(&[0x80, 0x80, 0x80]), &[0x80, 0x80]);
    }

    #[test]
    fn terminated_texts_end_with_a_zero() {
        assert_eq!(&terminated::<6>("154438"), b"15443\0");
        assert_eq!(&terminated::<6>("15"), b"15\0\0\0\0");
    }
}
