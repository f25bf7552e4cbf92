//! Reads one text of a parameter with serde.

use std::{borrow::Cow, cell::Cell};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, Unexpected, VariantAccess,
        Visitor, value,
    },
    forward_to_deserialize_any,
};

use crate::wire::field::number::is_number;

/// The text of one parameter.
pub(super) struct Text<'a> {
    pub(super) value: Cow<'a, str>,
    pub(super) reading: Cell<Reading>,
}

/// How a text is read where serde does not tell which type it becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Text,
    /// As the number or the boolean that it is. The type has asked for one.
    Number,
    /// As nothing: it is empty, and the type is an `Option` of a number or a boolean.
    Nothing,
    /// As a text, after it has been tried as a number.
    TextOnly,
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.value
    }

    /// The number or the boolean that the text is in JSON.
    pub(super) fn number(&self) -> Option<serde_json::Value> {
        let value = serde_json::from_str(&self.value).ok()?;
        matches!(
            value,
            serde_json::Value::Number(_) | serde_json::Value::Bool(_)
        )
        .then_some(value)
    }
}

/// Reads one text.
#[derive(Clone, Copy)]
pub(super) struct Scalar<'a> {
    pub(super) text: &'a str,
    /// Where to note how the text has to be read.
    pub(super) source: Option<(&'a Text<'a>, &'a Cell<bool>)>,
    pub(super) in_option: bool,
}

impl<'a> Scalar<'a> {
    /// A text that is not a parameter: the name of a member, for example.
    pub(super) const fn key(text: &'a str) -> Self {
        Self {
            text,
            source: None,
            in_option: false,
        }
    }

    /// A text that is not what its type expects.
    fn refused(self, expected: &str) -> value::Error {
        if self.text.is_empty()
            && self.in_option
            && let Some((text, again)) = self.source
        {
            text.reading.set(Reading::Nothing);
            again.set(true);
        }
        value::Error::invalid_value(Unexpected::Str(self.text), &expected)
    }
}

impl<'de> IntoDeserializer<'de> for Scalar<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
            let number = self.text.parse::<$number>().ok();
            // JSON Schema and Rust agree on numbers but for these.
            let number = number.filter(|_| !self.text.starts_with('+'));
            visitor.$visit(number.ok_or_else(|| self.refused(stringify!($number)))?)
        }
    )*};
}

macro_rules! floats {
    ($($method:ident $visit:ident $number:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
            let number = self.text.parse::<$number>().ok();
            let number = number.filter(|number| number.is_finite() && is_number(self.text));
            visitor.$visit(number.ok_or_else(|| self.refused(stringify!($number)))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Scalar<'_> {
    type Error = value::Error;

    numbers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
    }

    floats! {
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        let reading = self.source.map(|(text, _)| text);
        let number = reading
            .filter(|text| text.reading.get() == Reading::Number)
            .and_then(Text::number);
        match number {
            Some(number) => number
                .deserialize_any(visitor)
                .map_err(value::Error::custom),
            None => visitor.visit_str(self.text),
        }
    }

    /// A checkbox without a value is sent as `on`.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        match self.text {
            "true" | "on" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.refused("a boolean")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Scalar<'_> {
    type Error = value::Error;
    type Variant = UnitVariant;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, UnitVariant), value::Error> {
        let name = seed.deserialize(self.text.into_deserializer())?;
        Ok((name, UnitVariant))
    }
}

/// The variant of an enum that has no content.
pub(super) struct UnitVariant;

impl<'a> VariantAccess<'a> for UnitVariant {
    type Error = value::Error;

    fn unit_variant(self) -> Result<(), value::Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, _: T) -> Result<T::Value, value::Error> {
        Err(has_content())
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, value::Error> {
        Err(has_content())
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        Err(has_content())
    }
}

fn has_content() -> value::Error {
    value::Error::custom("invalid type: text, expected a variant with content")
}
