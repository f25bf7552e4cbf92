//! Translates paths of fields in Rust, as garde reports them, into paths of the document that the
//! client sent.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

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
pub(super) struct FieldPaths<'a> {
    encoding: Encoding,
    document: Option<Document<'a>>,
}

impl<'a> FieldPaths<'a> {
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
    pub(super) fn of(bytes: &'a [u8], encoding: Encoding) -> Self {
        let document = match encoding {
            Encoding::Json => str::from_utf8(bytes)
                .ok()
                .and_then(|text| serde_json::from_str(text).ok()),
            Encoding::Form | Encoding::Query => parameters(bytes),
        };
        Self { encoding, document }
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The path in the document for a path of fields in Rust.
    pub(super) fn as_sent(&self, path: Vec<PathSegment>) -> Vec<PathSegment> {
        let mut here = self.document.as_ref();
        let mut sent = Vec::with_capacity(path.len());
        let mut rest = path.into_iter();
        while let Some(mut name) = rest.next() {
            if let Some((Key(tag), inner)) =
                here.and_then(|value| value.tag(&name, rest.as_slice()))
            {
                sent.push(PathSegment::Key(tag.to_string()));
                here = Some(inner);
            }
            here = match (&mut name, here) {
                (PathSegment::Key(field), Some(value)) => {
                    let member = value.member(field);
                    if let Some((Key(key), _)) = member
                        && key != field
                    {
                        *field = key.to_string();
                    }
                    member.map(|(_, value)| value)
                }
                (PathSegment::Index(index), Some(Document::Array(items))) => items.get(*index),
                // The field of a newtype has an index in Rust, but not in serde.
                (PathSegment::Index(_), Some(_)) => continue,
                (_, None) => None,
            };
            sent.push(name);
        }
        sent
    }
}

/// The names and the places in a document, without its values.
enum Document<'a> {
    /// In the order of the document; the last member of a name is the one that counts.
    Object(Vec<(Key<'a>, Self)>),
    Array(Vec<Self>),
    Scalar,
}

/// The parameters of a form or a query; a repeated one is a list.
fn parameters(bytes: &[u8]) -> Option<Document<'static>> {
    let pairs: Vec<(String, IgnoredAny)> = serde_html_form::from_bytes(bytes).ok()?;
    let mut parameters = BTreeMap::new();
    for (key, _) in pairs {
        parameters
            .entry(Key(Cow::Owned(key)))
            .and_modify(|value| *value = Document::Array(Vec::new()))
            .or_insert(Document::Scalar);
    }
    Some(Document::Object(parameters.into_iter().collect()))
}

impl<'a> Document<'a> {
    /// The member for a field in Rust, with its name in the document.
    fn member(&self, field: &str) -> Option<&(Key<'a>, Self)> {
        let Self::Object(members) = self else {
            return None;
        };
        let last_first = members.iter().rev();
        last_first
            .clone()
            .find(|(key, _)| key.0 == field)
            .or_else(|| {
                let mut alike = last_first.filter(|(key, _)| are_alike(&key.0, field));
                let found = alike.next()?;
                alike.all(|(key, _)| *key == found.0).then_some(found)
            })
    }

    /// The tag of an enum variant (`{"circle": {"radius": 1}}`), which is not a segment in Rust, and
    /// the tagged value.
    fn tag(&self, name: &PathSegment, rest: &[PathSegment]) -> Option<&(Key<'a>, Self)> {
        let Self::Object(members) = self else {
            return None;
        };
        let only = members.last()?;
        let (tag, inner) = only;
        if members.iter().any(|(key, _)| key != tag) {
            return None;
        }
        let has = |value: &Self, field: &str| value.member(field).is_some();
        let tagged = match (name, rest.first()) {
            (PathSegment::Key(field), _) => !has(self, field) && has(inner, field),
            // An object with the next field is a newtype around a struct.
            (PathSegment::Index(_), Some(PathSegment::Key(field))) => !has(self, field),
            (PathSegment::Index(_), _) => true,
        };
        tagged.then_some(only)
    }
}

impl<'a> Deserialize<'a> for Document<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

/// The name of a member, borrowed if it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Key<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'a> Visitor<'a> for KeyVisitor {
            type Value = Key<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// With its feature `arbitrary_precision`, `serde_json` reads a number as an object with this member.
const NUMBER: &str = "$serde_json::private::Number";

struct DocumentVisitor;

impl<'a> Visitor<'a> for DocumentVisitor {
    type Value = Document<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Document<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        match members.as_slice() {
            [(Key(name), _)] if name == NUMBER => Ok(Document::Scalar),
            _ => Ok(Document::Object(members)),
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Document<'a>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Document::Array(items))
    }

    fn visit_unit<E>(self) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Document<'a>, E> {
        Ok(Document::Scalar)
    }
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
                "repeated, the last one counts",
                r#"{"a":{"bC":1},"a":{"b_c":1}}"#,
                "a.b_c",
                "a.b_c",
            ),
            (
                "newtype variant, repeated",
                r#"{"circle":0,"circle":0}"#,
                "0",
                "circle",
            ),
            (
                "name with escapes",
                r#"{"\u0061B":{"c\u0044":1}}"#,
                "a_b.c_d",
                "aB.cD",
            ),
            (
                "number of any precision",
                r#"{"a":{"$serde_json::private::Number":"1"}}"#,
                "a.0",
                "a",
            ),
            (
                "tagged within, or not at all",
                r#"{"type":"circle","r":0}"#,
                "r",
                "r",
            ),
        ];
        for (name, document, rust, written) in cases {
            let paths = FieldPaths::of(document.as_bytes(), Encoding::Json);
            assert_eq!(paths.as_sent(path(rust)), path(written), "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "t.0")] {
            let paths = FieldPaths::of(form.as_bytes(), Encoding::Form);
            assert_eq!(paths.as_sent(path("t.0")), path(written), "{form}");
        }
    }
}
