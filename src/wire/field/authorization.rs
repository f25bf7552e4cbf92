//! Reads `Authorization` (RFC 9110, section 11.6.2).

use http::{HeaderMap, header::AUTHORIZATION};

use super::{Repeated, only_line};

/// The credentials of one scheme in a request's `Authorization`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    /// Nothing: no field, or another scheme.
    Absent,
    /// The text after the scheme. [`is_token68`] checks whether it is a single token, if a parser
    /// does not reject it anyway.
    Token(&'a [u8]),
    /// More than one field line, the scheme among them.
    Repeated,
}

/// Reads the credentials of a scheme that sends one token, such as `Bearer` (RFC 6750, section 2.1).
pub(crate) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Credentials<'a> {
    match only_line(headers, AUTHORIZATION) {
        Ok(line) => line
            .and_then(|line| after_scheme(line.as_bytes(), scheme))
            .map_or(Credentials::Absent, Credentials::Token),
        Err(Repeated) => match all_credentials(headers, scheme).next() {
            Some(_) => Credentials::Repeated,
            None => Credentials::Absent,
        },
    }
}

/// What follows the scheme, in every line of this scheme.
pub(crate) fn all_credentials<'a>(
    headers: &'a HeaderMap,
    scheme: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(AUTHORIZATION).iter();
    lines.filter_map(move |line| after_scheme(line.as_bytes(), scheme))
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

/// Whether it is one token: `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" )
/// *"="` (RFC 9110, section 11.2), which is the `b64token` of RFC 6750.
pub(crate) fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let Some(token) = token.get(..token.len().saturating_sub(padding)) else {
        return false;
    };
    !token.is_empty() && token.iter().all(|byte| is_token68_byte(*byte))
}

const fn is_token68_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
    use proptest::prelude::*;

    use super::{Credentials, credentials, is_token68};

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
        use Credentials::{Absent, Repeated, Token};
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
            ("another scheme", &["Basic dXNlcjpwYXNz"], Absent),
            ("a longer scheme", &["BearerX abc"], Absent),
            ("a shorter field", &["Bear"], Absent),
            ("a tab is no space", &["Bearer\tabc"], Absent),
            ("an empty field", &[""], Absent),
            ("no token", &["Bearer"], Token(b"")),
            ("only spaces", &["Bearer  "], Token(b"")),
            ("two tokens", &["Bearer abc def"], Token(b"abc def")),
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
    fn a_token_has_the_form_of_the_grammar() {
        let cases = [
            ("RFC 6750, section 2.1", "mF_9.B5f-4.1JqM", true),
            ("all signs", "aZ09-._~+/", true),
            ("padding", "abc==", true),
            ("nothing", "", false),
            ("only padding", "==", false),
            ("two tokens", "abc def", false),
            ("a trailing space", "abc ", false),
            ("a parameter", "token=\"abc\"", false),
            ("a comma", "abc, Basic def", false),
            ("padding within", "a=b", false),
            ("not ASCII", "caf\u{e9}", false),
        ];
        for (name, token, expected) in cases {
            assert_eq!(is_token68(token.as_bytes()), expected, "{name}");
        }
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68(&[byte]), expected, "{byte:#x}");
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
                prop_assert!(!is_token68(found) || !found.contains(&b' '));
            }
        }
    }
}
