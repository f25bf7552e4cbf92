//! `Cache-Control` (RFC 9111, section 5.2), split into its directives.
//!
//! What a directive means is up to the reader: a policy is read strictly, another server's field
//! with tolerance.

use std::str;

use super::trim_ows;

/// A directive as it is written: the name, and what follows the first `=`, with its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) argument: Option<&'a [u8]>,
}

/// A quoted string without its closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnclosedQuote;

impl Directive<'_> {
    /// Whether it has this name; names are case-insensitive. Space before the `=` is tolerated.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name
            .trim_ascii_end()
            .eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The directives of one field line. An element of the list may be empty: its name is empty then.
pub(crate) fn directives(
    line: &[u8],
) -> impl Iterator<Item = Result<Directive<'_>, UnclosedQuote>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let Ok(end) = element_end(line) else {
            return Some(Err(UnclosedQuote));
        };
        let (element, after) = line.split_at_checked(end).unwrap_or((line, &[]));
        rest = after.strip_prefix(b",");
        let element = trim_ows(element);
        let mut parts = element.splitn(2, |byte| *byte == b'=');
        Some(Ok(Directive {
            name: parts.next().unwrap_or_default(),
            argument: parts.next(),
        }))
    })
}

/// Where the first comma outside a quoted string is, or the end (RFC 9110, section 5.6.4).
fn element_end(line: &[u8]) -> Result<usize, UnclosedQuote> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Ok(at),
            _ => {}
        }
    }
    if quoted {
        return Err(UnclosedQuote);
    }
    Ok(line.len())
}

/// A number of seconds (section 1.2.2): digits only; `u32::MAX` stands for every larger number.
pub(crate) fn delta_seconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = str::from_utf8(digits).ok()?;
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Directive, UnclosedQuote, delta_seconds, directives};

    #[test]
    fn splits_a_line_at_commas_outside_quoted_strings() {
        let cases: [(&str, &[(&str, Option<&str>)]); 8] = [
            ("", &[("", None)]),
            ("no-store", &[("no-store", None)]),
            ("a , b\t,c", &[("a", None), ("b", None), ("c", None)]),
            ("a,,b", &[("a", None), ("", None), ("b", None)]),
            ("a=1, b=", &[("a", Some("1")), ("b", Some(""))]),
            ("a=b=c", &[("a", Some("b=c"))]),
            (
                "private=\"a, b\", c",
                &[("private", Some("\"a, b\"")), ("c", None)],
            ),
            (r#"a="\", b", c"#, &[("a", Some(r#""\", b""#)), ("c", None)]),
        ];
        for (line, expected) in cases {
            let read: Vec<_> = directives(line.as_bytes()).map(Result::unwrap).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, argument)| Directive {
                    name: name.as_bytes(),
                    argument: argument.map(str::as_bytes),
                })
                .collect();
            assert_eq!(read, expected, "{line:?}");
        }
    }

    #[test]
    fn an_unclosed_quoted_string_ends_the_line() {
        let read: Vec<_> = directives(b"a, b=\"c, d").collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1], Err(UnclosedQuote));
    }

    #[test]
    fn names_are_case_insensitive() {
        let read = directives(b"Max-Age =60").next().unwrap().unwrap();
        assert!(read.is("max-age"));
        assert!(!read.is("s-maxage"));
    }

    #[test]
    fn seconds_are_digits_and_bounded() {
        let cases = [
            ("0", Some(0)),
            ("60", Some(60)),
            ("4294967295", Some(u32::MAX)),
            ("99999999999999999999999", Some(u32::MAX)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("\"60\"", None),
        ];
        for (digits, seconds) in cases {
            assert_eq!(delta_seconds(digits.as_bytes()), seconds, "{digits:?}");
        }
    }
}
