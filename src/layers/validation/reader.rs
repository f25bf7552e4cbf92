//! Reads the tree of parameters with serde.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, VariantAccess, Visitor, value,
    },
    forward_to_deserialize_any,
};

use super::{
    encoding::Encoding,
    params::{FILE, Node, Params},
    scalar::{Reading, Scalar},
};

/// Reads a node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    params: &'a Params<'a>,
    node: &'a Node<'a>,
    /// The node is the whole input.
    is_root: bool,
    in_option: bool,
}

/// Why a file can't be read as anything else.
const UNEXPECTED_FILE: &str = "invalid type: a file, expected text";

/// Why a header field or a cookie can't be read as a text.
const NOT_UTF8: &str = "invalid value: not UTF-8";

/// Why several texts can't be read as one.
pub(super) const REPEATED: &str = "repeated, but only one value is expected";

impl<'a> Reader<'a> {
    pub(super) fn of(params: &'a Params<'a>) -> Self {
        params.must_read_again.set(false);
        Self {
            params,
            node: &params.root,
            is_root: true,
            in_option: false,
        }
    }

    const fn inner(self, node: &'a Node<'a>) -> Self {
        Self {
            node,
            is_root: false,
            in_option: false,
            ..self
        }
    }

    const fn in_option(self) -> Self {
        Self {
            in_option: true,
            ..self
        }
    }

    const fn is_path(self) -> bool {
        self.is_root && matches!(self.params.encoding, Encoding::Path)
    }

    /// What is read as one text: the text, or else the node.
    fn scalar(self) -> Result<Result<Scalar<'a>, Self>, value::Error> {
        let node = match self.node {
            Node::Map(members) if self.is_path() => match members.as_slice() {
                [(_, only)] => only,
                _ => self.node,
            },
            node => node,
        };
        match node {
            Node::Text(text) if self.params.is_not_utf8(&text.value) => {
                Err(value::Error::custom(NOT_UTF8))
            }
            Node::Text(text) => Ok(Ok(Scalar {
                text: &text.value,
                source: Some((text, &self.params.must_read_again)),
                in_option: self.in_option,
            })),
            Node::File(_) => Err(value::Error::custom(UNEXPECTED_FILE)),
            Node::List(_) => Err(value::Error::custom(REPEATED)),
            Node::Map(_) => Ok(Err(self)),
        }
    }

    fn visit_members<V: Visitor<'a>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        let members: Vec<(Cow<'a, str>, &'a Node<'a>)> = match (self.node, fields) {
            (Node::Text(text), _) => {
                return Err(value::Error::invalid_type(
                    Unexpected::Str(&text.value),
                    &visitor,
                ));
            }
            (Node::File(_), _) => return Err(value::Error::custom(UNEXPECTED_FILE)),
            (Node::List(items), _) => {
                let items = (0_usize..).zip(items);
                items
                    .map(|(index, item)| (index.to_string().into(), item))
                    .collect()
            }
            // Other fields and cookies are no part of the input.
            (Node::Map(members), Some(fields))
                if self.is_root && self.params.encoding.is_shared() =>
            {
                let field = |name: &str| {
                    let mut fields = fields.iter();
                    fields.find(|field| self.params.encoding.is_named(name, field))
                };
                let members = members.iter();
                members
                    .filter_map(|(name, node)| Some(((*field(name)?).into(), node)))
                    .collect()
            }
            (Node::Map(members), _) => {
                let members = members.iter();
                members
                    .map(|(name, node)| (Cow::Borrowed(&**name), node))
                    .collect()
            }
        };
        visitor.visit_map(Members {
            reader: self,
            rest: members.into_iter(),
            value: None,
        })
    }

    fn visit_items<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        // RFC 9110, section 5.6.1: a list in a header field, whose lines are joined.
        if self.params.encoding == Encoding::Header && !self.is_root {
            let lines = match self.node {
                Node::List(lines) => lines.as_slice(),
                line => std::slice::from_ref(line),
            };
            let texts = lines.iter().filter_map(|line| match line {
                Node::Text(text) => Some(&*text.value),
                Node::File(_) | Node::List(_) | Node::Map(_) => None,
            });
            if texts.clone().any(|text| self.params.is_not_utf8(text)) {
                return Err(value::Error::custom(NOT_UTF8));
            }
            let items = texts.flat_map(|line| line.split(',')).map(str::trim);
            let items = items.filter(|item| !item.is_empty()).map(Scalar::key);
            return visitor.visit_seq(value::SeqDeserializer::new(items));
        }
        let items: Vec<&'a Node<'a>> = match self.node {
            Node::List(items) => items.iter().collect(),
            Node::Text(_) | Node::File(_) => vec![self.node],
            Node::Map(members) if self.is_path() => members.iter().map(|(_, node)| node).collect(),
            Node::Map(members) if self.is_root => {
                let mut pairs = Vec::new();
                for (name, node) in members {
                    match node {
                        Node::List(items) => pairs.extend(items.iter().map(|item| (&**name, item))),
                        node => pairs.push((&**name, node)),
                    }
                }
                let pairs = pairs.into_iter().map(|(name, node)| NameAndValue {
                    name: Scalar::key(name),
                    value: self.inner(node),
                });
                return visitor.visit_seq(value::SeqDeserializer::new(pairs));
            }
            Node::Map(members) => {
                let is_index = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
                if members.iter().all(|(name, _)| is_index(name)) {
                    return Err(value::Error::custom("invalid value: indexes are missing"));
                }
                return Err(value::Error::invalid_type(Unexpected::Map, &visitor));
            }
        };
        visitor.visit_seq(value::SeqDeserializer::new(
            items.into_iter().map(|node| self.inner(node)),
        ))
    }
}

impl<'a> IntoDeserializer<'a> for Reader<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
            match self.scalar()? {
                Ok(text) => text.$method(visitor),
                Err(reader) => reader.visit_members(None, visitor),
            }
        }
    )*};
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = value::Error;

    scalars! {
        deserialize_bool deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_identifier
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        match self.node {
            Node::List(_) => self.visit_items(visitor),
            // Kept until the type is known, in a flattened struct.
            Node::File(index) => visitor.visit_bytes(&index.to_le_bytes()),
            _ => match self.scalar()? {
                Ok(text) => text.deserialize_any(visitor),
                Err(reader) => reader.visit_members(None, visitor),
            },
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        if let Node::Text(text) = self.node
            && text.value.is_empty()
        {
            if text.reading.get() == Reading::Nothing {
                return visitor.visit_none();
            }
            return visitor.visit_some(self.in_option());
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        if name != FILE {
            return visitor.visit_newtype_struct(self);
        }
        match self.node {
            Node::File(index) => visitor.visit_bytes(&index.to_le_bytes()),
            Node::List(_) => Err(value::Error::custom(REPEATED)),
            Node::Text(_) | Node::Map(_) => {
                Err(value::Error::custom("invalid type: text, expected a file"))
            }
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        self.visit_items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'a>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.visit_items(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.visit_items(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        self.visit_members(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.visit_members(Some(fields), visitor)
    }

    /// A text is the name of a variant; a variant with content is the only member of its node.
    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        match self.scalar()? {
            Ok(text) => visitor.visit_enum(text),
            Err(reader) => match reader.node {
                Node::Map(members) => match members.as_slice() {
                    [(name, node)] => visitor.visit_enum(Variant {
                        name,
                        content: self.inner(node),
                    }),
                    _ => Err(value::Error::invalid_type(Unexpected::Map, &visitor)),
                },
                _ => Err(value::Error::invalid_type(Unexpected::Seq, &visitor)),
            },
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        match self.node {
            Node::Map(members) if members.is_empty() => visitor.visit_unit(),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_unit()
    }
}

struct Members<'a, I> {
    reader: Reader<'a>,
    rest: I,
    value: Option<&'a Node<'a>>,
}

impl<'a, I: Iterator<Item = (Cow<'a, str>, &'a Node<'a>)>> MapAccess<'a> for Members<'a, I> {
    type Error = value::Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, value::Error> {
        let Some((name, node)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(node);
        let key = match name {
            Cow::Borrowed(name) => seed.deserialize(value::BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(name.into_deserializer()),
        };
        key.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, value::Error> {
        let node = self
            .value
            .take()
            .ok_or_else(|| value::Error::custom("no value"))?;
        seed.deserialize(self.reader.inner(node))
    }
}

/// A name and its value, where an input is read as a list of pairs.
struct NameAndValue<'a> {
    name: Scalar<'a>,
    value: Reader<'a>,
}

impl<'a> IntoDeserializer<'a> for NameAndValue<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for NameAndValue<'de> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_seq(PairItems(Some(self.name), Some(self.value)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct PairItems<'a>(Option<Scalar<'a>>, Option<Reader<'a>>);

impl<'a> SeqAccess<'a> for PairItems<'a> {
    type Error = value::Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, value::Error> {
        match (self.0.take(), self.1) {
            (Some(name), _) => seed.deserialize(name).map(Some),
            (None, Some(_)) => self
                .1
                .take()
                .map(|value| seed.deserialize(value))
                .transpose(),
            (None, None) => Ok(None),
        }
    }
}

/// The variant of an enum that has content.
struct Variant<'a> {
    name: &'a str,
    content: Reader<'a>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = value::Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'a>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self), value::Error> {
        let name = seed.deserialize(value::BorrowedStrDeserializer::new(self.name))?;
        Ok((name, self))
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = value::Error;

    fn unit_variant(self) -> Result<(), value::Error> {
        Err(value::Error::invalid_type(Unexpected::Map, &"text"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(
        self,
        seed: T,
    ) -> Result<T::Value, value::Error> {
        seed.deserialize(self.content)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, value::Error> {
        self.content.visit_items(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.content.visit_members(Some(fields), visitor)
    }
}
