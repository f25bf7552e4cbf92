//! Checks the syntax of `application/x-www-form-urlencoded`, in forms and query strings.
//!
//! Browsers' own parsers never fail: they keep a stray `%` and replace what is not UTF-8. A server
//! that does the same stores text that nobody wrote, so both are errors here.

/// What is wrong, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A `%` without two hexadecimal digits behind it (RFC 3986, section 2.1).
    Escape { at: usize },
    /// Bytes that are not UTF-8, escaped or not.
    NotUtf8,
}

/// Checks that every escape is valid, and that all text is UTF-8.
///
/// Allocates only if there is an escape of a byte that is not ASCII.
pub(crate) fn check(input: &[u8]) -> Result<(), Malformed> {
    let mut ascii = true;
    let mut at = 0;
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        let skip = if *byte == b'%' {
            let decoded = escape(after).ok_or(Malformed::Escape { at })?;
            ascii &= decoded.is_ascii();
            3
        } else {
            1
        };
        rest = rest.get(skip..).unwrap_or_default();
        at = at.saturating_add(skip);
    }
    let valid = if ascii {
        std::str::from_utf8(input).is_ok()
    } else {
        String::from_utf8(decode(input)).is_ok()
    };
    valid.then_some(()).ok_or(Malformed::NotUtf8)
}

/// The byte that two hexadecimal digits stand for.
fn escape(digits: &[u8]) -> Option<u8> {
    let (&[high, low], _) = digits.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from((digit(high)? << 4) | digit(low)?).ok()
}

/// All of it with its escapes decoded. Separators are ASCII, so no character spans two of the
/// pieces that they make, and all is UTF-8 if and only if every piece is.
fn decode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        let decoded = (*byte == b'%').then(|| escape(after)).flatten();
        out.push(decoded.unwrap_or(*byte));
        let skip = if decoded.is_some() { 3 } else { 1 };
        rest = rest.get(skip..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Malformed, check};

    #[test]
    fn finds_the_first_fault() {
        let cases: [(&[u8], Result<(), Malformed>); 12] = [
            (b"", Ok(())),
            (b"a=1&b=2&b=3", Ok(())),
            (b"q=a+b%20c%26", Ok(())),
            (b"q=caf%C3%A9", Ok(())),
            ("q=caf\u{e9}".as_bytes(), Ok(())),
            (b"q=100%", Err(Malformed::Escape { at: 5 })),
            (b"q=%4", Err(Malformed::Escape { at: 2 })),
            (b"%zz", Err(Malformed::Escape { at: 0 })),
            (b"a=%41%+1", Err(Malformed::Escape { at: 5 })),
            (b"q=%ff", Err(Malformed::NotUtf8)),
            (b"q=\xff", Err(Malformed::NotUtf8)),
            (b"a=%C3&b=%A9", Err(Malformed::NotUtf8)),
        ];
        for (input, expected) in cases {
            let name = String::from_utf8_lossy(input);
            assert_eq!(check(input), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_passes(text in ".*") {
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(check(escaped.as_bytes()), Ok(()));
            prop_assert_eq!(check(text.replace('%', "%25").as_bytes()), Ok(()));
        }

        #[test]
        fn what_passes_is_decoded_without_replacement(
            input in prop::collection::vec(
                prop_oneof![Just(b'%'), Just(b'c'), Just(b'3'), any::<u8>()], 0..30
            )
        ) {
            let replacement = '\u{fffd}';
            if check(&input).is_ok() {
                let pairs: Vec<(String, String)> = serde_html_form::from_bytes(&input).unwrap();
                let read = pairs.iter().any(|(k, v)| (k.clone() + v).contains(replacement));
                let written = String::from_utf8(super::decode(&input)).unwrap();
                prop_assert!(!read || written.contains(replacement));
            }
        }
    }
}
