//! What passes between a reader and a value, without their types.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::fault::Fault;

/// Reads a value, once.
pub(in crate::layers::validation) trait Source<'de> {
    fn read(&mut self, hint: TypeHint, target: &mut dyn Target<'de>) -> Result<(), Fault>;
}

/// The type that a value asks a reader for.
#[derive(Clone, Copy)]
pub(in crate::layers::validation) enum TypeHint {
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
pub(in crate::layers::validation) enum Found<'f, 'de> {
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
    pub(super) fn unexpected(self, expected: &dyn Expected) -> Fault {
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
pub(in crate::layers::validation) trait Target<'de> {
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    fn fill(&mut self, found: Found<'_, 'de>) -> Result<(), Fault>;
}

/// Makes a value from what a source reads.
pub(in crate::layers::validation) trait Seed<'de> {
    fn deserialize(&mut self, source: &mut dyn Source<'de>) -> Result<(), Fault>;
}

/// The items of a sequence.
pub(in crate::layers::validation) trait Items<'de> {
    /// `false` at the end.
    fn next(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// The members of a map.
pub(in crate::layers::validation) trait Members<'de> {
    /// `false` at the end.
    fn next_key(&mut self, seed: &mut dyn Seed<'de>) -> Result<bool, Fault>;

    fn next_value(&mut self, seed: &mut dyn Seed<'de>) -> Result<(), Fault>;

    fn size_hint(&self) -> Option<usize>;
}

/// The variant of an enum: its name, and then its content.
pub(in crate::layers::validation) trait Variant<'de> {
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
