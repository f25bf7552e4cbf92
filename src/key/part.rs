//! Writes keys so that two are the same only if all of their parts are.

use std::{fmt, hash::Hasher};

/// A value that can be a key, or a part of one.
///
/// Numbers, `bool`, `char`, texts, bytes, addresses, header values, methods, `Option` and tuples of
/// these are. A type of your own writes its fields, as a tuple.
///
/// Values of the same type write the same only if they are equal. Numbers of all widths write
/// alike, as do `bool` (0 and 1) and `char` among them; so do texts and bytes.
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
    note = "a number, a text, an address, and an `Option` or a tuple of these can; implement \
            `wythe::key::KeyPart` for `{Self}` by writing its fields"
)]
pub trait KeyPart {
    /// Writes the value. Equal values write the same, in every process and version.
    fn write(&self, key: &mut KeyWriter<'_>);
}

/// Where a [`KeyPart`] writes itself.
pub struct KeyWriter<'a>(&'a mut dyn Hasher);

/// What kind of part follows, so that parts of two kinds are never the same. Machines that share a
/// store must agree on the numbers: they never change.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Number = 1,
    Bytes = 2,
    Nothing = 3,
    Something = 4,
    Tuple = 5,
    Negative = 6,
    Address = 7,
}

impl<'a> KeyWriter<'a> {
    pub(crate) fn new(sink: &'a mut dyn Hasher) -> Self {
        Self(sink)
    }

    /// Writes bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.sized(Kind::Bytes, bytes);
    }

    /// Writes a number.
    pub fn number(&mut self, number: u128) {
        self.digits(Kind::Number, number);
    }

    /// Writes a number below zero, as what it is below.
    pub(super) fn negative(&mut self, below: u128) {
        self.digits(Kind::Negative, below);
    }

    /// Writes an IP address of 4 or 16 bytes.
    pub(super) fn address(&mut self, octets: &[u8]) {
        self.sized(Kind::Address, octets);
    }

    /// Begins a tuple of so many parts.
    pub(crate) fn tuple(&mut self, parts: usize) {
        self.head(Kind::Tuple, parts);
    }

    pub(super) fn head(&mut self, kind: Kind, length: usize) {
        let mut part = [0; 9];
        let (first, rest) = part.split_at_mut(1);
        first.copy_from_slice(&[kind as u8]);
        // A length that does not fit can't be in memory.
        rest.copy_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
        self.0.write(&part);
    }

    fn sized(&mut self, kind: Kind, bytes: &[u8]) {
        self.head(kind, bytes.len());
        self.0.write(bytes);
    }

    fn digits(&mut self, kind: Kind, number: u128) {
        let mut part = [0; 17];
        let (first, digits) = part.split_at_mut(1);
        first.copy_from_slice(&[kind as u8]);
        digits.copy_from_slice(&number.to_le_bytes());
        self.0.write(&part);
    }
}

impl fmt::Debug for KeyWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyWriter")
    }
}
