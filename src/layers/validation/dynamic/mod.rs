//! Readers of serde without their types, so that the code that reads a value is compiled for one reader
//! of all formats, and the readers are compiled for one value.
//!
//! It does what the crate `erased-serde` does, with fewer functions for each type: a reader is told what
//! the type wants ([`TypeHint`]), and what it finds comes through one method ([`Target::fill`]), which
//! calls only those methods of a visitor that such a type can need. A struct, for example, is read from a
//! map or a sequence, and whatever else is found is of the wrong type. No value borrows from its input.

use std::{fmt, mem};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor,
    },
};

/// Reads a value, once.
pub(super) trait Source<'de> {
    fn read(&mut self, hint: TypeHint, target: &mut dyn Target<'de>) -> Result<(), Fault>;
}

/// Reads a value of this type.
pub(super) fn read<'de, T: Deserialize<'de>>(source: &mut dyn Source<'de>) -> Result<T, Fault> {
    T::deserialize(DynReader(source))
}

/// The type that a value asks a reader for.
#[derive(Clone, Copy)]
pub(super) enum TypeHint {
    Any,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    String,
    Bytes,
    ByteBuf,
    Option,
    Unit,
    UnitStruct(&'static str),
    NewtypeStruct(&'static str),
    Seq,
    Tuple(usize),
    TupleStruct(&'static str, usize),
    Map,
    Struct(&'static str, &'static [&'static str]),
    Enum(&'static str, &'static [&'static str]),
    Identifier,
    IgnoredAny,
}

/// What a reader has found. What is inside is read with the sources.
pub(super) enum Found<'f, 'de> {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    F32(f32),
    F64(f64),
    Char(char),
    Str(&'f str),
    String(String),
    Bytes(&'f [u8]),
    ByteBuf(Vec<u8>),
    None,
    Unit,
    Some(&'f mut dyn Source<'de>),
    NewtypeStruct(&'f mut dyn Source<'de>),
    Seq(&'f mut dyn Items<'de>),
    Map(&'f mut dyn Members<'de>),
    Enum(&'f mut dyn Variant<'de>),
}

impl Found<'_, '_> {
    /// Of a type that is not expected.
    fn unexpected(self, expected: &dyn Expected) -> Fault {
        let found = match &self {
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::I8(value) => Unexpected::Signed(i64::from(*value)),
            Self::I16(value) => Unexpected::Signed(i64::from(*value)),
            Self::I32(value) => Unexpected::Signed(i64::from(*value)),
            Self::I64(value) => Unexpected::Signed(*value),
            Self::I128(_) => Unexpected::Other("integer `i128`"),
            Self::U8(value) => Unexpected::Unsigned(u64::from(*value)),
            Self::U16(value) => Unexpected::Unsigned(u64::from(*value)),
            Self::U32(value) => Unexpected::Unsigned(u64::from(*value)),
            Self::U64(value) => Unexpected::Unsigned(*value),
            Self::U128(_) => Unexpected::Other("integer `u128`"),
            Self::F32(value) => Unexpected::Float(f64::from(*value)),
            Self::F64(value) => Unexpected::Float(*value),
            Self::Char(value) => Unexpected::Char(*value),
            Self::Str(value) => Unexpected::Str(value),
            Self::String(value) => Unexpected::Str(value),
            Self::Bytes(value) => Unexpected::Bytes(value),
            Self::ByteBuf(value) => Unexpected::Bytes(value),
            Self::None | Self::Some(_) => Unexpected::Option,
            Self::Unit => Unexpected::Unit,
            Self::NewtypeStruct(_) => Unexpected::NewtypeStruct,
            Self::Seq(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
            Self::Enum(_) => Unexpected::Enum,
        };
        Fault::invalid_type(found, expected)
    }
}

/// Makes a value from what a reader finds.
pub(super) trait Target<'de> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    fn fill(&mut self, found: Found<'_, 'de>) -> Result<(), Fault>;
}

/// Makes a value from what a source reads.
pub(super) trait Seed<'de> {
    fn deserialize(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault>;
}

/// The items of a sequence.
pub(super) trait Items<'de> {
    /// `false` at the end.
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// The members of a map.
pub(super) trait Members<'de> {
    /// `false` at the end.
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// The variant of an enum: its name, and then its content.
pub(super) trait Variant<'de> {
    fn name(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn unit(&mut self) -> Result<(), Fault>;

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn tuple(&mut self, len: usize, target: &mut dyn Target<'de>) -> Result<(), Fault>;

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        target: &mut dyn Target<'de>,
    ) -> Result<(), Fault>;
}

/// Why a value can't be read.
pub(super) enum Fault {
    Message(String),
    /// Readers have different names for these two.
    Unit {
        is_type: bool,
        expected: String,
    },
    Float {
        is_type: bool,
        found: f64,
        expected: String,
    },
}

impl Fault {
    fn of(error: impl fmt::Display) -> Self {
        Self::Message(error.to_string())
    }

    #[cold]
    fn read_twice() -> Self {
        Self::Message("read twice".to_owned())
    }

    fn unexpected(is_type: bool, found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => Self::Unit {
                is_type,
                expected: expected.to_string(),
            },
            Unexpected::Float(found) => Self::Float {
                is_type,
                found,
                expected: expected.to_string(),
            },
            _ => {
                let invalid = if is_type { "type" } else { "value" };
                Self::Message(format!("invalid {invalid}: {found}, expected {expected}"))
            }
        }
    }

    fn into_error<E: Error>(self) -> E {
        let (is_type, found, expected) = match self {
            Self::Message(message) => return E::custom(message),
            Self::Unit { is_type, expected } => (is_type, Unexpected::Unit, expected),
            Self::Float {
                is_type,
                found,
                expected,
            } => (is_type, Unexpected::Float(found), expected),
        };
        let expected: &dyn Expected = &expected.as_str();
        if is_type {
            E::invalid_type(found, expected)
        } else {
            E::invalid_value(found, expected)
        }
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(true, found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(false, found, expected)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (is_type, found, expected) = match self {
            Self::Message(message) => return f.write_str(message),
            Self::Unit { is_type, expected } => (is_type, Unexpected::Unit, expected),
            Self::Float {
                is_type,
                found,
                expected,
            } => (is_type, Unexpected::Float(*found), expected),
        };
        let invalid = if *is_type { "type" } else { "value" };
        write!(f, "invalid {invalid}: {found}, expected {expected}")
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}

// From a reader to a source. It is compiled for each reader, and not for the types that it reads.

/// A reader, or what reads the parts of a value, until it is used.
pub(super) struct Once<X>(Option<X>);

impl<X> Once<X> {
    pub(super) const fn new(reader: X) -> Self {
        Self(Some(reader))
    }

    fn take(&mut self) -> Result<X, Fault> {
        self.0.take().ok_or_else(Fault::read_twice)
    }
}

impl<'de, D: Deserializer<'de>> Source<'de> for Once<D> {
    fn read(&mut self, hint: TypeHint, target: &mut dyn Target<'de>) -> Result<(), Fault> {
        let reader = self.take()?;
        let visitor = TargetVisitor(target);
        let read = match hint {
            TypeHint::Any => reader.deserialize_any(visitor),
            TypeHint::Bool => reader.deserialize_bool(visitor),
            TypeHint::I8 => reader.deserialize_i8(visitor),
            TypeHint::I16 => reader.deserialize_i16(visitor),
            TypeHint::I32 => reader.deserialize_i32(visitor),
            TypeHint::I64 => reader.deserialize_i64(visitor),
            TypeHint::I128 => reader.deserialize_i128(visitor),
            TypeHint::U8 => reader.deserialize_u8(visitor),
            TypeHint::U16 => reader.deserialize_u16(visitor),
            TypeHint::U32 => reader.deserialize_u32(visitor),
            TypeHint::U64 => reader.deserialize_u64(visitor),
            TypeHint::U128 => reader.deserialize_u128(visitor),
            TypeHint::F32 => reader.deserialize_f32(visitor),
            TypeHint::F64 => reader.deserialize_f64(visitor),
            TypeHint::Char => reader.deserialize_char(visitor),
            TypeHint::Str => reader.deserialize_str(visitor),
            TypeHint::String => reader.deserialize_string(visitor),
            TypeHint::Bytes => reader.deserialize_bytes(visitor),
            TypeHint::ByteBuf => reader.deserialize_byte_buf(visitor),
            TypeHint::Option => reader.deserialize_option(visitor),
            TypeHint::Unit => reader.deserialize_unit(visitor),
            TypeHint::UnitStruct(name) => reader.deserialize_unit_struct(name, visitor),
            TypeHint::NewtypeStruct(name) => reader.deserialize_newtype_struct(name, visitor),
            TypeHint::Seq => reader.deserialize_seq(visitor),
            TypeHint::Tuple(len) => reader.deserialize_tuple(len, visitor),
            TypeHint::TupleStruct(name, len) => reader.deserialize_tuple_struct(name, len, visitor),
            TypeHint::Map => reader.deserialize_map(visitor),
            TypeHint::Struct(name, fields) => reader.deserialize_struct(name, fields, visitor),
            TypeHint::Enum(name, variants) => reader.deserialize_enum(name, variants, visitor),
            TypeHint::Identifier => reader.deserialize_identifier(visitor),
            TypeHint::IgnoredAny => reader.deserialize_ignored_any(visitor),
        };
        read.map_err(Fault::of)
    }
}

/// A visitor that fills a target.
struct TargetVisitor<'t, 'de>(&'t mut dyn Target<'de>);

macro_rules! fill {
    ($($method:ident($value:ty) $found:ident)*) => {$(
        fn $method<E: Error>(self, value: $value) -> Result<(), E> {
            self.0.fill(Found::$found(value)).map_err(Fault::into_error)
        }
    )*};
}

impl<'de> Visitor<'de> for TargetVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fill! {
        visit_bool(bool) Bool
        visit_i8(i8) I8 visit_i16(i16) I16 visit_i32(i32) I32 visit_i64(i64) I64
        visit_i128(i128) I128
        visit_u8(u8) U8 visit_u16(u16) U16 visit_u32(u32) U32 visit_u64(u64) U64
        visit_u128(u128) U128
        visit_f32(f32) F32 visit_f64(f64) F64 visit_char(char) Char
        visit_str(&str) Str visit_string(String) String
        visit_bytes(&[u8]) Bytes visit_byte_buf(Vec<u8>) ByteBuf
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.0.fill(Found::None).map_err(Fault::into_error)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.fill(Found::Unit).map_err(Fault::into_error)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let mut inner = Once::new(reader);
        let found = Found::Some(&mut inner);
        self.0.fill(found).map_err(Fault::into_error)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let mut inner = Once::new(reader);
        let found = Found::NewtypeStruct(&mut inner);
        self.0.fill(found).map_err(Fault::into_error)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut parts = Parts(&mut items);
        let found = Found::Seq(&mut parts);
        self.0.fill(found).map_err(Fault::into_error)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut parts = Parts(&mut members);
        let found = Found::Map(&mut parts);
        self.0.fill(found).map_err(Fault::into_error)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<(), A::Error> {
        let mut variant = NamedVariant::<A, A::Variant> {
            name: Once::new(variant),
            content: Once(None),
        };
        let found = Found::Enum(&mut variant);
        self.0.fill(found).map_err(Fault::into_error)
    }
}

/// A seed of serde that reads with one of ours.
struct SeedAdapter<'s, 'de>(&'s mut dyn Seed<'de>);

impl<'de> DeserializeSeed<'de> for SeedAdapter<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let mut source = Once::new(reader);
        self.0.deserialize(&mut source).map_err(Fault::into_error)
    }
}

/// What reads the items of a sequence, or the members of a map.
struct Parts<'a, A>(&'a mut A);

impl<'de, A: SeqAccess<'de>> Items<'de> for Parts<'_, A> {
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault> {
        let item = self
            .0
            .next_element_seed(SeedAdapter(seed))
            .map_err(Fault::of)?;
        Ok(item.is_some())
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> Members<'de> for Parts<'_, A> {
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault> {
        let key = self.0.next_key_seed(SeedAdapter(seed)).map_err(Fault::of)?;
        Ok(key.is_some())
    }

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        self.0.next_value_seed(SeedAdapter(seed)).map_err(Fault::of)
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

struct NamedVariant<A, C> {
    name: Once<A>,
    content: Once<C>,
}

impl<'de, A: EnumAccess<'de>> Variant<'de> for NamedVariant<A, A::Variant> {
    fn name(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let variant = self.name.take()?.variant_seed(SeedAdapter(seed));
        let ((), content) = variant.map_err(Fault::of)?;
        self.content = Once::new(content);
        Ok(())
    }

    fn unit(&mut self) -> Result<(), Fault> {
        self.content.take()?.unit_variant().map_err(Fault::of)
    }

    fn newtype(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault> {
        let content = self.content.take()?;
        content
            .newtype_variant_seed(SeedAdapter(seed))
            .map_err(Fault::of)
    }

    fn tuple(&mut self, len: usize, target: &mut dyn Target<'de>) -> Result<(), Fault> {
        let content = self.content.take()?;
        content
            .tuple_variant(len, TargetVisitor(target))
            .map_err(Fault::of)
    }

    fn fields(
        &mut self,
        fields: &'static [&'static str],
        target: &mut dyn Target<'de>,
    ) -> Result<(), Fault> {
        let content = self.content.take()?;
        let read = content.struct_variant(fields, TargetVisitor(target));
        read.map_err(Fault::of)
    }
}

// From a source to a reader. It is compiled for each type that is read, and not for the readers.

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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::value::RawValue;

    use super::{Once, read};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Everything {
        flag: bool,
        small: i8,
        large: u64,
        huge: i128,
        ratio: f32,
        letter: char,
        text: String,
        bytes: Vec<u8>,
        maybe: Option<Box<Self>>,
        nothing: (),
        marker: Marker,
        wrapped: Wrapped,
        pair: (u8, String),
        map: BTreeMap<u8, Option<bool>>,
        variants: Vec<Variants>,
        tagged: Tagged,
        untagged: Untagged,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Marker;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Wrapped(u16);

    #[derive(Debug, Deserialize, PartialEq)]
    enum Variants {
        Unit,
        Newtype(u8),
        Tuple(u8, u8),
        Struct { a: u8 },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind")]
    enum Tagged {
        A { a: u8 },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Untagged {
        Number(i32),
        List(Vec<i32>),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Rest {
        x: u8,
        #[serde(flatten)]
        others: BTreeMap<String, serde_json::Value>,
    }

    const TEXT: &str = r#"{
        "flag": true, "small": -5, "large": 18446744073709551615,
        "huge": -170141183460469231731687303715884105728, "ratio": 0.5, "letter": "é",
        "text": "a\nb", "bytes": [1, 2, 255], "maybe": null, "nothing": null, "marker": null,
        "wrapped": 7, "pair": [1, "one"], "map": {"1": true, "2": null},
        "variants": ["Unit", {"Newtype": 1}, {"Tuple": [1, 2]}, {"Struct": {"a": 1}}],
        "tagged": {"kind": "A", "a": 1}, "untagged": [1, 2], "x": 1, "y": {"z": [1.5, "q"]}
    }"#;

    /// What `serde_json` reads of a text, and what is read through a source: the same.
    fn both<T: DeserializeOwned + Debug + PartialEq>(text: &str) -> Result<T, String> {
        let direct = serde_json::from_str::<T>(text).map_err(|error| error.to_string());
        let mut json = serde_json::Deserializer::from_str(text);
        let source = read::<T>(&mut Once::new(&mut json)).map_err(|fault| fault.to_string());
        assert_eq!(source, direct, "{text}");
        source
    }

    #[test]
    fn every_kind_of_value_is_read() {
        both::<Everything>(TEXT).unwrap();
        let nested = TEXT.replace("\"maybe\": null", &format!("\"maybe\": {TEXT}"));
        assert!(both::<Everything>(&nested).unwrap().maybe.is_some());
        // A struct from its items.
        both::<Wrapped>("3").unwrap();
        both::<Variants>(r#"{"Struct":[1]}"#).unwrap();
    }

    #[test]
    fn an_error_has_the_words_and_the_position_of_the_reader() {
        let values = [
            "null",
            "true",
            "1",
            "-1",
            "0.5",
            "1e300",
            r#""a""#,
            "[]",
            "{}",
            r#"["a"]"#,
            r#"{"a":1}"#,
            r#"{"a":{}}"#,
            "300",
        ];
        let errors = values.iter().filter(|value| {
            let results = [
                both::<bool>(value).is_err(),
                both::<i8>(value).is_err(),
                both::<u64>(value).is_err(),
                both::<f64>(value).is_err(),
                both::<char>(value).is_err(),
                both::<String>(value).is_err(),
                both::<()>(value).is_err(),
                both::<Option<u8>>(value).is_err(),
                both::<Vec<u8>>(value).is_err(),
                both::<(u8, u8)>(value).is_err(),
                both::<BTreeMap<String, u8>>(value).is_err(),
                both::<Wrapped>(value).is_err(),
                both::<Marker>(value).is_err(),
                both::<Variants>(value).is_err(),
                both::<Tagged>(value).is_err(),
                both::<Untagged>(value).is_err(),
                both::<Rest>(value).is_err(),
            ];
            results.contains(&true)
        });
        assert_eq!(errors.count(), values.len());
    }

    #[test]
    fn every_member_that_is_wrong_or_missing_is_named() {
        let complete: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
            // It is read through a map of values, which have no integers of this size.
            &TEXT.replace("-170141183460469231731687303715884105728", "1"),
        )
        .unwrap();
        for name in complete.keys().filter(|name| *name != "y") {
            let mut incomplete = complete.clone();
            incomplete.remove(name);
            let text = serde_json::to_string(&incomplete).unwrap();
            assert_eq!(both::<Everything>(&text).is_ok(), name == "maybe", "{name}");
            let mut wrong = complete.clone();
            wrong.insert(name.clone(), serde_json::json!([[{}]]));
            let text = serde_json::to_string_pretty(&wrong).unwrap();
            both::<Everything>(&text).unwrap_err();
        }
    }

    #[test]
    fn a_raw_value_stays_as_it_is() {
        let mut json = serde_json::Deserializer::from_str(r#"[1.0,  {"b": 2}]"#);
        let raw = read::<Vec<Box<RawValue>>>(&mut Once::new(&mut json));
        let raw: Vec<_> = raw
            .unwrap_or_default()
            .iter()
            .map(|raw| raw.get().to_owned())
            .collect();
        assert_eq!(raw, ["1.0", r#"{"b": 2}"#]);
    }
}
