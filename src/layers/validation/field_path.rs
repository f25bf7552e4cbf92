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
/// 1. a member with the same name, with one that differs only in case, `_` and `-`
///    (`rename_all = "camelCase"`), or with the name that the application has given;
/// 2. the content of an enum's variant, if the field is in there;
/// 3. a field that the client has not sent, by the names that serde reads;
/// 4. a member of a flattened struct, which has no member of its own;
/// 5. the only member whose content has the rest of the path, or whose value can break the rule
///    (`rename = ".."`). Of several such members, it is the one whose change mends the error: see
///    [`Place::OneOf`].
///
/// If none of them finds it, the path ends at the parent: no name of Rust is shown.
pub(super) struct FieldPaths<'a> {
    encoding: Encoding,
    document: Document<'a>,
    /// Names that an application has given: that of a field in Rust, and that of clients.
    given: &'a [(String, String)],
    /// What serde tells of the names; it is asked only if the document does not tell enough.
    trace: Option<Trace>,
}

/// Where the client has sent the value of a field.
pub(super) enum Place {
    Known(Vec<PathSegment>),
    /// It is one of these, or it is reported at the parent.
    OneOf {
        candidates: Vec<Candidate>,
        parent: Vec<PathSegment>,
    },
}

/// A value that may be that of a field.
pub(super) struct Candidate {
    pub(super) path: Vec<PathSegment>,
    /// Other values for it, some of which keep the broken rule.
    pub(super) other_values: Vec<serde_json::Value>,
}

impl<'a> FieldPaths<'a> {
    /// Paths in a JSON text, of which only what these paths lead through is kept.
    pub(super) fn in_json(
        text: &'a str,
        errors: &[InputError],
        given: &'a [(String, String)],
    ) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        let document = Wanted(errors).deserialize(&mut reader);
        Self {
            encoding: Encoding::Json,
            document: document.unwrap_or(Document::Scalar(Scalar::Null)),
            given,
            trace: None,
        }
    }

    /// Paths in a list of parameters.
    pub(super) fn in_params(
        node: &'a Node<'_>,
        encoding: Encoding,
        given: &'a [(String, String)],
    ) -> Self {
        Self {
            encoding,
            document: Document::from(node),
            given,
            trace: None,
        }
    }

    /// Adds what serde tells of the names.
    pub(super) fn learn(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The paths of these errors in the document. Without what serde tells, up to the first one that is
    /// not known.
    pub(super) fn all(&self, errors: &[InputError]) -> Vec<Place> {
        let places = errors
            .iter()
            .map_while(|error| self.as_sent(&error.path, &error.message));
        places.collect()
    }

    /// The path in the document for a path of fields in Rust. The message tells which rule is broken.
    fn as_sent(&self, path: &[PathSegment], message: &str) -> Option<Place> {
        let mut candidates = Vec::new();
        let sent = Vec::with_capacity(path.len());
        let from = Some(&self.document);
        let (sent, _) = self.follow(from, sent, path, message, &mut candidates)?;
        Some(if candidates.is_empty() {
            Place::Known(sent)
        } else {
            Place::OneOf {
                candidates,
                parent: sent,
            }
        })
    }

    /// Goes on from a value of the document to the last one that is known, and returns its path. Where it
    /// could go on in several ways, the end of each of them is a candidate.
    fn follow<'d>(
        &'d self,
        mut here: Option<&'d Document<'a>>,
        mut sent: Vec<PathSegment>,
        mut rest: &[PathSegment],
        message: &str,
        candidates: &mut Vec<Candidate>,
    ) -> Option<(Vec<PathSegment>, Option<&'d Document<'a>>)> {
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
                    let mut given = self.given.iter().filter(|(rust, _)| rust == field);
                    let given = given.find_map(|(_, sent)| value.member(sent));
                    if let Some((Key(key), member)) = value.member(field).or(given) {
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
                        Found::OneOf(members) => {
                            for (Key(key), member) in members {
                                let mut path = sent.clone();
                                path.push(PathSegment::Key(key.to_string()));
                                let known = candidates.len();
                                let (path, value) =
                                    self.follow(Some(member), path, after, message, candidates)?;
                                if let (Some(value), true) = (value, candidates.len() == known) {
                                    let other_values = value.other_values(message);
                                    candidates.push(Candidate { path, other_values });
                                }
                            }
                            break;
                        }
                        Found::Nothing => break,
                    }
                }
                (PathSegment::Key(_), _) => break,
            }
        }
        Some((sent, here))
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
    OneOf(Vec<(&'d Key<'a>, &'d Document<'a>)>),
    Nothing,
}

impl<'d, 'a> Found<'d, 'a> {
    /// How many members are tried at most.
    const MOST: usize = 16;

    fn any_of(mut members: impl Iterator<Item = &'d (Key<'a>, Document<'a>)>) -> Self {
        let Some((key, member)) = members.next() else {
            return Self::Nothing;
        };
        let others = members.map(|(key, member)| (key, member));
        let all: Vec<_> = [(key, member)].into_iter().chain(others).collect();
        match all.len() {
            1 => Self::Member(key, member),
            2..=Self::MOST => Self::OneOf(all),
            _ => Self::Nothing,
        }
    }
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
                Found::Nothing => Found::Absent(name),
                _ if !rest.is_empty() => Found::Absent(name),
                alias => alias,
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
        let fitting = |fits: &dyn Fn(&Self) -> bool| {
            let is_field = |name: &str| fields.is_empty() || fields.contains(&name);
            let all = members.iter();
            Found::any_of(all.filter(|(Key(name), value)| is_field(name) && fits(value)))
        };
        match rest.first() {
            Some(PathSegment::Key(next)) => match fitting(&|value| value.member(next).is_some()) {
                Found::Nothing => fitting(&|value| matches!(value, Self::Object(_))),
                found => found,
            },
            Some(PathSegment::Index(_)) => fitting(&|value| matches!(value, Self::Array(_))),
            None => fitting(&|value| value.can_break(message)),
        }
    }

    /// The member that has been sent under an alias of a field. serde lists the aliases of a field next
    /// to each other, and only one of them can be there.
    fn alias(&self, fields: &[&'static str], place: usize, message: &str) -> Found<'_, 'a> {
        let (Self::Object(members), Some((before, after))) = (self, fields.split_at_checked(place))
        else {
            return Found::Nothing;
        };
        let sent = |name: &&str| members.iter().rev().find(|(key, _)| key.0 == **name);
        let nearest = [
            before.iter().rev().find_map(sent),
            after.iter().find_map(sent),
        ];
        let nearest = nearest.into_iter().flatten();
        Found::any_of(nearest.filter(|(_, value)| message != "not set" && value.can_break(message)))
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

    /// Other values for this one, some of which are likely to keep the rule of this message.
    fn other_values(&self, message: &str) -> Vec<serde_json::Value> {
        use serde_json::{Value, json};

        /// The longest text or list that is tried.
        const LONGEST: usize = 4096;
        /// Texts that keep the rules about formats.
        const TEXTS: [&str; 8] = [
            "a",
            "1",
            "a@example.com",
            "https://example.com/",
            "127.0.0.1",
            "::1",
            "4111111111111111",
            "+12125552368",
        ];

        let bound = |start: &str| {
            let rest = message.strip_prefix(start)?;
            rest.split(' ').next()
        };
        let length = bound("length is lower than ").or_else(|| bound("length is greater than "));
        if let Some(length) = length {
            let length: usize = length.parse().unwrap_or(usize::MAX);
            if length > LONGEST {
                return Vec::new();
            }
            return match self {
                Self::Array(_) => {
                    let items = [json!(""), json!(0), json!({}), json!([])];
                    items.map(|item| Value::Array(vec![item; length])).into()
                }
                _ => vec!["x".repeat(length).into(), "1".repeat(length).into()],
            };
        }
        if let Some(bound) = bound("lower than ").or_else(|| bound("greater than ")) {
            return bound
                .parse::<serde_json::Number>()
                .ok()
                .map(Value::from)
                .into_iter()
                .collect();
        }
        let quoted = message
            .split_once('"')
            .and_then(|(_, rest)| rest.rsplit_once('"'));
        match self {
            Self::Scalar(Scalar::Text(_)) => {
                let quoted = quoted.map(|(text, _)| text);
                let texts = quoted.into_iter().chain(TEXTS);
                texts.map(Value::from).collect()
            }
            Self::Scalar(Scalar::Number(_)) => [0, 1, 2, 10, 100, -1].map(Value::from).into(),
            Self::Scalar(Scalar::Null) => vec![
                json!(""),
                json!("a"),
                json!(0),
                json!(true),
                json!([]),
                json!({}),
            ],
            Self::Scalar(Scalar::Boolean) => vec![json!(true), json!(false)],
            Self::Array(_) => vec![json!([])],
            Self::Object(_) => vec![json!({})],
        }
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
    use super::{Encoding, FieldPaths, InputError, PathSegment, Place, Trace, are_alike};
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
            let mut paths = FieldPaths::in_json(document, std::slice::from_ref(&error), &[]);
            paths.learn(Trace::default());
            let [Place::Known(found)] = &*paths.all(&[error]) else {
                panic!("{name}");
            };
            assert_eq!(*found, path(written), "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "")] {
            let params = Params::new(Encoding::Form, form_urlencoded::parse(form.as_bytes()));
            let mut paths = FieldPaths::in_params(&params.root, Encoding::Form, &[]);
            paths.learn(Trace::default());
            let found = paths.as_sent(&path("t.0"), "");
            assert!(
                matches!(found, Some(Place::Known(found)) if found == path(written)),
                "{form}"
            );
        }
    }
}
