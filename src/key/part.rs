//! Writes keys so that two are the same only if all of their parts are.

use std::{
    borrow::Cow,
    fmt,
    hash::Hasher,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use http::HeaderValue;

/// A value that can be a key, or a part of one.
///
/// Numbers, `bool`, `char`, texts, bytes, addresses, `Option` and tuples of these are. A type of
/// your own writes its fields.
///
/// # Example
///
/// ```
/// use wythe::key::{KeyPart, KeyWriter};
///
/// enum Caller {
///     User(u64),
///     Visitor(std::net::IpAddr),
/// }
///
/// impl KeyPart for Caller {
///     fn write(&self, key: &mut KeyWriter<'_>) {
///         match self {
///             Self::User(id) => ("user", *id).write(key),
///             Self::Visitor(address) => ("visitor", *address).write(key),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the key of a limit",
    label = "not a key",
    note = "return a number, a text, an address, an `Option` or a tuple of these, or implement \
            `wythe::key::KeyPart` for `{Self}`"
)]
pub trait KeyPart {
    /// Writes the value. Equal values write the same, in every process and version.
    fn write(&self, key: &mut KeyWriter<'_>);
}

/// Where a [`KeyPart`] writes itself.
pub struct KeyWriter<'a>(&'a mut dyn Hasher);

/// What kind of part follows, so that parts of two kinds are never the same.
#[derive(Clone, Copy)]
enum Kind {
    Number = 1,
    Bytes,
    Nothing,
    Something,
    Tuple,
}

impl<'a> KeyWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn Hasher) -> Self {
        Self(sink)
    }

    /// Writes bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(Kind::Bytes, bytes.len());
        self.0.write(bytes);
    }

    /// Writes a number.
    pub fn number(&mut self, number: u128) {
        let mut part = [0; 17];
        let (kind, digits) = part.split_at_mut(1);
        kind.copy_from_slice(&[Kind::Number as u8]);
        digits.copy_from_slice(&number.to_le_bytes());
        self.0.write(&part);
    }

    fn head(&mut self, kind: Kind, length: usize) {
        let mut part = [0; 9];
        let (first, rest) = part.split_at_mut(1);
        first.copy_from_slice(&[kind as u8]);
        // A length that does not fit can't be in memory.
        rest.copy_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        self.0.write(&part);
    }
}

impl fmt::Debug for KeyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyWriter")
    }
}

macro_rules! numbers {
    ($($unsigned:ident $signed:ident)*) => {$(
        impl KeyPart for $unsigned {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.number(u128::from(*self));
            }
        }
        impl KeyPart for $signed {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.number(i128::from(*self).cast_unsigned());
            }
        }
    )*};
}
numbers!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128);

impl KeyPart for usize {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.number(u128::try_from(*self).unwrap_or(u128::MAX));
    }
}
impl KeyPart for bool {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.number(u128::from(*self));
    }
}
impl KeyPart for char {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.number(u128::from(u32::from(*self)));
    }
}
impl KeyPart for str {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self.as_bytes());
    }
}
impl KeyPart for [u8] {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self);
    }
}
impl<const N: usize> KeyPart for [u8; N] {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self);
    }
}
impl KeyPart for String {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self.as_bytes());
    }
}
impl KeyPart for Vec<u8> {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self);
    }
}
/// Its bytes as they were sent: `A` and `a` are two keys.
impl KeyPart for HeaderValue {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self.as_bytes());
    }
}
impl KeyPart for Ipv4Addr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(&self.octets());
    }
}
impl KeyPart for Ipv6Addr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(&self.octets());
    }
}
impl KeyPart for IpAddr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        match self {
            Self::V4(address) => address.write(key),
            Self::V6(address) => address.write(key),
        }
    }
}

impl<P: KeyPart + ?Sized> KeyPart for &P {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (**self).write(key);
    }
}
impl<P: KeyPart + ?Sized> KeyPart for Box<P> {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (**self).write(key);
    }
}
impl<P: KeyPart + ?Sized> KeyPart for Arc<P> {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (**self).write(key);
    }
}
impl<P: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, P> {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (**self).write(key);
    }
}

impl<P: KeyPart> KeyPart for Option<P> {
    fn write(&self, key: &mut KeyWriter<'_>) {
        match self {
            None => key.head(Kind::Nothing, 0),
            Some(part) => {
                key.head(Kind::Something, 1);
                part.write(key);
            }
        }
    }
}

/// One key for all.
impl KeyPart for () {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.head(Kind::Tuple, 0);
    }
}

macro_rules! tuples {
    ($($count:literal: $($part:ident $n:tt)*;)*) => {$(
        impl<$($part: KeyPart),*> KeyPart for ($($part,)*) {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.head(Kind::Tuple, $count);
                $(self.$n.write(key);)*
            }
        }
    )*};
}
tuples! {
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
}
