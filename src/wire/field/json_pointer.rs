//! Writes JSON Pointers (RFC 6901) in their URI fragment form, as problems carry them.

use std::fmt::Write as _;

/// The pointer to a member, as a URI fragment: `#/address/street`.
pub(crate) fn fragment(tokens: impl IntoIterator<Item: AsRef<str>>) -> String {
    // Most pointers fit.
    let mut out = String::with_capacity(64);
    out.push('#');
    for token in tokens {
        out.push('/');
        for byte in token.as_ref().bytes() {
            push(&mut out, byte);
        }
    }
    out
}

fn push(out: &mut String, byte: u8) {
    match byte {
        // RFC 6901, section 3: the two characters that pointers use themselves.
        b'~' => out.push_str("~0"),
        b'/' => out.push_str("~1"),
        // RFC 3986, section 3.5: what a fragment may hold as it is (without `/` and `~`, above).
        _ if byte.is_ascii_alphanumeric() || b"-._!$&'()*+,;=:@?".contains(&byte) => {
            out.push(char::from(byte));
        }
        // RFC 6901, section 6: the rest is percent-encoded UTF-8.
        _ => {
            let _: std::fmt::Result = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fragment;

    #[test]
    fn writes_the_fragments_of_the_standard() {
        // RFC 6901, section 6.
        let cases: [(&[&str], &str); 12] = [
            (&[], "#"),
            (&["foo"], "#/foo"),
            (&["foo", "0"], "#/foo/0"),
            (&[""], "#/"),
            (&["a/b"], "#/a~1b"),
            (&["c%d"], "#/c%25d"),
            (&["e^f"], "#/e%5Ef"),
            (&["g|h"], "#/g%7Ch"),
            (&["i\\j"], "#/i%5Cj"),
            (&["k\"l"], "#/k%22l"),
            (&[" "], "#/%20"),
            (&["m~n"], "#/m~0n"),
        ];
        for (tokens, expected) in cases {
            assert_eq!(fragment(tokens), expected);
        }
    }

    /// Reads a fragment back, by the letter of RFC 6901 and RFC 3986.
    fn parse(fragment: &str) -> Vec<String> {
        let mut bytes = fragment.strip_prefix('#').unwrap().bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            decoded.push(if byte == b'%' {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            } else {
                byte
            });
        }
        let pointer = String::from_utf8(decoded).unwrap();
        let tokens = pointer.split('/').skip(1);
        tokens
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect()
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(tokens in prop::collection::vec(".*", 0..5)) {
            let written = fragment(&tokens);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(parse(&written), tokens);
        }
    }
}
