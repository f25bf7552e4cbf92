//! Reads the claims once: as what the handler asks for and, as they pass by, those that are
//! checked.
//!
//! This is the quick way. Whatever is not plain (an audience that is an array, a registered claim
//! that is `null` or occurs twice, claims that are no struct or map) makes it give up, and so does
//! every mistake: the claims are then read twice, and that decides and gives the reason.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error, MapAccess, Visitor,
        value::{BorrowedStrDeserializer, StringDeserializer},
    },
};

use super::{
    audience::Audience,
    claims::Registered,
    date::NumericDate,
    scalar::{Scalar, ScalarDeserializer},
    text::Text,
};

/// The claims as `C`, and the registered ones.
pub(super) fn read<C: DeserializeOwned>(json: &str) -> Option<(C, Registered<'_>)> {
    let mut seen = Seen::default();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let watch = Watch {
        inner: &mut deserializer,
        seen: &mut seen,
    };
    let claims = C::deserialize(watch).ok()?;
    deserializer.end().ok()?;
    seen.all.then_some((claims, seen.registered))
}

/// The registered claims so far, and whether there are no others.
#[derive(Default)]
struct Seen<'de> {
    registered: Registered<'de>,
    all: bool,
}

#[derive(Clone, Copy)]
enum Name {
    Issuer,
    Audience,
    Expiry,
    NotBefore,
}

impl Name {
    fn of(key: &str) -> Option<Self> {
        match key {
            "iss" => Some(Self::Issuer),
            "aud" => Some(Self::Audience),
            "exp" => Some(Self::Expiry),
            "nbf" => Some(Self::NotBefore),
            _ => None,
        }
    }
}

impl<'de> Seen<'de> {
    /// Notes a registered claim; nothing, if it is there already or of another type.
    fn note(&mut self, name: Name, value: &Scalar<'de>) -> Option<()> {
        let Registered { iss, aud, exp, nbf } = &mut self.registered;
        match name {
            Name::Issuer => fill(iss, value.text()?),
            Name::Audience => fill(aud, Audience::One(value.text()?)),
            Name::Expiry => fill(exp, date(value)?),
            Name::NotBefore => fill(nbf, date(value)?),
        }
    }
}

fn date(value: &Scalar<'_>) -> Option<NumericDate> {
    match *value {
        Scalar::Text(_) => None,
        Scalar::Unsigned(seconds) => Some(seconds.into()),
        Scalar::Signed(seconds) => Some(seconds.into()),
        Scalar::Float(seconds) => Some(NumericDate(seconds)),
    }
}

fn fill<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// Passes a map on and watches it.
struct Watch<'a, 'de, D> {
    inner: D,
    seen: &'a mut Seen<'de>,
}

/// The methods that read no map: the quick way gives up.
macro_rules! give_up {
    ($($method:ident($($name:ident: $type:ty),*),)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* _: V) -> Result<V::Value, D::Error> {
            $(let _: $type = $name;)*
            Err(D::Error::custom("no map"))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Watch<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self { inner, seen } = self;
        inner.deserialize_any(WatchVisitor { visitor, seen })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Self { inner, seen } = self;
        inner.deserialize_map(WatchVisitor { visitor, seen })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { inner, seen } = self;
        inner.deserialize_struct(name, fields, WatchVisitor { visitor, seen })
    }

    give_up! {
        deserialize_bool(), deserialize_i8(), deserialize_i16(), deserialize_i32(),
        deserialize_i64(), deserialize_i128(), deserialize_u8(), deserialize_u16(),
        deserialize_u32(), deserialize_u64(), deserialize_u128(), deserialize_f32(),
        deserialize_f64(), deserialize_char(), deserialize_str(), deserialize_string(),
        deserialize_bytes(), deserialize_byte_buf(), deserialize_option(), deserialize_unit(),
        deserialize_seq(), deserialize_identifier(), deserialize_ignored_any(),
        deserialize_unit_struct(name: &'static str),
        deserialize_newtype_struct(name: &'static str),
        deserialize_tuple(length: usize),
        deserialize_tuple_struct(name: &'static str, length: usize),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]),
    }
}

struct WatchVisitor<'a, 'de, V> {
    visitor: V,
    seen: &'a mut Seen<'de>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for WatchVisitor<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let Self { visitor, seen } = self;
        visitor.visit_map(WatchMap {
            inner,
            seen,
            name: None,
        })
    }
}

struct WatchMap<'a, 'de, A> {
    inner: A,
    seen: &'a mut Seen<'de>,
    /// The registered claim whose value comes next.
    name: Option<Name>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WatchMap<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.inner.next_key::<Text<'de>>()? else {
            self.seen.all = true;
            return Ok(None);
        };
        self.name = Name::of(&key);
        match key.0 {
            Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
            Cow::Owned(key) => seed.deserialize(StringDeserializer::new(key)),
        }
        .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let Some(name) = self.name.take() else {
            return self.inner.next_value_seed(seed);
        };
        let value: Scalar<'de> = self.inner.next_value()?;
        self.seen
            .note(name, &value)
            .ok_or_else(|| A::Error::custom("not plain"))?;
        seed.deserialize(ScalarDeserializer::new(value))
    }
}
