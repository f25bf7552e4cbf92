//! Types of std, `bytes` and `http` that can be keys.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num::NonZero,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::part::{KeyPart, KeyWriter, Kind};

macro_rules! numbers {
    ($($unsigned:ident $signed:ident)*) => {$(
        impl KeyPart for $unsigned {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.number(u128::from(*self));
            }
        }
        impl KeyPart for $signed {
            fn write(&self, key: &mut KeyWriter<'_>) {
                signed(i128::from(*self), key);
            }
        }
        numbers!(@not_zero $unsigned $signed);
    )*};
    (@not_zero $($number:ident)*) => {$(
        impl KeyPart for NonZero<$number> {
            fn write(&self, key: &mut KeyWriter<'_>) {
                self.get().write(key);
            }
        }
    )*};
}
numbers!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128);
numbers!(@not_zero usize isize);

fn signed(number: i128, key: &mut KeyWriter<'_>) {
    if number < 0 {
        key.negative(number.unsigned_abs());
    } else {
        key.number(number.unsigned_abs());
    }
}

// Both fit: no machine has addresses of more than 128 bits.
impl KeyPart for usize {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.number(u128::try_from(*self).unwrap_or(u128::MAX));
    }
}
impl KeyPart for isize {
    fn write(&self, key: &mut KeyWriter<'_>) {
        signed(i128::try_from(*self).unwrap_or(i128::MAX), key);
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

macro_rules! bytes {
    ($($type:ty: $bytes:ident;)*) => {$(
        impl KeyPart for $type {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.bytes(self.$bytes());
            }
        }
    )*};
}
bytes! {
    str: as_bytes;
    String: as_bytes;
    [u8]: as_ref;
    Vec<u8>: as_slice;
    Bytes: as_ref;
    HeaderValue: as_bytes;
}

impl<const N: usize> KeyPart for [u8; N] {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.bytes(self);
    }
}
/// The name in lower case.
impl KeyPart for HeaderName {
    fn write(&self, key: &mut KeyWriter<'_>) {
        self.as_str().write(key);
    }
}
/// The method as it was sent: a client can make up as many as it likes.
impl KeyPart for Method {
    fn write(&self, key: &mut KeyWriter<'_>) {
        self.as_str().write(key);
    }
}

impl KeyPart for Ipv4Addr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.address(&self.octets());
    }
}
impl KeyPart for Ipv6Addr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.address(&self.octets());
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
impl KeyPart for SocketAddrV4 {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (self.ip(), self.port()).write(key);
    }
}
impl KeyPart for SocketAddrV6 {
    fn write(&self, key: &mut KeyWriter<'_>) {
        (self.ip(), self.port(), self.flowinfo(), self.scope_id()).write(key);
    }
}
impl KeyPart for SocketAddr {
    fn write(&self, key: &mut KeyWriter<'_>) {
        match self {
            Self::V4(address) => address.write(key),
            Self::V6(address) => address.write(key),
        }
    }
}

macro_rules! pointers {
    ($($pointer:ty)*) => {$(
        impl<P: KeyPart + ?Sized> KeyPart for $pointer {
            fn write(&self, key: &mut KeyWriter<'_>) {
                (**self).write(key);
            }
        }
    )*};
}
pointers!(&P Box<P> Rc<P> Arc<P>);

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

/// One key for all requests.
impl KeyPart for () {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.tuple(0);
    }
}

macro_rules! tuples {
    ($($count:literal: $($part:ident $n:tt)*;)*) => {$(
        impl<$($part: KeyPart),*> KeyPart for ($($part,)*) {
            fn write(&self, key: &mut KeyWriter<'_>) {
                key.tuple($count);
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
