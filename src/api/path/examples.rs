//! Finds out without a request what a type takes from a path: it is deserialized from made-up values.

use std::cell::Cell;

use serde::de::{DeserializeOwned, Error as _};

use super::values::{Params, PathError};
use crate::integrations::axum::ParameterKind;

/// Whether a `T` can be made of parameters with these names, as far as that can be told without
/// values.
///
/// If the type of a parameter rejects all examples, serde does not get as far as the fields that the
/// path lacks. A field after that parameter is then taken for required, unless it is an `Option`: whether
/// it has a default is not known.
pub(super) fn takes<T: DeserializeOwned>(names: &[&str]) -> Result<(), String> {
    let mut examples = Examples::of(names.iter().copied());
    match examples.refusal::<T>() {
        None => Ok(()),
        Some(PathError::Value { .. }) => match examples.missing_field::<T>() {
            None => Ok(()),
            Some(field) => Err(PathError::Missing(field).to_string()),
        },
        Some(error) => Err(error.to_string()),
    }
}

/// The kind of each of these parameters, as a `T` takes them.
pub(super) fn kinds<T: DeserializeOwned>(names: &[&str]) -> Vec<(String, ParameterKind)> {
    let mut examples = Examples::of(names.iter().copied());
    drop(examples.refusal::<T>());
    let kind = |name: &&str| {
        let mut examples = examples.all.iter();
        let example = examples.find(|example| example.name == *name);
        let kind = example.map(|example| example.kind.get());
        ((*name).to_owned(), kind.unwrap_or_default())
    };
    names.iter().map(kind).collect()
}

/// A value for each parameter of a path.
pub(super) struct Examples<'a> {
    all: Vec<Example<'a>>,
    /// The fields of the type, if it reads the parameters by their names. A map has none, and so has a
    /// struct with a flattened field.
    fields: Cell<Option<&'static [&'static str]>>,
}

/// A value that is made up for a parameter, and what its type has asked for.
pub(super) struct Example<'a> {
    name: &'a str,
    /// How many values the type has rejected.
    rejected: usize,
    is_read_last: bool,
    kind: Cell<ParameterKind>,
    is_optional: Cell<bool>,
}

/// The most values that are tried.
const MAX_ATTEMPTS: usize = 16;

/// The texts that are tried, each with its format in JSON Schema if only that format is accepted.
const TEXTS: [(&str, Option<&str>); 12] = [
    ("x", None),
    ("1", None),
    ("", None),
    ("00000000-0000-0000-0000-000000000000", Some("uuid")),
    ("2000-01-01", Some("date")),
    ("2000-01-01T00:00:00Z", Some("date-time")),
    ("00:00:00", None),
    ("192.0.2.1", None),
    ("2001:db8::1", None),
    ("https://example.com/", None),
    ("user@example.com", None),
    ("1.0.0", None),
];

impl<'a> Examples<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let example = |name| Example {
            name,
            rejected: 0,
            is_read_last: false,
            kind: Cell::default(),
            is_optional: Cell::default(),
        };
        Self {
            all: names.map(example).collect(),
            fields: Cell::new(None),
        }
    }

    pub(super) fn as_slice(&self) -> &[Example<'a>] {
        &self.all
    }

    pub(super) fn note_fields(&self, fields: &'static [&'static str]) {
        self.fields.set(Some(fields));
    }

    /// Why no `T` can be made of the examples. Others are tried until the type of each parameter accepts
    /// one.
    fn refusal<T: DeserializeOwned>(&mut self) -> Option<PathError> {
        loop {
            let error = T::deserialize(Params::MadeUp(self)).err()?;
            match &error {
                PathError::Value { name, .. } if self.try_another(name) => {}
                _ => return Some(error),
            }
        }
    }

    /// Takes another value for this parameter. If there is no more, reads it after all others, so that
    /// these are read at all.
    fn try_another(&mut self, name: &str) -> bool {
        let is_only = self.all.len() == 1;
        let mut examples = self.all.iter();
        let index = examples.position(|example| is_only || example.name == name);
        let Some(rest) = index.and_then(|index| self.all.get_mut(index..)) else {
            return false;
        };
        let Some(example) = rest.first_mut() else {
            return false;
        };
        if !example.is_rejected() {
            example.rejected += 1;
            return true;
        }
        if example.is_read_last || self.fields.get().is_none() {
            return false;
        }
        example.is_read_last = true;
        rest.rotate_left(1);
        true
    }

    /// The first field that the path lacks, where a parameter of the path has been rejected.
    fn missing_field<T: DeserializeOwned>(&self) -> Option<&'static str> {
        let fields = self.fields.get()?;
        let position = |name: &str| fields.iter().position(|field| *field == name);
        let accepted = self.all.iter().filter(|example| !example.is_rejected());
        let accepted = accepted.map(|example| example.name);
        // serde reports the first field that is missing: none before it is required.
        let Some(PathError::Missing(first)) = Self::of(accepted.clone()).refusal::<T>() else {
            return None;
        };
        let mut missing = fields.iter().copied().skip(position(first)?);
        missing.find(|field| {
            if self.all.iter().any(|example| example.name == *field) {
                return false;
            }
            let mut examples = Self::of(accepted.clone().chain([*field]));
            // An alias of a field that is there is that field twice.
            let is_alias = matches!(examples.refusal::<T>(), Some(PathError::Route(_)));
            let mut examples = examples.all.iter();
            let is_optional =
                examples.any(|example| example.name == *field && example.is_optional.get());
            !is_alias && !is_optional
        })
    }
}

impl<'a> Example<'a> {
    pub(super) const fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn note_optional(&self) {
        self.is_optional.set(true);
    }

    pub(super) fn integer<N>(&self, minimum: N, maximum: N) -> Result<N, PathError>
    where
        N: TryFrom<u8>,
        i128: TryFrom<N>,
        u128: TryFrom<N>,
    {
        let kind = ParameterKind::Integer {
            minimum: minimum.try_into().unwrap_or(i128::MIN),
            maximum: maximum.try_into().unwrap_or(u128::MAX),
        };
        let chosen = self.choose(kind, &[1, 2, 0, 10, 100])?;
        N::try_from(chosen).map_err(|_too_large| no_example())
    }

    pub(super) fn number<N: From<f32>>(&self) -> Result<N, PathError> {
        let chosen = self.choose(ParameterKind::Number, &[1.0, 0.0, 0.5, 100.0])?;
        Ok(N::from(chosen))
    }

    pub(super) fn boolean(&self) -> Result<bool, PathError> {
        self.choose(ParameterKind::Boolean, &[true, false])
    }

    pub(super) fn character(&self) -> Result<char, PathError> {
        self.choose(ParameterKind::Character, &['x', 'X', '1', '-'])
    }

    pub(super) fn variant(
        &self,
        variants: &'static [&'static str],
    ) -> Result<&'static str, PathError> {
        self.choose(ParameterKind::OneOf(variants), variants)
    }

    pub(super) fn text(&self) -> Result<&'static str, PathError> {
        let format = TEXTS.get(self.rejected).and_then(|(_, format)| *format);
        let (text, _) = self.choose(ParameterKind::Text { format }, &TEXTS)?;
        Ok(text)
    }

    pub(super) fn anything(&self) -> Result<&'static str, PathError> {
        let (text, _) = self.choose(ParameterKind::Unknown, &TEXTS)?;
        Ok(text)
    }

    /// The next of these values.
    fn choose<T: Copy>(&self, kind: ParameterKind, values: &[T]) -> Result<T, PathError> {
        self.kind.set(kind);
        values.get(self.rejected).copied().ok_or_else(no_example)
    }

    const fn is_rejected(&self) -> bool {
        self.rejected == MAX_ATTEMPTS
    }
}

fn no_example() -> PathError {
    PathError::custom("no example is accepted")
}

#[cfg(test)]
mod tests {
    #![expect(dead_code, reason = "types are only deserialized")]

    use std::collections::BTreeMap;

    use serde::{Deserialize, de::DeserializeOwned};

    use super::{ParameterKind, kinds, takes};

    const TEXT: ParameterKind = ParameterKind::Text { format: None };
    const BYTE: ParameterKind = ParameterKind::Integer {
        minimum: 0,
        maximum: 255,
    };

    #[derive(Deserialize)]
    struct Id(u8);

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Color {
        Red,
        LightBlue,
    }

    /// Accepts texts that begin alike.
    macro_rules! starting {
        ($($name:ident $start:literal;)*) => {$(
            #[derive(Deserialize)]
            #[serde(try_from = "String")]
            struct $name;

            impl TryFrom<String> for $name {
                type Error = String;

                fn try_from(text: String) -> Result<Self, String> {
                    let starts = text.starts_with($start);
                    starts.then_some(Self).ok_or(text)
                }
            }
        )*};
    }

    starting! {
        Team "team-";
        Uuid "00000000-";
        Date "2000-";
    }

    #[derive(Deserialize)]
    struct Player {
        team: Team,
        number: Id,
        color: Option<Color>,
        page: u64,
    }

    #[derive(Deserialize)]
    struct Flattened {
        number: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    }

    fn kinds_of<T: DeserializeOwned>(names: &[&str]) -> Vec<ParameterKind> {
        let kinds = kinds::<T>(names);
        let found: Vec<_> = kinds.iter().map(|(name, _)| &**name).collect();
        assert_eq!(found, names);
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }

    #[test]
    fn the_kind_of_a_parameter_is_that_of_its_type() {
        let signed = ParameterKind::Integer {
            minimum: i128::MIN,
            maximum: i128::MAX.unsigned_abs(),
        };
        let color = ParameterKind::OneOf(&["red", "light-blue"]);
        let format = |format| ParameterKind::Text {
            format: Some(format),
        };
        for (kind, expected) in [
            (kinds_of::<u8>(&["a"]), BYTE),
            (kinds_of::<i128>(&["a"]), signed),
            (kinds_of::<f32>(&["a"]), ParameterKind::Number),
            (kinds_of::<bool>(&["a"]), ParameterKind::Boolean),
            (kinds_of::<char>(&["a"]), ParameterKind::Character),
            (kinds_of::<String>(&["a"]), TEXT),
            (kinds_of::<Color>(&["a"]), color),
            (kinds_of::<Option<Id>>(&["a"]), BYTE),
            (kinds_of::<(Id,)>(&["a"]), BYTE),
            (kinds_of::<std::net::IpAddr>(&["a"]), TEXT),
            (kinds_of::<Team>(&["a"]), TEXT),
            (kinds_of::<Uuid>(&["a"]), format("uuid")),
            (kinds_of::<Date>(&["a"]), format("date")),
            (
                kinds_of::<serde_json::Value>(&["a"]),
                ParameterKind::Unknown,
            ),
            (kinds_of::<()>(&["a"]), ParameterKind::Unknown),
        ] {
            assert_eq!(kind, [expected]);
        }
        assert_eq!(kinds_of::<(String, u8)>(&["a", "b"]), [TEXT, BYTE]);
        assert_eq!(kinds_of::<Vec<u8>>(&["a", "b"]), [BYTE; 2]);
        assert_eq!(kinds_of::<BTreeMap<String, u8>>(&["a", "b"]), [BYTE; 2]);
        assert_eq!(kinds_of::<Vec<(String, u8)>>(&["a", "b"]), [BYTE; 2]);
        // The second value of a tuple is not read if the first one is rejected.
        let unknown = ParameterKind::Unknown;
        assert_eq!(kinds_of::<(Team, u8)>(&["a", "b"]), [TEXT, unknown]);
    }

    #[test]
    fn the_fields_of_a_struct_tell_the_kinds_in_any_order() {
        let page = ParameterKind::Integer {
            minimum: 0,
            maximum: u128::from(u64::MAX),
        };
        let color = ParameterKind::OneOf(&["red", "light-blue"]);
        let unknown = ParameterKind::Unknown;
        let kinds = kinds_of::<Player>(&["team", "page", "other", "color", "number"]);
        assert_eq!(kinds, [TEXT, page, unknown, color, BYTE]);
        let kinds = kinds_of::<Flattened>(&["a", "number"]);
        assert_eq!(kinds, [unknown, BYTE]);
    }

    #[test]
    fn gives_up_on_a_type_that_asks_for_nothing() {
        struct Never;

        impl<'de> Deserialize<'de> for Never {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Err(serde::de::Error::custom("never"))
            }
        }

        assert_eq!(kinds_of::<Never>(&["a"]), [ParameterKind::Unknown]);
        assert_eq!(takes::<Never>(&["a"]), Ok(()));
        assert_eq!(takes::<Never>(&["a", "b"]), Ok(()));
    }
}
