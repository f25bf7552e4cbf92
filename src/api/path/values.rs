//! Reads a value from the parameters of a path, each of which is a text.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::examples::{Example, Examples};
use crate::wire::field::number::is_number;

/// The parameters of a route.
#[derive(Clone, Copy)]
pub(super) enum Params<'a> {
    /// Their names and values.
    Sent(&'a [(&'a str, Cow<'a, str>)]),
    /// No request has been made.
    MadeUp(&'a Examples<'a>),
}

impl<'a> Params<'a> {
    fn len(self) -> usize {
        match self {
            Self::Sent(params) => params.len(),
            Self::MadeUp(examples) => examples.as_slice().len(),
        }
    }

    fn values(self) -> impl Iterator<Item = Value<'a>> {
        let (sent, made_up) = match self {
            Self::Sent(params) => (params, [].as_slice()),
            Self::MadeUp(examples) => ([].as_slice(), examples.as_slice()),
        };
        let sent = sent.iter().map(|(name, text)| Value {
            name,
            text: Text::Sent(text),
        });
        sent.chain(made_up.iter().map(|example| Value {
            name: example.name(),
            text: Text::MadeUp(example),
        }))
    }

    fn single(self) -> Result<Value<'a>, PathError> {
        self.check_count(1)?;
        let mut values = self.values();
        values.next().ok_or_else(|| PathError::custom("no value"))
    }

    fn check_count(self, count: usize) -> Result<(), PathError> {
        if self.len() == count {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        Err(PathError::Route(format!(
            "the handler takes {count} path parameter{plural}, but the route has {}",
            self.len()
        )))
    }
}

macro_rules! single {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            self.single()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Params<'_> {
    type Error = PathError;

    single! {
        deserialize_any deserialize_bool deserialize_char deserialize_str deserialize_string
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_identifier
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.single()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_seq(Values::of(self.values()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.check_count(count)?;
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        if let Self::MadeUp(examples) = self {
            examples.note_fields(fields);
        }
        visitor.visit_map(Values::of(self.values()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }
}

/// The value of one parameter.
#[derive(Clone, Copy)]
struct Value<'a> {
    name: &'a str,
    text: Text<'a>,
}

#[derive(Clone, Copy)]
enum Text<'a> {
    Sent(&'a str),
    MadeUp(&'a Example<'a>),
}

/// The values one by one. An error names its value.
struct Values<'a, I> {
    rest: I,
    /// The value whose key has been read.
    current: Option<Value<'a>>,
}

impl<'a, I: Iterator<Item = Value<'a>>> Values<'a, I> {
    const fn of(rest: I) -> Self {
        let current = None;
        Self { rest, current }
    }
}

impl<'de, 'a, I: Iterator<Item = Value<'a>>> SeqAccess<'de> for Values<'a, I> {
    type Error = PathError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, PathError> {
        let read = |value: Value<'_>| seed.deserialize(value).map_err(|e| e.named(value.name));
        self.rest.next().map(read).transpose()
    }
}

impl<'de, 'a, I: Iterator<Item = Value<'a>>> MapAccess<'de> for Values<'a, I> {
    type Error = PathError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, PathError> {
        self.current = self.rest.next();
        let read = |value: Value<'a>| seed.deserialize(value.name.into_deserializer());
        self.current.map(read).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, PathError> {
        let Some(value) = self.current.take() else {
            return Err(PathError::custom("no value"));
        };
        seed.deserialize(value).map_err(|e| e.named(value.name))
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, PathError> {
    text.parse().map_err(PathError::custom)
}

/// A number as the document describes it. Rust has more of them: `+1`, `.5`, `inf`.
fn parse_number<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, PathError> {
    let number = parse(text)?;
    match is_number(text) {
        true => Ok(number),
        false => Err(PathError::custom("not a number as in JSON")),
    }
}

fn parse_float<T>(text: &str) -> Result<T, PathError>
where
    T: FromStr<Err: fmt::Display> + Into<f64> + Copy,
{
    let number: T = parse_number(text)?;
    match number.into().is_finite() {
        true => Ok(number),
        false => Err(PathError::custom("number too large to fit in target type")),
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $parse:ident $example:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            let value = match self.text {
                Text::Sent(text) => $parse(text)?,
                Text::MadeUp(example) => $example(example)?,
            };
            visitor.$visit(value)
        }
    )*};
}

macro_rules! integers {
    ($($method:ident $visit:ident $int:ident;)*) => {
        parsed! {$(
            $method $visit parse_number |example: &Example<'_>| example.integer($int::MIN, $int::MAX);
        )*}
    };
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            match self.text {
                Text::Sent(text) => visitor.visit_str(text),
                Text::MadeUp(example) => visitor.visit_str(example.text()?),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = PathError;

    parsed! {
        deserialize_bool visit_bool parse Example::boolean;
        deserialize_char visit_char parse Example::character;
        deserialize_f32 visit_f32 parse_float Example::number;
        deserialize_f64 visit_f64 parse_float Example::number;
    }

    integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    texts! { deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        match self.text {
            Text::Sent(text) => visitor.visit_str(text),
            Text::MadeUp(example) => visitor.visit_str(example.anything()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        if let Text::MadeUp(example) = self.text {
            example.note_optional();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        let variant = match self.text {
            Text::Sent(text) => text,
            Text::MadeUp(example) => example.variant(variants)?,
        };
        visitor.visit_enum(variant.into_deserializer())
    }

    /// A pair is the name and the value.
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        if count != 2 {
            return self.deserialize_seq(visitor);
        }
        let name = Value {
            name: self.name,
            text: Text::Sent(self.name),
        };
        visitor.visit_seq(Values::of([name, self].into_iter()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, PathError> {
        Err(PathError::Route(format!(
            "the parameter `{}` has one value, but the handler takes several",
            self.name
        )))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    forward_to_deserialize_any! {
        identifier ignored_any unit unit_struct
    }
}

/// Why the parameters do not make up a value.
#[derive(Debug)]
pub(super) enum PathError {
    /// The client has sent something else. The name is empty if it is not known yet.
    Value { name: String, message: String },
    /// The route lacks the parameter of this field.
    Missing(&'static str),
    /// The route has other parameters.
    Route(String),
}

impl PathError {
    /// The error of this parameter, if it is of no other.
    pub(super) fn named(self, parameter: &str) -> Self {
        match self {
            Self::Value { name, message } if name.is_empty() => Self::Value {
                name: parameter.to_owned(),
                message,
            },
            other => other,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { message, .. } | Self::Route(message) => f.write_str(message),
            Self::Missing(field) => write!(f, "the route has no parameter `{field}`"),
        }
    }
}

impl std::error::Error for PathError {}

impl serde::de::Error for PathError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::Value {
            name: String::new(),
            message: message.to_string(),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Route(format!("the handler does not take the parameter `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Route(format!("the route has two parameters `{field}`"))
    }
}
