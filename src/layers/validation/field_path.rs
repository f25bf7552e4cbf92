//! Translates paths of fields in Rust, as garde reports them, into paths of the document that the
//! client sent.

use serde_json::{Map, Value};

use super::{input::Format, parse::Encoding};

/// One segment of the path to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathSegment {
    Key(String),
    Index(usize),
}

/// The document that the client sent, in which paths are looked up.
///
/// garde names a field as Rust does. Where serde changes the case (`rename_all = "camelCase"`), the
/// member is the one whose name differs in nothing else. The document also shows where serde omits
/// a newtype or adds the tag of an enum.
pub(super) struct FieldPaths {
    encoding: Encoding,
    document: Option<Value>,
}

impl FieldPaths {
    /// Without a document: paths stay as they are in Rust.
    pub(super) const fn in_rust(format: Format) -> Self {
        let encoding = match format {
            Format::Json | Format::JsonOrForm => Encoding::Json,
            Format::Form => Encoding::Form,
            Format::Query => Encoding::Query,
        };
        Self {
            encoding,
            document: None,
        }
    }

    /// Paths in this document.
    pub(super) fn of(bytes: &[u8], encoding: Encoding) -> Self {
        let document = match encoding {
            Encoding::Json => serde_json::from_slice(bytes).ok(),
            Encoding::Form | Encoding::Query => parameters(bytes),
        };
        Self { encoding, document }
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The path in the document for a path of fields in Rust.
    pub(super) fn as_sent(&self, path: &[PathSegment]) -> Vec<PathSegment> {
        let mut here = self.document.as_ref();
        let mut sent = Vec::with_capacity(path.len());
        let mut rest = path.iter();
        while let Some(name) = rest.next() {
            if let Some((tag, inner)) = here.and_then(|value| tag(value, name, rest.as_slice())) {
                sent.push(PathSegment::Key(tag.clone()));
                here = Some(inner);
            }
            let name = match (name, here) {
                (PathSegment::Key(field), Some(Value::Object(members))) => {
                    PathSegment::Key(member(field, members).unwrap_or(field).to_owned())
                }
                // The field of a newtype has an index in Rust, but not in serde.
                (PathSegment::Index(_), Some(value)) if !value.is_array() => continue,
                _ => name.clone(),
            };
            here = here.and_then(|value| match &name {
                PathSegment::Key(key) => value.get(key),
                PathSegment::Index(index) => value.get(index),
            });
            sent.push(name);
        }
        sent
    }
}

/// The parameters of a form or a query; a repeated one is a list.
fn parameters(bytes: &[u8]) -> Option<Value> {
    let pairs: Vec<(String, String)> = serde_html_form::from_bytes(bytes).ok()?;
    let mut parameters = Map::new();
    for (key, _) in pairs {
        parameters
            .entry(key)
            .and_modify(|value| *value = Value::Array(Vec::new()))
            .or_insert(Value::Null);
    }
    Some(Value::Object(parameters))
}

/// The member for a field in Rust.
fn member<'a>(field: &str, members: &'a Map<String, Value>) -> Option<&'a str> {
    if let Some((key, _)) = members.get_key_value(field) {
        return Some(key);
    }
    let mut alike = members.keys().filter(|key| are_alike(key, field));
    let (first, second) = (alike.next(), alike.next());
    first.filter(|_| second.is_none()).map(String::as_str)
}

/// The tag of an enum variant (`{"circle": {"radius": 1}}`), which is not a segment in Rust, and the
/// tagged value.
fn tag<'a>(
    value: &'a Value,
    name: &PathSegment,
    rest: &[PathSegment],
) -> Option<(&'a String, &'a Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (key, inner) = members.iter().next()?;
    let has = |value: &Value, field: &str| {
        value
            .as_object()
            .is_some_and(|members| member(field, members).is_some())
    };
    let tagged = match (name, rest.first()) {
        (PathSegment::Key(field), _) => !has(value, field) && has(inner, field),
        // An object with the next field is a newtype around a struct.
        (PathSegment::Index(_), Some(PathSegment::Key(field))) => !has(value, field),
        (PathSegment::Index(_), _) => true,
    };
    tagged.then_some((key, inner))
}

/// Whether two names differ only in case, `_` and `-`.
fn are_alike(left: &str, right: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = char> {
        name.chars()
            .filter(|letter| !matches!(letter, '_' | '-'))
            .map(|letter| letter.to_ascii_lowercase())
    }
    letters(left).eq(letters(right))
}

#[cfg(test)]
mod tests {
    use super::{Encoding, FieldPaths, PathSegment, are_alike};

    #[test]
    fn names_are_alike_in_every_case_that_serde_uses() {
        for written in [
            "first_name",
            "firstName",
            "FirstName",
            "first-name",
            "FIRST_NAME",
        ] {
            assert!(are_alike(written, "first_name"), "{written}");
        }
        assert!(!are_alike("first_names", "first_name"));
    }

    /// A path from its short form: `a.0` is a key and an index.
    fn path(short: &str) -> Vec<PathSegment> {
        let names = short.split('.').filter(|name| !name.is_empty());
        let name = |name: &str| match name.parse() {
            Ok(index) => PathSegment::Index(index),
            Err(_) => PathSegment::Key(name.to_owned()),
        };
        names.map(name).collect()
    }

    #[test]
    fn a_path_in_rust_becomes_a_path_in_the_document() {
        let cases = [
            ("same name", r#"{"a":1}"#, "a", "a"),
            ("other case", r#"{"aB":1,"c":2}"#, "a_b", "aB"),
            (
                "two that could be meant",
                r#"{"aB":1,"AB":2}"#,
                "a_b",
                "a_b",
            ),
            ("missing", r#"{"c":1}"#, "a_b", "a_b"),
            (
                "deeper than the document",
                r#"{"a":1}"#,
                "a.b_c.0",
                "a.b_c.0",
            ),
            ("list", r#"{"a":[{"bC":1}]}"#, "a.0.b_c", "a.0.bC"),
            ("newtype of a value", r#"{"a":"x"}"#, "a.0", "a"),
            ("newtype of a list", "[1]", "0.0", "0"),
            ("newtype of a struct", r#"{"x":1}"#, "0.x", "x"),
            (
                "struct variant",
                r#"{"s":{"circle":{"r":0}}}"#,
                "s.r",
                "s.circle.r",
            ),
            (
                "newtype variant",
                r#"{"s":{"circle":0}}"#,
                "s.0",
                "s.circle",
            ),
            (
                "newtype variant of a struct",
                r#"{"circle":{"r":0}}"#,
                "0.r",
                "circle.r",
            ),
            ("tuple variant", r#"{"line":[0,1]}"#, "1", "line.1"),
            (
                "tagged within, or not at all",
                r#"{"type":"circle","r":0}"#,
                "r",
                "r",
            ),
        ];
        for (name, document, rust, written) in cases {
            let paths = FieldPaths::of(document.as_bytes(), Encoding::Json);
            assert_eq!(paths.as_sent(&path(rust)), path(written), "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "t.0")] {
            let paths = FieldPaths::of(form.as_bytes(), Encoding::Form);
            assert_eq!(paths.as_sent(&path("t.0")), path(written), "{form}");
        }
    }
}
