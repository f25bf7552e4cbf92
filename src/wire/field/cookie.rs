//! Reads `Cookie` (RFC 6265, section 4.2).

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// What a request's `Cookie` says under one name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cookie<'a> {
    /// No cookie of this name.
    Absent,
    /// The cookie's value as it was sent; quotes, if any, are part of it.
    Value(&'a [u8]),
    /// Several cookies of this name.
    Repeated,
}

/// Finds a cookie by its name, which is case-sensitive, over all field lines.
///
/// HTTP/2 splits `Cookie` into several lines (RFC 9113, section 8.2.3). A name that occurs twice
/// was set for two paths or domains, and the server can't tell which is its own (RFC 6265, section
/// 4.2.2, forbids relying on the order): a neighbouring site may have planted one of them.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Cookie<'a> {
    find_in(headers.get_all(COOKIE), name)
}

/// The same, in these lines of `Cookie`.
pub(crate) fn find_in<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
    name: &str,
) -> Cookie<'a> {
    let mut values = values_in(lines, name);
    match (values.next(), values.next()) {
        (None, _) => Cookie::Absent,
        (Some(value), None) => Cookie::Value(value),
        (Some(_), Some(_)) => Cookie::Repeated,
    }
}

/// The values of all cookies of this name in these lines of `Cookie`, in the order in which they were
/// sent.
pub(crate) fn values_in<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
    name: &str,
) -> impl Iterator<Item = &'a [u8]> {
    lines
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| value_of(pair, name.as_bytes()))
}

/// The names and values of all cookies, with U+FFFD for what is not UTF-8.
pub(crate) fn all(headers: &HeaderMap) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(equals)?;
        let value = value.strip_prefix(b"=")?;
        Some((
            String::from_utf8_lossy(name.trim_ascii()),
            String::from_utf8_lossy(value.trim_ascii()),
        ))
    })
}

/// The value, if the pair is of this name. Whitespace around the two is not part of them (RFC
/// 6265, section 5.2); a pair without `=` has no name.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = pair.trim_ascii_start().strip_prefix(name)?;
    let value = rest.trim_ascii_start().strip_prefix(b"=")?;
    Some(value.trim_ascii())
}

/// Whether a name can be a cookie's: a token (RFC 6265, section 4.1.1).
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(super::is_token_byte)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::COOKIE};
    use proptest::prelude::*;

    use super::{Cookie, find, is_name};

    fn headers<'a>(lines: impl IntoIterator<Item = &'a str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn finds_a_cookie_by_name() {
        use Cookie::{Absent, Repeated, Value};
        let cases: &[(&str, &[&str], Cookie<'_>)] = &[
            ("no field", &[], Absent),
            ("alone", &["token=abc"], Value(b"abc")),
            (
                "RFC 6265, section 3.1",
                &["SID=31d4; token=en-US"],
                Value(b"en-US"),
            ),
            ("first", &["token=abc; lang=en"], Value(b"abc")),
            ("without a space", &["lang=en;token=abc"], Value(b"abc")),
            ("with spaces", &["  token = abc ; lang=en"], Value(b"abc")),
            ("in another line", &["lang=en", "token=abc"], Value(b"abc")),
            ("empty", &["token="], Value(b"")),
            ("with equal signs", &["token=a=b=="], Value(b"a=b==")),
            ("quoted", &["token=\"abc\""], Value(b"\"abc\"")),
            ("not ASCII", &["token=\u{e9}"], Value(b"\xc3\xa9")),
            ("trailing semicolon", &["token=abc;"], Value(b"abc")),
            ("another case", &["Token=abc"], Absent),
            ("a longer name", &["token2=abc"], Absent),
            ("a longer start", &["mytoken=abc"], Absent),
            ("without a value", &["token"], Absent),
            ("without a name", &["=token=abc"], Absent),
            ("in a value", &["lang=token=abc"], Absent),
            ("twice in a line", &["token=abc; token=def"], Repeated),
            ("twice the same", &["token=abc; token=abc"], Repeated),
            ("in two lines", &["token=abc", "token=def"], Repeated),
            ("empty and set", &["token=; token=abc"], Repeated),
        ];
        for (name, lines, expected) in cases {
            assert_eq!(
                &find(&headers(lines.iter().copied()), "token"),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_is_a_token() {
        for (name, expected) in [
            ("token", true),
            ("__Host-token", true),
            ("", false),
            ("a b", false),
            ("a=b", false),
            ("a;b", false),
            ("caf\u{e9}", false),
        ] {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn finds_what_was_written(
            jar in prop::collection::btree_map("[a-z]{1,6}", "[!#-+\\--:<-\\[\\]-~]{0,12}", 0..6),
            name in "[a-z]{1,6}",
            split in any::<bool>(),
        ) {
            let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let joined = pairs.join("; ");
            let headers = if split {
                headers(pairs.iter().map(String::as_str))
            } else {
                headers([joined.as_str()])
            };
            let expected = jar.get(&name).map_or(Cookie::Absent, |value| Cookie::Value(value.as_bytes()));
            prop_assert_eq!(find(&headers, &name), expected);
        }

        #[test]
        fn agrees_with_a_naive_reading(line in "[tok =;\"a\u{e9}]{0,24}") {
            let headers = headers([line.as_str()]);
            let values: Vec<_> = line
                .split(';')
                .filter_map(|pair| pair.split_once('='))
                .filter(|(name, _)| name.trim() == "to")
                .map(|(_, value)| value.trim().as_bytes())
                .collect();
            let expected = match values.as_slice() {
                [] => Cookie::Absent,
                [value] => Cookie::Value(value),
                _ => Cookie::Repeated,
            };
            prop_assert_eq!(find(&headers, "to"), expected);
        }
    }
}
