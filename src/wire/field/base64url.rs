//! Reads base64url without padding (RFC 4648, section 5; RFC 7515, section 2).
//!
//! Every text has one meaning and every meaning one text: padding, other alphabets, white space
//! and stray trailing bits are refused. It is written by hand because every request with a token
//! pays for it, and a decoder for any alphabet takes nearly twice as many instructions.

/// Marks, in the highest byte, what is not a character of the alphabet.
const INVALID: u32 = 0xff00_0000;

/// For each of the four positions in a group, what each byte adds to the three that come out; the
/// lowest byte of the sum is the first of them.
static TABLES: [[u32; 256]; 4] = [table(0), table(1), table(2), table(3)];

/// Appends the bytes that a text stands for; `None` if it is not base64url. What was appended
/// until then stays.
pub(crate) fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (groups, rest) = text.as_chunks::<4>();
    let start = bytes.len();
    bytes.resize(start.checked_add(groups.len().checked_mul(3)?)?, 0);
    let (out, _) = bytes.get_mut(start..)?.as_chunks_mut::<3>();
    let mut invalid = 0;
    for (group, out) in groups.iter().zip(out) {
        let sum = sum(*group);
        invalid |= sum;
        let [first, second, third, _] = sum.to_le_bytes();
        *out = [first, second, third];
    }
    if invalid & INVALID != 0 {
        return None;
    }
    // `A` adds nothing. What is left beside the whole bytes must be zero.
    let (sum, length) = match *rest {
        [] => return Some(()),
        [a, b] => (sum([a, b, b'A', b'A']), 1),
        [a, b, c] => (sum([a, b, c, b'A']), 2),
        _ => return None,
    };
    let sum = sum.to_le_bytes();
    let (whole, stray) = sum.split_at_checked(length)?;
    bytes.extend_from_slice(whole);
    stray.iter().all(|byte| *byte == 0).then_some(())
}

fn sum([a, b, c, d]: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = &TABLES;
    first[usize::from(a)] | second[usize::from(b)] | third[usize::from(c)] | fourth[usize::from(d)]
}

const fn table(position: usize) -> [u32; 256] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = [INVALID; 256];
    let mut bits = 0_u32;
    let mut rest: &[u8] = ALPHABET;
    while let [character, more @ ..] = rest {
        table[*character as usize] = match position {
            0 => bits << 2,
            1 => (bits >> 4) | ((bits & 0xf) << 12),
            2 => ((bits >> 2) << 8) | ((bits & 0x3) << 22),
            _ => bits << 16,
        };
        bits += 1;
        rest = more;
    }
    table
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    fn decode(text: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        super::decode(text, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn reads_the_examples_of_the_standard() {
        // RFC 4648, section 10, without padding; RFC 7515, appendix C.
        let cases: [(&str, &[u8]); 8] = [
            ("", b""),
            ("Zg", b"f"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg", b"foob"),
            ("Zm9vYmE", b"fooba"),
            ("Zm9vYmFy", b"foobar"),
            ("A-z_4ME", &[3, 236, 255, 224, 193]),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn appends_to_what_is_there() {
        let mut bytes = b"bar".to_vec();
        assert_eq!(super::decode(b"Zm9v", &mut bytes), Some(()));
        assert_eq!(bytes, b"barfoo");
    }

    #[test]
    fn refuses_every_spelling_but_one() {
        let cases = [
            ("padding", "Zg=="),
            ("trailing bits in one byte", "Zh"),
            ("trailing bits in two bytes", "Zm9"),
            ("the other alphabet", "+/+/"),
            ("a lone character", "Z"),
            ("a lone character behind a group", "Zm9vZ"),
            ("a space", "Zm 9"),
            ("a line break", "Zm9v\n"),
            ("a character beyond ASCII", "Zm\u{e9}v"),
        ];
        for (name, text) in cases {
            assert_eq!(decode(text.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn refuses_the_same_bytes_in_every_place() {
        for byte in 0..=u8::MAX {
            let known = byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            for position in 0..4 {
                let mut text = *b"AAAA";
                text[position] = byte;
                assert_eq!(decode(&text).is_some(), known, "{byte:#x} at {position}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_general_decoder(text in "[A-Za-z0-9_=+/ -]{0,20}") {
            let general = URL_SAFE_NO_PAD.decode(&text).ok();
            prop_assert_eq!(decode(text.as_bytes()), general);
        }

        #[test]
        fn reads_what_was_written(bytes: Vec<u8>) {
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert_eq!(decode(text.as_bytes()), Some(bytes));
        }
    }
}
