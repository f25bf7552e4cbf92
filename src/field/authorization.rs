//! Reads `Authorization` (RFC 9110, section 11.6.2).

use http::{HeaderMap, header::AUTHORIZATION};

/// What a request's `Authorization` says in one scheme.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    /// Nothing: no field, or another scheme.
    Absent,
    /// The scheme, and its token.
    Token(&'a [u8]),
    /// The scheme, but not one token after it.
    Malformed,
    /// More than one field line, the scheme among them.
    Repeated,
}

/// Reads the credentials of a scheme that sends one token, such as `Bearer` (RFC 6750, section 2.1).
pub(crate) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Credentials<'a> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Credentials::Absent;
    };
    // `Authorization` is one value, never a list (RFC 9110, section 5.3): which of two lines
    // counts would be a guess.
    if lines.next().is_some() {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        return if lines.any(|line| after_scheme(line.as_bytes(), scheme).is_some()) {
            Credentials::Repeated
        } else {
            Credentials::Absent
        };
    }
    match after_scheme(line.as_bytes(), scheme) {
        None => Credentials::Absent,
        Some(token) if is_token68(token) => Credentials::Token(token),
        Some(_) => Credentials::Malformed,
    }
}

/// What follows the scheme and its spaces, if the line is of this scheme.
fn after_scheme<'a>(line: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = line.split_at_checked(scheme.len())?;
    // Schemes are case-insensitive (RFC 9110, section 11.1).
    if !name.eq_ignore_ascii_case(scheme.as_bytes()) {
        return None;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    if spaces == 0 && !rest.is_empty() {
        // A longer name that begins like this one.
        return None;
    }
    rest.get(spaces..)
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 9110, section
/// 11.2), which is the `b64token` of RFC 6750.
fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let Some(token) = token.get(..token.len().saturating_sub(padding)) else {
        return false;
    };
    // Without branches, the compiler takes 16 bytes at a time; tokens are long.
    let right = token
        .iter()
        .fold(true, |right, byte| right & is_token68_byte(*byte));
    right && !token.is_empty()
}

const fn is_token68_byte(byte: u8) -> bool {
    // From `+` to `9` there are `+`, `-`, `.`, `/`, the digits, and a comma.
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_sign = (byte.wrapping_sub(b'+') < 15) & (byte != b',');
    letter | digit_or_sign | (byte == b'_') | (byte == b'~')
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    use proptest::prelude::*;

    use super::{Credentials, credentials};

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                AUTHORIZATION,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn reads_one_token_of_the_scheme() {
        use Credentials::{Absent, Malformed, Repeated, Token};
        let cases: &[(&str, &[&str], Credentials<'_>)] = &[
            ("no field", &[], Absent),
            (
                "RFC 6750, section 2.1",
                &["Bearer mF_9.B5f-4.1JqM"],
                Token(b"mF_9.B5f-4.1JqM"),
            ),
            ("lower case", &["bearer abc"], Token(b"abc")),
            ("upper case", &["BEARER abc"], Token(b"abc")),
            ("several spaces", &["Bearer   abc"], Token(b"abc")),
            ("padding", &["Bearer abc=="], Token(b"abc==")),
            (
                "all characters",
                &["Bearer aZ09-._~+/="],
                Token(b"aZ09-._~+/="),
            ),
            ("another scheme", &["Basic dXNlcjpwYXNz"], Absent),
            ("a longer scheme", &["BearerX abc"], Absent),
            ("a shorter field", &["Bear"], Absent),
            ("a tab is no space", &["Bearer\tabc"], Absent),
            ("an empty field", &[""], Absent),
            ("no token", &["Bearer"], Malformed),
            ("only spaces", &["Bearer  "], Malformed),
            ("only padding", &["Bearer =="], Malformed),
            ("two tokens", &["Bearer abc def"], Malformed),
            ("a trailing space", &["Bearer abc "], Malformed),
            ("a parameter", &["Bearer token=\"abc\""], Malformed),
            ("a comma", &["Bearer abc, Basic def"], Malformed),
            ("padding within", &["Bearer a=b"], Malformed),
            ("not ASCII", &["Bearer caf\u{e9}"], Malformed),
            ("two lines", &["Bearer abc", "Bearer abc"], Repeated),
            (
                "two lines of two schemes",
                &["Basic abc", "Bearer abc"],
                Repeated,
            ),
            ("two lines of others", &["Basic abc", "Digest abc"], Absent),
        ];
        for (name, lines, expected) in cases {
            assert_eq!(&credentials(&headers(lines), "Bearer"), expected, "{name}");
        }
    }

    #[test]
    fn a_token_has_the_characters_of_the_grammar() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(super::is_token68_byte(byte), expected, "{byte:#x}");
        }
    }

    proptest! {
        #[test]
        fn finds_a_token_only_where_the_grammar_has_one(line in "[\\x20-\\x7e\u{e9}]{0,24}") {
            let headers = headers(&[&line]);
            let token = line
                .get(..7)
                .filter(|start| start.eq_ignore_ascii_case("bearer "))
                .and_then(|_| line.get(7..))
                .map(|rest| rest.trim_start_matches(' '));
            if let Credentials::Token(found) = credentials(&headers, "Bearer") {
                prop_assert_eq!(Some(found), token.map(str::as_bytes));
                prop_assert!(!found.contains(&b' '));
            }
        }
    }
}
