//! Finds the names that a client wrote for what garde knows by its names in Rust.

use serde_json::{Map, Value};

use super::{Format, parse::Encoding};

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Key(String),
    Index(usize),
}

/// What the client sent, to look names up in.
///
/// garde names a field as Rust does. Where serde changes the case (`rename_all = "camelCase"`), the
/// name meant is the one that differs in nothing else. Where serde leaves out a newtype or puts in
/// the tag of an enum, the document shows it.
pub(super) struct Names {
    encoding: Encoding,
    document: Option<Value>,
}

impl Names {
    /// No document to look into.
    pub(super) const fn unknown(format: Format) -> Self {
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

    /// The names in a document.
    pub(super) fn of(written: &[u8], encoding: Encoding) -> Self {
        let document = match encoding {
            Encoding::Json => serde_json::from_slice(written).ok(),
            Encoding::Form | Encoding::Query => parameters(written),
        };
        Self { encoding, document }
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The way through the document that a way through the fields of Rust stands for.
    pub(super) fn as_written(&self, path: &[Name]) -> Vec<Name> {
        let mut here = self.document.as_ref();
        let mut written = Vec::with_capacity(path.len());
        let mut rest = path.iter();
        while let Some(name) = rest.next() {
            if let Some((tag, inner)) = here.and_then(|value| tag(value, name, rest.as_slice())) {
                written.push(Name::Key(tag.clone()));
                here = Some(inner);
            }
            let name = match (name, here) {
                (Name::Key(field), Some(Value::Object(members))) => {
                    Name::Key(member(field, members).unwrap_or(field).to_owned())
                }
                // A newtype has an index in Rust and none in serde.
                (Name::Index(_), Some(value)) if !value.is_array() => continue,
                _ => name.clone(),
            };
            here = here.and_then(|value| match &name {
                Name::Key(key) => value.get(key),
                Name::Index(index) => value.get(index),
            });
            written.push(name);
        }
        written
    }
}

/// The parameters of a form or a query; a list is one that was repeated.
fn parameters(written: &[u8]) -> Option<Value> {
    let pairs: Vec<(String, String)> = serde_html_form::from_bytes(written).ok()?;
    let mut parameters = Map::new();
    for (key, _) in pairs {
        parameters
            .entry(key)
            .and_modify(|value| *value = Value::Array(Vec::new()))
            .or_insert(Value::Null);
    }
    Some(Value::Object(parameters))
}

/// The member that is meant by a field of Rust.
fn member<'a>(field: &str, members: &'a Map<String, Value>) -> Option<&'a str> {
    if let Some((key, _)) = members.get_key_value(field) {
        return Some(key);
    }
    let mut alike = members.keys().filter(|key| are_alike(key, field));
    let (first, second) = (alike.next(), alike.next());
    first.filter(|_| second.is_none()).map(String::as_str)
}

/// The tag of an enum's variant (`{"circle": {"radius": 1}}`), which Rust does not count as a step,
/// and what it tags.
fn tag<'a>(value: &'a Value, name: &Name, rest: &[Name]) -> Option<(&'a String, &'a Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (key, inner) = members.iter().next()?;
    let has = |value: &Value, field: &str| {
        value
            .as_object()
            .is_some_and(|members| member(field, members).is_some())
    };
    let tagged = match (name, rest.first()) {
        (Name::Key(field), _) => !has(value, field) && has(inner, field),
        // What has the next field itself is a newtype around a struct.
        (Name::Index(_), Some(Name::Key(field))) => !has(value, field),
        (Name::Index(_), _) => true,
    };
    tagged.then_some((key, inner))
}

/// Whether two names differ in case and in `_` and `-` only.
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
    use super::{Encoding, Name, Names, are_alike};

    #[test]
    fn names_are_alike_in_every_case_that_serde_writes() {
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

    /// `a.0` in short for a key and an index.
    fn path(short: &str) -> Vec<Name> {
        let names = short.split('.').filter(|name| !name.is_empty());
        let name = |name: &str| match name.parse() {
            Ok(index) => Name::Index(index),
            Err(_) => Name::Key(name.to_owned()),
        };
        names.map(name).collect()
    }

    #[test]
    fn the_way_through_rust_becomes_the_way_through_the_document() {
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
            let names = Names::of(document.as_bytes(), Encoding::Json);
            assert_eq!(names.as_written(&path(rust)), path(written), "{name}");
        }
    }

    #[test]
    fn an_index_of_a_parameter_is_kept_if_it_was_repeated() {
        for (form, written) in [("t=a", "t"), ("t=a&t=b", "t.0"), ("", "t.0")] {
            let names = Names::of(form.as_bytes(), Encoding::Form);
            assert_eq!(names.as_written(&path("t.0")), path(written), "{form}");
        }
    }
}
