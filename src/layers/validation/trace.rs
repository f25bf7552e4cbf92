//! Reads a value and notes what serde does: where it fails, which fields a type has, and which
//! members it ignores.
//!
//! Only an input that is rejected is read in this way, or one whose unknown members are rejected. The
//! readers behind it are erased, so that it is compiled once, and not for each type.

use std::{borrow::Cow, cell::RefCell, fmt, mem};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
        Visitor,
    },
};

use super::scalar::Scalar;

/// One segment of the path to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathSegment {
    Key(String),
    Index(usize),
}

/// What has been noted while a value was read.
#[derive(Default)]
pub(super) struct Trace {
    notes: RefCell<Notes>,
    /// A member, and the value that is read instead of its own.
    replaced: Option<(Vec<PathSegment>, serde_json::Value)>,
}

#[derive(Default)]
struct Notes {
    here: Vec<PathSegment>,
    failure: Option<Vec<PathSegment>>,
    structs: Vec<(Vec<PathSegment>, &'static [&'static str])>,
    ignored: Vec<Vec<PathSegment>>,
    /// How many more members were ignored.
    more_ignored: usize,
    /// How much memory the paths in the lists take.
    bytes: usize,
}

/// How many structs and how many ignored members are noted.
const MAX_NOTED: usize = 1024;

/// How much memory the noted paths may take: every path into a member repeats its name, which can be as
/// long as the input. The first path of a list is always noted.
const MAX_NOTED_BYTES: usize = 256 * 1024;

impl Notes {
    /// Whether the current path may be added to a list of this length.
    fn has_room(&mut self, noted: usize) -> bool {
        let path = self.here.iter().map(|segment| match segment {
            PathSegment::Key(key) => key.len().saturating_add(size_of::<PathSegment>()),
            PathSegment::Index(_) => size_of::<PathSegment>(),
        });
        let bytes = path.fold(self.bytes, usize::saturating_add);
        if noted < MAX_NOTED && bytes <= MAX_NOTED_BYTES {
            self.bytes = bytes;
            return true;
        }
        // A name with brackets that is not read must not be missed. At the top there are no more than
        // the input has.
        noted == 0 || matches!(self.here.as_slice(), [PathSegment::Key(key)] if key.contains('['))
    }
}

impl Trace {
    /// Makes serde read a member as if it had another value.
    pub(super) fn replacing(path: Vec<PathSegment>, value: serde_json::Value) -> Self {
        Self {
            notes: RefCell::default(),
            replaced: Some((path, value)),
        }
    }

    pub(super) const fn replaces(&self) -> bool {
        self.replaced.is_some()
    }

    /// The value that is read instead of the one at the current path.
    fn replacement(&self) -> Option<&serde_json::Value> {
        let (path, value) = self.replaced.as_ref()?;
        (*path == self.notes.borrow().here).then_some(value)
    }

    /// A reader that notes what it does.
    pub(super) const fn of<D>(&self, reader: D) -> Traced<'_, D> {
        Traced {
            inner: reader,
            trace: self,
            wants_integer: false,
        }
    }

    /// Where the value could not be read: the innermost place.
    pub(super) fn failure(&self) -> Vec<PathSegment> {
        self.notes.borrow().failure.clone().unwrap_or_default()
    }

    /// The names of the fields of the structs at this place, as serde reads them.
    pub(super) fn fields_at(&self, place: &[PathSegment]) -> Vec<&'static str> {
        let notes = self.notes.borrow();
        let structs = notes.structs.iter().filter(|(at, _)| at == place);
        structs
            .flat_map(|(_, fields)| fields.iter().copied())
            .collect()
    }

    /// Takes the members that no field has taken, and how many more there are.
    pub(super) fn take_ignored(&self) -> (Vec<Vec<PathSegment>>, usize) {
        let notes = &mut *self.notes.borrow_mut();
        (mem::take(&mut notes.ignored), notes.more_ignored)
    }

    fn inside<T, E>(
        &self,
        segment: PathSegment,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.notes.borrow_mut().here.push(segment);
        let value = read();
        let notes = &mut *self.notes.borrow_mut();
        if value.is_err() && notes.failure.is_none() {
            notes.failure = Some(notes.here.clone());
        }
        notes.here.pop();
        value
    }

    fn note_fields(&self, fields: &'static [&'static str]) {
        let notes = &mut *self.notes.borrow_mut();
        if notes.has_room(notes.structs.len()) {
            notes.structs.push((notes.here.clone(), fields));
        }
    }

    fn note_ignored(&self) {
        let notes = &mut *self.notes.borrow_mut();
        if notes.has_room(notes.ignored.len()) {
            notes.ignored.push(notes.here.clone());
        } else {
            notes.more_ignored = notes.more_ignored.saturating_add(1);
        }
    }
}

/// A part of serde that notes what it does: a reader, a visitor, or what reads the members of a value.
pub(super) struct Traced<'t, X> {
    inner: X,
    trace: &'t Trace,
    /// A number without a fraction is an integer, however it is written (JSON Schema, section 6.1.1).
    wants_integer: bool,
}

macro_rules! read_as {
    ($wants_integer:literal: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            let mut visitor = self.trace.of(visitor);
            visitor.wants_integer = $wants_integer;
            self.inner.$method(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Traced<'_, D> {
    type Error = D::Error;

    read_as! { false:
        deserialize_any deserialize_bool deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier
    }

    read_as! { true:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_unit_struct(name, self.trace.of(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_newtype_struct(name, self.trace.of(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(len, self.trace.of(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_tuple_struct(name, len, self.trace.of(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.trace.note_fields(fields);
        self.inner
            .deserialize_struct(name, fields, self.trace.of(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_enum(name, variants, self.trace.of(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.trace.note_ignored();
        self.inner.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($value:ty))*) => {$(
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Traced<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_char(char)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        /// The largest number up to which an `f64` represents all integers.
        const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
        if self.wants_integer && value.fract() == 0.0 && value.abs() <= MAX_EXACT_INTEGER {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "an integer of at most 54 bits"
            )]
            return self.inner.visit_i64(value as i64);
        }
        self.inner.visit_f64(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(self.trace.of(reader))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(self.trace.of(reader))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let items = Items {
            inner: items,
            trace: self.trace,
            next: 0,
        };
        self.inner.visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let members = Members {
            inner: members,
            trace: self.trace,
            key: String::new(),
        };
        self.inner.visit_map(members)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(self.trace.of(variant))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Traced<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<T::Value, D::Error> {
        self.inner.deserialize(self.trace.of(reader))
    }
}

struct Items<'t, A> {
    inner: A,
    trace: &'t Trace,
    next: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let index = self.next;
        self.next = index.saturating_add(1);
        let seed = self.trace.of(seed);
        let items = &mut self.inner;
        self.trace
            .inside(PathSegment::Index(index), || items.next_element_seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

struct Members<'t, A> {
    inner: A,
    trace: &'t Trace,
    key: String,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(Key(key)) = self.inner.next_key()? else {
            return Ok(None);
        };
        self.key.clear();
        self.key.push_str(&key);
        let segment = PathSegment::Key(self.key.clone());
        let read = || seed.deserialize(Scalar::key(&key));
        self.trace
            .inside(segment, read)
            .map(Some)
            .map_err(A::Error::custom)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.trace.of(seed);
        let segment = PathSegment::Key(self.key.clone());
        let members = &mut self.inner;
        let trace = self.trace;
        trace.inside(segment, || match trace.replacement() {
            None => members.next_value_seed(seed),
            Some(value) => {
                members.next_value::<IgnoredAny>()?;
                seed.deserialize(value.clone()).map_err(A::Error::custom)
            }
        })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, 't, A: EnumAccess<'de>> EnumAccess<'de> for Traced<'t, A> {
    type Error = A::Error;
    type Variant = Content<'t, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let (Key(key), inner) = self.inner.variant()?;
        let segment = PathSegment::Key(key.to_string());
        let variant = seed
            .deserialize(Scalar::key(&key))
            .map_err(A::Error::custom)?;
        let content = Content {
            inner,
            trace: self.trace,
            segment,
        };
        Ok((variant, content))
    }
}

/// What an enum's variant holds.
pub(super) struct Content<'t, A> {
    inner: A,
    trace: &'t Trace,
    segment: PathSegment,
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Content<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.trace.of(seed);
        self.trace
            .inside(self.segment, || self.inner.newtype_variant_seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.trace.of(visitor);
        self.trace
            .inside(self.segment, || self.inner.tuple_variant(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.trace.of(visitor);
        let trace = self.trace;
        trace.inside(self.segment, || {
            trace.note_fields(fields);
            self.inner.struct_variant(fields, visitor)
        })
    }
}

/// The name of a member, borrowed if it has no escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        reader.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::{MAX_NOTED_BYTES, PathSegment, Trace};

    #[derive(Deserialize)]
    struct Item {
        #[serde(rename = "a")]
        _a: u32,
    }

    #[test]
    fn what_is_noted_inside_a_long_name_is_bounded() {
        let name = "n".repeat(100_000);
        let item = r#"{"a":1,"b":2}"#;
        let text = format!(r#"{{"{name}":[{}{item}]}}"#, format!("{item},").repeat(999));
        let trace = Trace::default();
        let mut json = serde_json::Deserializer::from_str(&text);
        HashMap::<String, Vec<Item>>::deserialize(trace.of(&mut json)).unwrap();

        let first = [PathSegment::Key(name), PathSegment::Index(0)];
        assert_eq!(trace.fields_at(&first), ["a"]);
        let (ignored, more) = trace.take_ignored();
        assert!(!ignored.is_empty());
        assert_eq!(ignored.len() + more, 1_000);
        let notes = trace.notes.borrow();
        let paths = notes.structs.iter().map(|(path, _)| path).chain(&ignored);
        let names = paths.flatten().filter_map(|segment| match segment {
            PathSegment::Key(key) => Some(key.len()),
            PathSegment::Index(_) => None,
        });
        assert!(names.sum::<usize>() <= 2 * MAX_NOTED_BYTES);
    }
}
