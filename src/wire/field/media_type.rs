//! Reads a media type, the value of `Content-Type`: RFC 9110, section 8.3.1.

use super::token;

/// A media type, with the one parameter that matters for text: its charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MediaType<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    charset: Option<Charset>,
}

/// A charset, by whether it is the one that everything is written in today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Other,
}

impl<'a> MediaType<'a> {
    /// The media type, or nothing if the field is not well-formed or names two charsets.
    pub(crate) fn parse(field: &'a [u8]) -> Option<Self> {
        let (kind, rest) = token(field.trim_ascii())?;
        let (subtype, mut rest) = token(rest.strip_prefix(b"/")?)?;
        let mut charset = None;
        loop {
            // parameters = *( OWS ";" OWS [ parameter ] ), section 5.6.6
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(b";")?.trim_ascii_start();
            let Some((name, after)) = token(rest) else {
                continue;
            };
            let (value, after) = value(after.strip_prefix(b"=")?)?;
            if name.eq_ignore_ascii_case(b"charset") && charset.replace(value).is_some() {
                return None;
            }
            rest = after;
        }
        Some(Self {
            kind,
            subtype,
            charset,
        })
    }

    /// Types and subtypes are case-insensitive.
    pub(crate) fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// `application/json`, or `application/` anything with the suffix `+json` (RFC 6839).
    pub(crate) fn is_json(&self) -> bool {
        let suffix = self
            .subtype
            .len()
            .checked_sub(b"+json".len())
            .and_then(|at| self.subtype.split_at_checked(at));
        self.is("application", "json")
            || self.kind.eq_ignore_ascii_case(b"application")
                && suffix.is_some_and(|(name, suffix)| {
                    !name.is_empty() && suffix.eq_ignore_ascii_case(b"+json")
                })
    }

    /// Whether it is one of `text/*`, for example.
    pub(crate) fn has_kind(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
    }

    /// Whether the subtype has this suffix: `+xml`.
    pub(crate) fn has_suffix(&self, suffix: &str) -> bool {
        let start = self.subtype.len().checked_sub(suffix.len());
        let end = start.and_then(|start| self.subtype.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
    }

    pub(crate) const fn charset(&self) -> Option<Charset> {
        self.charset
    }
}

/// The value of a parameter, a token or a quoted string, and what follows it.
fn value(input: &[u8]) -> Option<(Charset, &[u8])> {
    let Some(mut rest) = input.strip_prefix(b"\"") else {
        return token(input).map(|(value, rest)| (Charset::named(value.iter().copied()), rest));
    };
    let mut value = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((Charset::named(value.into_iter()), rest)),
            // quoted-pair, section 5.6.4
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                value.push(*escaped);
            }
            b'\t' | b' '..=b'~' | 0x80.. => value.push(*byte),
            _ => return None,
        }
    }
}

impl Charset {
    /// `utf8` is not a registered name, but means nothing else (WHATWG Encoding, section 4.2).
    fn named(name: impl Iterator<Item = u8> + Clone) -> Self {
        let name = name.map(|byte| byte.to_ascii_lowercase());
        if name.clone().eq(*b"utf-8") || name.eq(*b"utf8") {
            Self::Utf8
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Charset, MediaType};

    #[test]
    fn reads_well_formed_media_types() {
        let cases: [(&str, bool, Option<Charset>); 14] = [
            ("application/json", true, None),
            ("Application/JSON", true, None),
            ("application/problem+json", true, None),
            ("application/vnd.api+JSON ;v=1", true, None),
            ("application/+json", false, None),
            ("application/jsonp", false, None),
            ("text/json", false, None),
            ("text/html", false, None),
            ("application/json;", true, None),
            (
                "application/json ; ; charset=utf-8",
                true,
                Some(Charset::Utf8),
            ),
            ("application/json;charset=UTF8", true, Some(Charset::Utf8)),
            (
                r#"application/json; charset="u\tf-8""#,
                true,
                Some(Charset::Utf8),
            ),
            (
                r#"application/json; a=";charset=x"; CHARSET=utf-16"#,
                true,
                Some(Charset::Other),
            ),
            (
                "application/json; charset=latin1",
                true,
                Some(Charset::Other),
            ),
        ];
        for (field, json, charset) in cases {
            let media_type = MediaType::parse(field.as_bytes()).expect(field);
            assert_eq!(media_type.is_json(), json, "{field}");
            assert_eq!(media_type.charset(), charset, "{field}");
        }
    }

    #[test]
    fn reads_the_equivalent_fields_of_the_standard() {
        // RFC 9110, section 8.3.1: these four are equivalent.
        for field in [
            "text/html;charset=utf-8",
            "Text/HTML;Charset=\"utf-8\"",
            "text/html; charset=\"utf-8\"",
            "text/html;charset=UTF-8",
        ] {
            let media_type = MediaType::parse(field.as_bytes()).expect(field);
            assert!(media_type.is("text", "html"), "{field}");
            assert_eq!(media_type.charset(), Some(Charset::Utf8), "{field}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_media_type() {
        for field in [
            "",
            "json",
            "application/",
            "/json",
            "application /json",
            "application/json, text/plain",
            "application/json charset=utf-8",
            "application/json; charset",
            "application/json; charset=",
            "application/json; charset = utf-8",
            "application/json; charset=\"utf-8",
            "application/json; charset=\"\\",
            "application/json; charset=utf-8; charset=utf-16",
            "appl\u{ee}cation/json",
        ] {
            assert_eq!(MediaType::parse(field.as_bytes()), None, "{field}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_any_quoted_charset(name in "[ -~]{0,12}") {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!("text/plain; charset=\"{quoted}\"; x=y");
            let charset = MediaType::parse(field.as_bytes()).unwrap().charset();
            let utf8 = ["utf-8", "utf8"].contains(&name.to_lowercase().as_str());
            prop_assert_eq!(charset == Some(Charset::Utf8), utf8);
        }

        #[test]
        fn any_bytes_are_read_or_refused(field in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(media_type) = MediaType::parse(&field) {
                prop_assert!(field.contains(&b'/'));
                prop_assert!(!media_type.kind.is_empty() && !media_type.subtype.is_empty());
            }
        }
    }
}
