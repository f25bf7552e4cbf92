//! A source as a reader of serde. It is compiled for each type that is read, and not for the readers.

use std::{fmt, mem};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{
    fault::Fault,
    source::{Found, Items, Members, Seed, Source, Target, TypeHint, Variant},
};

/// Reads a value of this type.
pub(in crate::layers::validation) fn read<'de, T: Deserialize<'de>>(
    source: &mut dyn Source<'de>,
) -> Result<T, Fault> {
    T::deserialize(DynReader(source))
}

/// Reads from a source, or from the parts of a value.
struct DynReader<'s, X: ?Sized>(&'s mut X);

macro_rules! reads {
    ($($method:ident($($argument:ident: $kind:ty),*) $hint:expr, $progress:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $kind,)*
            visitor: V,
        ) -> Result<V::Value, Fault> {
            let mut progress = $progress(Progress::Pending(visitor));
            let read = self.0.read($hint, &mut progress);
            progress.0.value(read)
        }
    )*};
}

impl<'de> Deserializer<'de> for DynReader<'_, dyn Source<'de> + '_> {
    type Error = Fault;

    reads! {
        deserialize_any() TypeHint::Any, OfAny;
        deserialize_bool() TypeHint::Bool, OfAny;
        deserialize_i8() TypeHint::I8, OfAny;
        deserialize_i16() TypeHint::I16, OfAny;
        deserialize_i32() TypeHint::I32, OfAny;
        deserialize_i64() TypeHint::I64, OfAny;
        deserialize_i128() TypeHint::I128, OfAny;
        deserialize_u8() TypeHint::U8, OfAny;
        deserialize_u16() TypeHint::U16, OfAny;
        deserialize_u32() TypeHint::U32, OfAny;
        deserialize_u64() TypeHint::U64, OfAny;
        deserialize_u128() TypeHint::U128, OfAny;
        deserialize_f32() TypeHint::F32, OfAny;
        deserialize_f64() TypeHint::F64, OfAny;
        deserialize_char() TypeHint::Char, OfAny;
        deserialize_str() TypeHint::Str, OfAny;
        deserialize_string() TypeHint::String, OfAny;
        deserialize_bytes() TypeHint::Bytes, OfAny;
        deserialize_byte_buf() TypeHint::ByteBuf, OfAny;
        deserialize_option() TypeHint::Option, OfAny;
        deserialize_unit() TypeHint::Unit, OfAny;
        deserialize_unit_struct(name: &'static str) TypeHint::UnitStruct(name), OfAny;
        deserialize_newtype_struct(name: &'static str) TypeHint::NewtypeStruct(name), OfAny;
        deserialize_seq() TypeHint::Seq, OfParts;
        deserialize_tuple(len: usize) TypeHint::Tuple(len), OfParts;
        deserialize_tuple_struct(name: &'static str, len: usize)
            TypeHint::TupleStruct(name, len), OfParts;
        deserialize_map() TypeHint::Map, OfParts;
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
            TypeHint::Struct(name, fields), OfParts;
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
            TypeHint::Enum(name, variants), OfVariant;
        deserialize_identifier() TypeHint::Identifier, OfName;
        deserialize_ignored_any() TypeHint::IgnoredAny, OfAny;
    }
}

/// A visitor or a seed, and then the value that it has made.
// Without the combinators of `Option` and `Result`: each would be compiled for each type.
enum Progress<V, T> {
    Pending(V),
    Value(T),
    Taken,
}

impl<V, T> Progress<V, T> {
    fn value(self, read: Result<(), Fault>) -> Result<T, Fault> {
        match (read, self) {
            (Ok(()), Self::Value(value)) => Ok(value),
            (Ok(()), _) => Err(Fault::read_twice()),
            (Err(fault), _) => Err(fault),
        }
    }
}

/// Targets that call only these methods of a visitor.
macro_rules! targets {
    ($(
        $(#[$doc:meta])*
        $name:ident: $($found:ident $(($value:ident))? $method:ident($($argument:expr)?))*;
    )*) => {$(
        $(#[$doc])*
        struct $name<V, T>(Progress<V, T>);

        impl<'de, V: Visitor<'de>> Target<'de> for $name<V, V::Value> {
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.0 {
                    Progress::Pending(visitor) => visitor.expecting(f),
                    _ => Ok(()),
                }
            }

            fn fill(&mut self, found: Found<'_, 'de>) -> Result<(), Fault> {
                let Progress::Pending(visitor) = mem::replace(&mut self.0, Progress::Taken) else {
                    return Err(Fault::read_twice());
                };
                let value = match found {
                    $(Found::$found $(($value))? => visitor.$method($($argument)?),)*
                    #[allow(unreachable_patterns, clippy::allow_attributes, reason = "not of any kind")]
                    found => return Err(found.unexpected(&visitor)),
                };
                match value {
                    Ok(value) => {
                        self.0 = Progress::Value(value);
                        Ok(())
                    }
                    Err(fault) => Err(fault),
                }
            }
        }
    )*};
}

targets! {
    /// A value of any kind.
    OfAny:
        Bool(value) visit_bool(value)
        I8(value) visit_i8(value)
        I16(value) visit_i16(value)
        I32(value) visit_i32(value)
        I64(value) visit_i64(value)
        I128(value) visit_i128(value)
        U8(value) visit_u8(value)
        U16(value) visit_u16(value)
        U32(value) visit_u32(value)
        U64(value) visit_u64(value)
        U128(value) visit_u128(value)
        F32(value) visit_f32(value)
        F64(value) visit_f64(value)
        Char(value) visit_char(value)
        Str(value) visit_str(value)
        String(value) visit_string(value)
        Bytes(value) visit_bytes(value)
        ByteBuf(value) visit_byte_buf(value)
        None visit_none()
        Unit visit_unit()
        Some(inner) visit_some(DynReader(inner))
        NewtypeStruct(inner) visit_newtype_struct(DynReader(inner))
        Seq(items) visit_seq(DynReader(items))
        Map(members) visit_map(DynReader(members))
        Enum(variant) visit_enum(DynReader(variant));
    /// A struct, a map, a sequence or a tuple: it has parts.
    OfParts:
        Seq(items) visit_seq(DynReader(items))
        Map(members) visit_map(DynReader(members));
    /// An enum.
    OfVariant:
        Enum(variant) visit_enum(DynReader(variant));
    /// The name of a field or a variant.
    OfName:
        Str(name) visit_str(name);
}

/// A seed, and then the value that it has read.
impl<'de, T: DeserializeSeed<'de>> Seed<'de> for Progress<T, T::Value> {
    fn deserialize(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault> {
        let Self::Pending(seed) = mem::replace(self, Self::Taken) else {
            return Err(Fault::read_twice());
        };
        match seed.deserialize(DynReader(source)) {
            Ok(value) => {
                *self = Self::Value(value);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }
}

impl<'de> SeqAccess<'de> for DynReader<'_, dyn Items<'de> + '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let mut progress = Progress::Pending(seed);
        match (self.0.next(&mut progress), progress) {
            (Ok(true), Progress::Value(value)) => Ok(Some(value)),
            (Ok(_), _) => Ok(None),
            (Err(fault), _) => Err(fault),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de> MapAccess<'de> for DynReader<'_, dyn Members<'de> + '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let mut progress = Progress::Pending(seed);
        match (self.0.next_key(&mut progress), progress) {
            (Ok(true), Progress::Value(value)) => Ok(Some(value)),
            (Ok(_), _) => Ok(None),
            (Err(fault), _) => Err(fault),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let mut progress = Progress::Pending(seed);
        let read = self.0.next_value(&mut progress);
        progress.value(read)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, 's> EnumAccess<'de> for DynReader<'s, dyn Variant<'de> + 's> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let mut progress = Progress::Pending(seed);
        let read = self.0.name(&mut progress);
        match progress.value(read) {
            Ok(name) => Ok((name, self)),
            Err(fault) => Err(fault),
        }
    }
}

impl<'de> VariantAccess<'de> for DynReader<'_, dyn Variant<'de> + '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.0.unit()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let mut progress = Progress::Pending(seed);
        let read = self.0.newtype(&mut progress);
        progress.value(read)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut progress = OfParts(Progress::Pending(visitor));
        let read = self.0.tuple(len, &mut progress);
        progress.0.value(read)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut progress = OfParts(Progress::Pending(visitor));
        let read = self.0.fields(fields, &mut progress);
        progress.0.value(read)
    }
}
