//! The document that a client has sent, as far as places in it are looked for: its names, and enough of its
//! values to tell which of them breaks a rule.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    errors::InputError,
    params::Node,
    trace::{Key, PathSegment},
};

/// The names and the places in a document.
pub(super) enum Document<'a> {
    /// In the order of the document; the last member of a name is the one that counts.
    Object(Vec<(Key<'a>, Self)>),
    /// The items that are looked for, with their places.
    Array(Vec<(usize, Self)>),
    Scalar(Scalar<'a>),
}

pub(super) enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(f64),
    Boolean,
}

/// Where the value of a field is.
pub(super) enum Found<'d, 'a> {
    Member(&'d Key<'a>, &'d Document<'a>),
    Absent(&'static str),
    Flattened,
    OneOf(Vec<(&'d Key<'a>, &'d Document<'a>)>),
    Nothing,
}

impl<'d, 'a> Found<'d, 'a> {
    /// How many members are tried at most.
    const MAX_TRIED_MEMBERS: usize = 16;

    fn any_of(mut members: impl Iterator<Item = &'d (Key<'a>, Document<'a>)>) -> Self {
        let Some((key, member)) = members.next() else {
            return Self::Nothing;
        };
        let others = members.map(|(key, member)| (key, member));
        let all: Vec<_> = [(key, member)].into_iter().chain(others).collect();
        match all.len() {
            1 => Self::Member(key, member),
            2..=Self::MAX_TRIED_MEMBERS => Self::OneOf(all),
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
    pub(super) fn find(
        &self,
        field: &str,
        rest: &[PathSegment],
        fields: &[&'static str],
        message: &str,
    ) -> Found<'_, 'a> {
        let mut absent = fields.iter().enumerate();
        let mut absent = absent
            .by_ref()
            .filter(|(_, name)| same_letters(name, field));
        if let (Some((index, name)), None) = (absent.next(), absent.next()) {
            return match self.alias(fields, index, message) {
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
    fn alias(&self, fields: &[&'static str], index: usize, message: &str) -> Found<'_, 'a> {
        let (Self::Object(members), Some((before, after))) = (self, fields.split_at_checked(index))
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

    /// Other values for this one, some of which are likely to satisfy the rule of this message.
    pub(super) fn other_values(&self, message: &str) -> Vec<serde_json::Value> {
        use serde_json::{Value, json};

        /// The longest text or list that is tried.
        const MAX_LENGTH: usize = 4096;
        /// Texts that satisfy the rules about formats.
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
            if length > MAX_LENGTH {
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
    pub(super) fn member(&self, field: &str) -> Option<&(Key<'a>, Self)> {
        let Self::Object(members) = self else {
            return None;
        };
        let last_first = members.iter().rev();
        last_first
            .clone()
            .find(|(key, _)| key.0 == field)
            .or_else(|| {
                let mut alike = last_first.filter(|(key, _)| same_letters(&key.0, field));
                let found = alike.next()?;
                alike.all(|(key, _)| *key == found.0).then_some(found)
            })
    }

    /// The member with the content of an enum's variant (`{"circle": {"radius": 1}}`, or
    /// `{"type": "circle", "content": {"radius": 1}}`), which is not a segment in Rust.
    pub(super) fn tag(
        &self,
        segment: &PathSegment,
        rest: &[PathSegment],
    ) -> Option<&(Key<'a>, Self)> {
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
pub(super) struct DocumentSeed<'p>(pub(super) &'p [InputError]);

/// How many members of an object are kept whatever their names are.
const MAX_MEMBERS: usize = 256;

impl DocumentSeed<'_> {
    fn has(&self, is_wanted: impl FnMut(&PathSegment) -> bool) -> bool {
        let mut segments = self.0.iter().flat_map(|error| &error.path);
        segments.any(is_wanted)
    }

    fn has_index(&self, index: usize) -> bool {
        self.has(|segment| matches!(segment, PathSegment::Index(wanted) if *wanted == index))
    }

    fn has_name(&self, name: &str) -> bool {
        self.has(
            |segment| matches!(segment, PathSegment::Key(wanted) if same_letters(wanted, name)),
        )
    }
}

impl<'a> DeserializeSeed<'a> for &DocumentSeed<'_> {
    type Value = Document<'a>;

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<Document<'a>, D::Error> {
        reader.deserialize_any(DocumentVisitor(self))
    }
}

/// With its feature `arbitrary_precision`, `serde_json` reads a number as an object with this member.
const NUMBER: &str = "$serde_json::private::Number";

struct DocumentVisitor<'w>(&'w DocumentSeed<'w>);

impl<'a> Visitor<'a> for DocumentVisitor<'_> {
    type Value = Document<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Document<'a>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Key<'a>>()? {
            if members.len() < MAX_MEMBERS || self.0.has_name(&key.0) {
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
pub(super) fn same_letters(left: &str, right: &str) -> bool {
    letters(left).eq(letters(right))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|letter| !matches!(letter, '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::same_letters;

    #[test]
    fn names_are_alike_in_every_case_that_serde_uses() {
        for written in [
            "first_name",
            "firstName",
            "FirstName",
            "first-name",
            "FIRST_NAME",
        ] {
            assert!(same_letters(written, "first_name"), "{written}");
        }
        assert!(!same_letters("first_names", "first_name"));
    }
}
