//! Reads `Accept`: RFC 9110, section 12.5.1.
//!
//! An element that is malformed is ignored, as the other libraries do: a request is not rejected for a
//! preference that can't be read.

use super::token;

/// No client needs more; the others are ignored, so that a long field costs no more than a short one.
pub(super) const MAX_ELEMENTS: usize = 64;

/// The best weight, in thousandths.
pub(crate) const BEST: u16 = 1000;

/// A media range with its weight: `text/html;level=1;q=0.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MediaRange<'a> {
    pub(crate) kind: &'a [u8],
    pub(crate) subtype: &'a [u8],
    /// From the first semicolon on; well-formed.
    parameters: &'a [u8],
    /// In thousandths; 0 is not acceptable.
    pub(crate) weight: u16,
}

/// How well a range matches a media type. The greatest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Specificity {
    /// 0 for `*/*`, 1 for `text/*`, 2 for `text/html`.
    parts: u8,
    /// Whether the media type has all parameters of the range.
    pub(crate) is_exact: bool,
    /// How many parameters both have.
    parameters: usize,
}

/// The value of a parameter, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Token(&'a [u8]),
    /// Without the quotes, and with escapes.
    Quoted(&'a [u8]),
}

/// The well-formed elements of all lines of the field, in their order.
pub(crate) fn ranges<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = MediaRange<'a>> {
    let elements = lines.into_iter().flat_map(elements);
    elements.take(MAX_ELEMENTS).filter_map(MediaRange::parse)
}

/// The elements of a list (RFC 9110, section 5.6.1), whose quoted strings may have commas. Empty
/// elements are left out.
pub(crate) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let mut is_escaped = false;
        let comma = text.iter().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b',' => return !is_quoted,
                _ => {}
            }
            false
        });
        let (element, after) = match comma.and_then(|at| text.split_at_checked(at)) {
            Some((element, after)) => (element, after.strip_prefix(b",")),
            None => (text, None),
        };
        rest = after;
        Some(element.trim_ascii())
    })
    .filter(|element| !element.is_empty())
}

impl<'a> MediaRange<'a> {
    pub(crate) fn parse(element: &'a [u8]) -> Option<Self> {
        let (kind, rest) = token(element.trim_ascii())?;
        let (subtype, parameters) = token(rest.strip_prefix(b"/")?)?;
        if kind == b"*" && subtype != b"*" {
            return None;
        }
        let mut weight = None;
        let mut rest = parameters;
        while let Some((parameter, after)) = next_parameter(rest)? {
            rest = after;
            let Some((name, value)) = parameter else {
                continue;
            };
            // A recipient recognizes the weight by its name, wherever it stands.
            if name.eq_ignore_ascii_case(b"q") {
                let Value::Token(value) = value else {
                    return None;
                };
                if weight.replace(parse_weight(value)?).is_some() {
                    return None;
                }
            }
        }
        Some(Self {
            kind,
            subtype,
            parameters,
            weight: weight.unwrap_or(BEST),
        })
    }

    /// How well the range matches a media type (RFC 9110, section 12.5.1); `None` if it does not match. A
    /// range without parameters matches a type with any. A parameter that the type does not have at all is
    /// ignored, because many clients write `application/json; charset=utf-8`, unless the range excludes
    /// something: `text/html;level=1;q=0` excludes only that.
    pub(crate) fn specificity(&self, media_type: &MediaRange<'_>) -> Option<Specificity> {
        let parts = if self.kind == b"*" {
            0
        } else if !self.kind.eq_ignore_ascii_case(media_type.kind) {
            return None;
        } else if self.subtype == b"*" {
            1
        } else if self.subtype.eq_ignore_ascii_case(media_type.subtype) {
            2
        } else {
            return None;
        };
        let mut is_exact = true;
        let mut parameters = 0;
        for (name, value) in self.parameters() {
            let mut offered = media_type.parameters();
            match offered.find(|(other, _)| other.eq_ignore_ascii_case(name)) {
                Some((_, found)) if found.eq_ignore_ascii_case(&value) => parameters += 1,
                None if self.weight > 0 => is_exact = false,
                _ => return None,
            }
        }
        Some(Specificity {
            parts,
            is_exact,
            parameters,
        })
    }

    /// The parameters of the media type, without the weight.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> + use<'a> {
        let mut rest = self.parameters;
        let all = std::iter::from_fn(move || {
            loop {
                let (parameter, after) = next_parameter(rest)??;
                rest = after;
                if parameter.is_some() {
                    return parameter;
                }
            }
        });
        all.filter(|(name, _)| !name.eq_ignore_ascii_case(b"q"))
    }
}

impl Value<'_> {
    fn eq_ignore_ascii_case(&self, other: &Self) -> bool {
        let lowercase = |byte: u8| byte.to_ascii_lowercase();
        self.bytes().map(lowercase).eq(other.bytes().map(lowercase))
    }

    /// The bytes, without escapes.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        let (text, is_quoted) = match self {
            Self::Token(text) => (*text, false),
            Self::Quoted(text) => (*text, true),
        };
        let mut is_escaped = false;
        text.iter().copied().filter(move |byte| {
            is_escaped = is_quoted && *byte == b'\\' && !is_escaped;
            !is_escaped
        })
    }
}

/// A weight in thousandths (RFC 9110, section 12.4.2): up to three decimals, from 0 to 1.
pub(crate) fn parse_weight(text: &[u8]) -> Option<u16> {
    let (first, rest) = text.split_first()?;
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        _ => return None,
    };
    let mut part = 0;
    let mut scale = 100;
    for digit in decimals {
        if !digit.is_ascii_digit() {
            return None;
        }
        part += u16::from(digit - b'0') * scale;
        scale /= 10;
    }
    match first {
        b'0' => Some(part),
        b'1' if part == 0 => Some(BEST),
        _ => None,
    }
}

type Parameter<'a> = (&'a [u8], Value<'a>);

/// The next parameter and what follows it: `parameters = *( OWS ";" OWS [ parameter ] )`, section
/// 5.6.6. The outer `None` says that it is malformed, the inner one that there are no more.
#[expect(
    clippy::option_option,
    reason = "malformed, at its end, or a parameter"
)]
fn next_parameter(input: &[u8]) -> Option<Option<(Option<Parameter<'_>>, &[u8])>> {
    let rest = input.trim_ascii_start();
    if rest.is_empty() {
        return Some(None);
    }
    let rest = rest.strip_prefix(b";")?.trim_ascii_start();
    let Some((name, after)) = token(rest) else {
        return Some(Some((None, rest)));
    };
    let (value, after) = value(after.strip_prefix(b"=")?)?;
    Some(Some((Some((name, value)), after)))
}

fn value(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let Some(text) = input.strip_prefix(b"\"") else {
        return token(input).map(|(value, rest)| (Value::Token(value), rest));
    };
    let mut is_escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' if !is_escaped => {
                let (value, rest) = text.split_at_checked(at)?;
                return Some((Value::Quoted(value), rest.strip_prefix(b"\"")?));
            }
            b'\\' if !is_escaped => is_escaped = true,
            b'\t' | b' '..=b'~' | 0x80.. => is_escaped = false,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MediaRange, elements, parse_weight, ranges};

    fn read(field: &str) -> Vec<(String, u16)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ranges = ranges([field.as_bytes()]).map(|range| {
            let mut name = format!("{}/{}", text(range.kind), text(range.subtype));
            for (key, value) in range.parameters() {
                let value: Vec<u8> = value.bytes().collect();
                name.push_str(&format!(";{}={}", text(key), text(&value)));
            }
            (name, range.weight)
        });
        ranges.collect()
    }

    #[test]
    fn reads_the_examples_of_the_standard() {
        // RFC 9110, section 12.5.1.
        let cases: [(&str, &[(&str, u16)]); 4] = [
            (
                "audio/*; q=0.2, audio/basic",
                &[("audio/*", 200), ("audio/basic", 1000)],
            ),
            (
                "text/plain; q=0.5, text/html,\n text/x-dvi; q=0.8, text/x-c",
                &[
                    ("text/plain", 500),
                    ("text/html", 1000),
                    ("text/x-dvi", 800),
                    ("text/x-c", 1000),
                ],
            ),
            (
                "text/*, text/plain, text/plain;format=flowed, */*",
                &[
                    ("text/*", 1000),
                    ("text/plain", 1000),
                    ("text/plain;format=flowed", 1000),
                    ("*/*", 1000),
                ],
            ),
            (
                "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, \
                 text/plain;format=fixed;q=0.4, */*;q=0.5",
                &[
                    ("text/*", 300),
                    ("text/plain", 700),
                    ("text/plain;format=flowed", 1000),
                    ("text/plain;format=fixed", 400),
                    ("*/*", 500),
                ],
            ),
        ];
        for (field, expected) in cases {
            let found = read(field);
            let found: Vec<_> = found
                .iter()
                .map(|(name, weight)| (&**name, *weight))
                .collect();
            assert_eq!(found, expected, "{field}");
        }
    }

    #[test]
    fn a_malformed_element_is_ignored() {
        let cases = [
            ("", 0),
            (",, ,", 0),
            ("text", 0),
            ("text/", 0),
            ("/html", 0),
            ("*/html", 0),
            ("*", 0),
            ("text /html", 0),
            ("text/html;q=2", 0),
            ("text/html;q=1.001", 0),
            ("text/html;q=0.1234", 0),
            ("text/html;q=.5", 0),
            ("text/html;q=-1", 0),
            ("text/html;q=", 0),
            ("text/html;q=\"1\"", 0),
            ("text/html;q=1;q=0", 0),
            ("text/html;level", 0),
            ("text/html;a=\"b, text/plain", 0),
            ("text/html;a=\"b\\", 0),
            ("bad, text/html", 1),
            ("text/html ; level=1 ; q=0.5 ;", 1),
            ("text/html;q=0.5;ext=1", 1),
            ("text/html;a=\"x,y\\\"\",text/plain", 2),
        ];
        for (field, count) in cases {
            assert_eq!(read(field).len(), count, "{field}");
        }
        let many = "text/html,".repeat(1000);
        assert_eq!(read(&many).len(), 64);
    }

    #[test]
    fn weights_have_three_decimals() {
        let cases = [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.001", Some(1)),
            ("0.5", Some(500)),
            ("0.55", Some(550)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("1.0001", None),
            ("1.1", None),
            ("", None),
            ("01", None),
            ("0,5", None),
        ];
        for (text, weight) in cases {
            assert_eq!(parse_weight(text.as_bytes()), weight, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(any::<u8>(), 0..60)) {
            for element in elements(&line) {
                if let Some(range) = MediaRange::parse(element) {
                    prop_assert!(range.weight <= 1000);
                    prop_assert!(range.parameters().count() < 60);
                }
            }
        }

        #[test]
        fn a_quoted_value_is_read_back(text in "[ -~]{0,12}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!("a/b;x=\"{quoted}\";q=0.3");
            prop_assert_eq!(read(&field), [(format!("a/b;x={text}"), 300)]);
        }
    }
}
