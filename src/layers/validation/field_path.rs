//! Translates paths of fields in Rust, as garde reports them, into paths of the document that the
//! client sent.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    encoding::Encoding,
    errors::InputError,
    params::Node,
    trace::{Key, PathSegment, Trace},
};

/// The input that the client sent, in which paths are looked up.
///
/// garde names a field as Rust does. The member of a field is found in this order:
///
/// 1. a member with the same name, or with one that differs only in case, `_` and `-`
///    (`rename_all = "camelCase"`);
/// 2. the content of an enum's variant, if the field is in there;
/// 3. a field that the client has not sent, by the names that serde reads;
/// 4. a member of a flattened struct, which has no member of its own;
/// 5. the only member whose content has the rest of the path, or whose value can break the rule
///    (`rename = ".."`).
///
/// If none of them finds it, the path ends at the parent: no name of Rust is shown.
pub(super) struct FieldPaths<'a> {
    encoding: Encoding,
    document: Document<'a>,
    /// What serde tells of the names; it is asked only if the document does not tell enough.
    trace: Option<Trace>,
}

impl<'a> FieldPaths<'a> {
    /// Paths in a JSON text, of which only what these paths lead through is kept.
    pub(super) fn in_json(text: &'a str, errors: &[InputError]) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        let document = Wanted(errors).deserialize(&mut reader);
        Self {
            encoding: Encoding::Json,
            document: document.unwrap_or(Document::Scalar(Scalar::Null)),
            trace: None,
        }
    }

    /// Paths in a list of parameters.
    pub(super) fn in_params(node: &'a Node<'_>, encoding: Encoding) -> Self {
        Self {
            encoding,
            document: Document::from(node),
            trace: None,
        }
    }

    /// Adds what serde tells of the names.
    pub(super) fn learn(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The paths of these errors in the document. Without what serde tells, up to the first one that is
    /// not known.
    pub(super) fn all(&self, errors: &[InputError]) -> Vec<Vec<PathSegment>> {
        let paths = errors
            .iter()
            .map_while(|error| self.as_sent(&error.path, &error.message));
        paths.collect()
    }

    /// The path in the document for a path of fields in Rust. The message tells which rule is broken.
    fn as_sent(&self, path: &[PathSegment], message: &str) -> Option<Vec<PathSegment>> {
        let mut here = Some(&self.document);
        let mut sent = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some((segment, after)) = rest.split_first() {
            let Some(value) = here else {
                break;
            };
            if let Some((Key(tag), content)) = value.tag(segment, after) {
                sent.push(PathSegment::Key(tag.to_string()));
                here = Some(content);
                if matches!(segment, PathSegment::Key(_)) {
                    continue;
                }
            }
            rest = after;
            match (segment, here) {
                (PathSegment::Index(index), Some(Document::Array(items))) => {
                    let mut items = items.iter();
                    let item = items.find(|(at, _)| at == index).map(|(_, item)| item);
                    let is_last = matches!(item, None | Some(Document::Scalar(_)));
                    if let (true, Some(PathSegment::Index(_))) = (is_last, after.first()) {
                        // A newtype around the list.
                        continue;
                    }
                    sent.push(PathSegment::Index(*index));
                    here = item;
                }
                // The field of a newtype has an index in Rust, but not in serde; a transparent struct
                // has a name in Rust.
                (PathSegment::Index(_), _) | (PathSegment::Key(_), Some(Document::Scalar(_))) => {}
                (PathSegment::Key(field), Some(value @ Document::Object(_))) => {
                    if let Some((Key(key), member)) = value.member(field) {
                        sent.push(PathSegment::Key(key.to_string()));
                        here = Some(member);
                        continue;
                    }
                    let mut fields = self.trace.as_ref()?.fields_at(&sent);
                    if self.encoding == Encoding::Header {
                        // A name in the document is that of a field.
                        fields.clear();
                    }
                    match value.find(field, after, &fields, message) {
                        Found::Member(Key(key), member) => {
                            sent.push(PathSegment::Key(key.to_string()));
                            here = Some(member);
                        }
                        Found::Absent(name) => {
                            sent.push(PathSegment::Key(name.to_owned()));
                            here = None;
                        }
                        Found::Flattened => {}
                        Found::Nothing => break,
                    }
                }
                (PathSegment::Key(_), _) => break,
            }
        }
        Some(sent)
    }
}

/// The names and the places in a document.
enum Document<'a> {
    /// In the order of the document; the last member of a name is the one that counts.
    Object(Vec<(Key<'a>, Self)>),
    /// The items that are looked for, with their places.
    Array(Vec<(usize, Self)>),
    Scalar(Scalar<'a>),
}

enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(f64),
    Boolean,
}

/// Where the value of a field is.
enum Found<'d, 'a> {
    Member(&'d Key<'a>, &'d Document<'a>),
    Absent(&'static str),
    Flattened,
    Nothing,
}

impl<'a> From<&'a Node<'_>> for Document<'a> {
    fn from(node: &'a Node<'_>) -> Self {
        match node {
            Node::Text(text) => Self::Scalar(Scalar::Text(Cow::Borrowed(text.as_str()))),
            Node::File(_) => Self::Scalar(Scalar::Null),
            Node::List(items) => Self::Array((0..).zip(items.iter().map(Self::from)).collect()),
            Node::Map(members) => {
                let members = members.iter();
                let members =
                    members.map(|(name, node)| (Key(Cow::Borrowed(&**name)), Self::from(node)));
                Self::Object(members.collect())
            }
        }
    }
}

impl<'a> Document<'a> {
    fn find(
        &self,
        field: &str,
        rest: &[PathSegment],
        fields: &[&'static str],
        message: &str,
    ) -> Found<'_, 'a> {
        let mut absent = fields.iter().enumerate();
        let mut absent = absent.by_ref().filter(|(_, name)| are_alike(name, field));
        if let (Some((place, name)), None) = (absent.next(), absent.next()) {
            return match self.alias(fields, place, message) {
                Some((key, member)) if rest.is_empty() => Found::Member(key, member),
                _ => Found::Absent(name),
            };
        }
        if let Some(PathSegment::Key(next)) = rest.first()
            && self.member(next).is_some()
        {
            return Found::Flattened;
        }
        let Self::Object(members) = self else {
            return Found::Nothing;
        };
        let only = |fits: &dyn Fn(&Self) -> bool| {
            let is_field = |name: &str| fields.is_empty() || fields.contains(&name);
            let mut all = members.iter();
            let mut fitting = all
                .by_ref()
                .filter(|(Key(name), value)| is_field(name) && fits(value));
            fitting.next().filter(|_| fitting.next().is_none())
        };
        let found = match rest.first() {
            Some(PathSegment::Key(next)) => only(&|value| value.member(next).is_some())
                .or_else(|| only(&|value| matches!(value, Self::Object(_)))),
            Some(PathSegment::Index(_)) => only(&|value| matches!(value, Self::Array(_))),
            None => only(&|value| value.can_break(message)),
        };
        found.map_or(Found::Nothing, |(key, member)| Found::Member(key, member))
    }

    /// The member that has been sent under an alias of a field. serde lists the aliases of a field next
    /// to each other, and only one of them can be there.
    fn alias(
        &self,
        fields: &[&'static str],
        place: usize,
        message: &str,
    ) -> Option<&(Key<'a>, Self)> {
        let Self::Object(members) = self else {
            return None;
        };
        let sent = |name: &&str| members.iter().rev().find(|(key, _)| key.0 == **name);
        let (before, after) = fields.split_at_checked(place)?;
        let nearest = [
            before.iter().rev().find_map(sent),
            after.iter().find_map(sent),
        ];
        let mut nearest = nearest.into_iter().flatten();
        let mut fitting = nearest
            .by_ref()
            .filter(|(_, value)| message != "not set" && value.can_break(message));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether a value like this can break the rule of this message.
    fn can_break(&self, message: &str) -> bool {
        let bound = |text: &str| {
            text.split(' ')
                .next()
                .and_then(|bound| bound.parse::<f64>().ok())
        };
        if let Some(rest) = message.strip_prefix("length is ") {
            let Self::Scalar(Scalar::Text(text)) = self else {
                return matches!(self, Self::Array(_) | Self::Object(_));
            };
            #[expect(clippy::cast_precision_loss, reason = "the length of a text in memory")]
            let (chars, bytes) = (text.chars().count() as f64, text.len() as f64);
            let lower = rest.strip_prefix("lower than ").and_then(bound);
            let greater = rest.strip_prefix("greater than ").and_then(bound);
            return lower.is_none_or(|bound| chars < bound)
                && greater.is_none_or(|bound| bytes > bound);
        }
        let lower = message.strip_prefix("lower than ").and_then(bound);
        let greater = message.strip_prefix("greater than ").and_then(bound);
        if lower.is_some() || greater.is_some() {
            let number = match self {
                Self::Scalar(Scalar::Number(number)) => Some(*number),
                Self::Scalar(Scalar::Text(text)) => text.parse().ok(),
                _ => None,
            };
            return number.is_some_and(|number| {
                lower.is_none_or(|bound| number < bound)
                    && greater.is_none_or(|bound| number > bound)
            });
        }
        if message == "not set" {
            return matches!(self, Self::Scalar(Scalar::Null));
        }
        !matches!(self, Self::Scalar(Scalar::Null | Scalar::Boolean))
    }

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

    /// The member with the content of an enum's variant (`{"circle": {"radius": 1}}`, or
    /// `{"type": "circle", "content": {"radius": 1}}`), which is not a segment in Rust.
    fn tag(&self, segment: &PathSegment, rest: &[PathSegment]) -> Option<&(Key<'a>, Self)> {
        let Self::Object(members) = self else {
            return None;
        };
        let has = |value: &Self, field: &str| value.member(field).is_some();
        match (segment, rest.first()) {
            (PathSegment::Key(field), _) => {
                if has(self, field) {
                    return None;
                }
                let mut inside = members.iter().filter(|(_, value)| has(value, field));
                let found = inside.next()?;
                inside.all(|(key, _)| *key == found.0).then_some(found)
            }
            (PathSegment::Index(_), next) => {
                let only = members.last()?;
                if members.iter().any(|(key, _)| *key != only.0) {
                    return None;
                }
                // An object with the next field is a newtype around a struct.
                match next {
                    Some(PathSegment::Key(field)) if has(self, field) => None,
                    _ => Some(only),
                }
            }
        }
    }
}

/// What is kept of a document: the items and the members that some path leads through, and as many
/// other members as a struct has.
struct Wanted<'p>(&'p [InputError]);

/// How many members of an object are kept whatever their names are.
const MOST_MEMBERS: usize = 256;

impl Wanted<'_> {
    fn has(&self, is_wanted: impl FnMut(&PathSegment) -> bool) -> bool {
        let mut segments = self.0.iter().flat_map(|error| &error.path);
        segments.any(is_wanted)
    }

    fn has_index(&self, index: usize) -> bool {
        self.has(|segment| matches!(segment, PathSegment::Index(wanted) if *wanted == index))
    }

    fn has_name(&self, name: &str) -> bool {
        self.has(|segment| matches!(segment, PathSegment::Key(wanted) if are_alike(wanted, name)))
    }
}

impl<'a> DeserializeSeed<'a> for &Wanted<'_> {
    type Value = Document<'a>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Document<'a>, D::Error> {
        reader.deserialize_any(DocumentVisitor(self))
    }
}

/// With its feature `arbitrary_precision`, `serde_json` reads a number as an object with this member.
const NUMBER: &str = "$serde_json::private::Number";

struct DocumentVisitor<'w>(&'w Wanted<'w>);

impl<'a> Visitor<'a> for DocumentVisitor<'_> {
    type Value = Document<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Document<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Key<'a>>()? {
            if members.len() < MOST_MEMBERS || self.0.has_name(&key.0) {
                members.push((key, map.next_value_seed(self.0)?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match members.as_slice() {
            [(Key(name), value)] if name == NUMBER => Ok(match value {
                Document::Scalar(Scalar::Text(text)) => {
                    Document::Scalar(Scalar::Number(text.parse().unwrap_or(f64::NAN)))
                }
                _ => Document::Scalar(Scalar::Number(f64::NAN)),
            }),
            _ => Ok(Document::Object(members)),
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Document<'a>, A::Error> {
        let mut items = Vec::new();
        for index in 0.. {
            if self.0.has_index(index) {
                match seq.next_element_seed(self.0)? {
                    Some(item) => items.push((index, item)),
                    None => break,
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(Document::Array(items))
    }

    fn visit_unit<E>(self) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Null))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Boolean))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "it is compared with the bound of a rule"
    )]
    fn visit_i64<E>(self, number: i64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Number(number as f64)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "it is compared with the bound of a rule"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Number(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Number(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Document<'a>, E> {
        Ok(Document::Scalar(Scalar::Text(Cow::Owned(text.to_owned()))))
    }
}

/// Whether two names differ only in case, `_` and `-`.
fn are_alike(left: &str, right: &str) -> bool {
    letters(left).eq(letters(right))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|letter| !matches!(letter, '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{Encoding, FieldPaths, InputError, PathSegment, Trace, are_alike};
    use crate::layers::validation::params::Params;

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
            ("two that could be meant", r#"{"aB":1,"AB":2}"#, "a_b", ""),
            ("missing", r#"{"c":1}"#, "a_b", ""),
            ("deeper than the document", r#"{"a":1}"#, "a.b_c.0", "a"),
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
            let error = InputError {
                encoding: Encoding::Json,
                message: "length is lower than 2".into(),
                path: path(rust),
                code: "length".into(),
            };
            let mut paths = FieldPaths::in_json(document, std::slice::from_ref(&error));
            paths.learn(Trace::default());
            assert_eq!(paths.all(&[error]), [path(written)], "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "")] {
            let params = Params::new(Encoding::Form, form_urlencoded::parse(form.as_bytes()));
            let mut paths = FieldPaths::in_params(&params.root, Encoding::Form);
            paths.learn(Trace::default());
            assert_eq!(
                paths.as_sent(&path("t.0"), ""),
                Some(path(written)),
                "{form}"
            );
        }
    }
}
