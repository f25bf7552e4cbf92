//! The path that a request has at the upstream: a template with the parameters of the route.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::request::Routes;

/// Everything but the unreserved characters (RFC 3986, section 2.3), so that no value has a character
/// that means something in a URI.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How often an encoded value may be encoded again.
const MAX_ENCODINGS: usize = 4;

/// A path with parameters, written as it is in a router: `/users/{id}`, `/files/{*rest}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A parameter, which is one segment or the end of one.
    Segment(String),
    /// A parameter for the rest of the path: one segment or several.
    Rest(String),
}

/// A parameter whose value could lead to another path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsafe;

impl Template {
    /// The path of the upstream's URL, as it is.
    pub(super) fn fixed(path: &str) -> Result<Self, String> {
        check_text(path)?;
        Ok(Self(vec![Part::Text(path.to_owned())]))
    }

    /// A template behind the path of the upstream's URL.
    pub(super) fn parse(base: &str, template: &str) -> Result<Self, String> {
        if template.contains("{{") || template.contains("}}") {
            return Err(format!(
                "`{template}` has a brace that does not belong to a parameter"
            ));
        }
        Routes::default()
            .add(template)
            .map_err(|reason| reason.replacen("the route", "the path", 1))?;
        let mut text = base.strip_suffix('/').unwrap_or(base).to_owned();
        let mut parts = Vec::new();
        for segment in template.split('/').skip(1) {
            text.push('/');
            let (before, parameter) = match segment.split_once('{') {
                Some((before, rest)) => (before, rest.strip_suffix('}')),
                None => (segment, None),
            };
            text.push_str(before);
            if let Some(name) = parameter {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(match name.strip_prefix('*') {
                    Some(name) => Part::Rest(name.to_owned()),
                    None => Part::Segment(name.to_owned()),
                });
            }
        }
        parts.push(Part::Text(text));
        for part in &parts {
            if let Part::Text(text) = part {
                check_text(text)?;
            }
        }
        Ok(Self(parts))
    }

    /// The names of the parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Segment(name) | Part::Rest(name) => Some(&**name),
        })
    }

    /// The path with these parameters, which have been decoded. A parameter that is missing counts as
    /// unsafe.
    pub(super) fn render(&self, parameters: &[(&str, Cow<'_, str>)]) -> Result<String, Unsafe> {
        let value = |name: &str| {
            let mut parameters = parameters.iter();
            let found = parameters.find(|(known, _)| *known == name);
            found.map(|(_, value)| &**value).ok_or(Unsafe)
        };
        let mut path = String::with_capacity(64);
        for part in &self.0 {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Segment(name) => push_segment(&mut path, value(name)?)?,
                Part::Rest(name) => {
                    let (segments, last) = match value(name)?.rsplit_once('/') {
                        Some((segments, last)) => (Some(segments), last),
                        None => (None, value(name)?),
                    };
                    for segment in segments.into_iter().flat_map(|rest| rest.split('/')) {
                        push_segment(&mut path, segment)?;
                        path.push('/');
                    }
                    // `docs/` ends in an empty segment.
                    if !(last.is_empty() && segments.is_some()) {
                        push_segment(&mut path, last)?;
                    }
                }
            }
        }
        Ok(path)
    }
}

/// Adds a value that is one segment, or the end of one.
fn push_segment(path: &mut String, value: &str) -> Result<(), Unsafe> {
    if !is_segment(value) {
        return Err(Unsafe);
    }
    path.extend(utf8_percent_encode(value, RESERVED));
    Ok(())
}

/// Whether a value is one segment for every server: also for one that decodes it again, takes `\` for
/// `/`, or cuts off parameters (`..;`).
fn is_segment(value: &str) -> bool {
    let mut value = Cow::Borrowed(value);
    for _ in 0..MAX_ENCODINGS {
        let name = value.split(';').next().unwrap_or_default().trim();
        let is_plain = !value.contains(['/', '\\']) && !value.contains(char::is_control);
        if value.is_empty() || !is_plain || name == "." || name == ".." {
            return false;
        }
        let Ok(decoded) = percent_decode_str(&value).decode_utf8() else {
            // It is not encoded text, such as `100%ff`.
            return true;
        };
        if decoded == value {
            return true;
        }
        value = Cow::Owned(decoded.into_owned());
    }
    false
}

/// Checks the fixed part of a path.
fn check_text(text: &str) -> Result<(), String> {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    if !text.bytes().all(is_allowed) {
        return Err(format!(
            "`{text}` has a character that is not allowed in a path"
        ));
    }
    let mut segments = text.split('/').filter(|segment| !segment.is_empty());
    if text.contains("//") || !segments.all(is_segment) {
        return Err(format!(
            "`{text}` has an empty segment, a dot segment, or an encoded slash"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Template, Unsafe};

    fn rendered(template: &str, value: &str) -> Result<String, Unsafe> {
        let template = Template::parse("/base/", template).expect("a path");
        template.render(&[("x", Cow::Borrowed(value))])
    }

    #[test]
    fn a_parameter_stays_one_segment() {
        for (value, path) in [
            ("7", "/base/users/7"),
            ("a b", "/base/users/a%20b"),
            ("a?b#c", "/base/users/a%3Fb%23c"),
            ("user@example.com:80", "/base/users/user%40example.com%3A80"),
            ("100%", "/base/users/100%25"),
            ("\u{e9}", "/base/users/%C3%A9"),
            ("...", "/base/users/..."),
            ("a;b", "/base/users/a%3Bb"),
            ("http:", "/base/users/http%3A"),
        ] {
            assert_eq!(
                rendered("/users/{x}", value).as_deref(),
                Ok(path),
                "{value}"
            );
        }
        for value in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "..\\a",
            "/",
            "//evil.example",
            "%2e%2e",
            "%2E.",
            "a%2fb",
            "%252e%252e",
            "%25252e%25252e",
            "%255c",
            "..;x",
            "..;",
            " ..",
            "a\nb",
            "a\0b",
            "a%00b",
            "%25252525252525252e",
        ] {
            assert_eq!(rendered("/users/{x}", value), Err(Unsafe), "{value:?}");
        }
        let part = rendered("/users/user-{x}/log", "7").expect("a path");
        assert_eq!(part, "/base/users/user-7/log");
    }

    #[test]
    fn the_rest_of_a_path_stays_below_its_prefix() {
        for (value, path) in [
            ("a", "/base/files/a"),
            ("a/b c", "/base/files/a/b%20c"),
            ("a/b/", "/base/files/a/b/"),
        ] {
            assert_eq!(
                rendered("/files/{*x}", value).as_deref(),
                Ok(path),
                "{value}"
            );
        }
        for value in [
            "",
            "/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "a/..",
            "a/%2e%2e/b",
            "a/..;/b",
            "a\\b",
        ] {
            assert_eq!(rendered("/files/{*x}", value), Err(Unsafe), "{value:?}");
        }
    }

    #[test]
    fn templates_are_checked() {
        for template in [
            "users",
            "/users/:id",
            "/{a}{b}",
            "/a{{b}}",
            "/a b",
            "/a/../b",
            "/a//b",
            "/%2e%2e",
            "/{*a}/b",
            "/a?b",
            "/a%2fb",
        ] {
            assert!(Template::parse("/", template).is_err(), "{template}");
        }
        let fixed = Template::fixed("/a/b/").expect("a path");
        assert_eq!(fixed.render(&[]).as_deref(), Ok("/a/b/"));
        Template::fixed("/a//b").expect_err("an empty segment");
        let missing = Template::parse("/", "/{y}").expect("a path");
        assert_eq!(missing.render(&[("x", Cow::Borrowed("7"))]), Err(Unsafe));
    }
}
