//! A reader of serde as a source. It is compiled for each reader, and not for the types that it reads.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{
    fault::Fault,
    source::{Found, Items, Members, Seed, Source, Target, TypeHint, Variant},
};

/// A reader, or what reads the parts of a value, until it is used.
pub(in crate::layers::validation) struct Once<X>(Option<X>);

impl<X> Once<X> {
    pub(in crate::layers::validation) const fn new(reader: X) -> Self {
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
