//! Writes keys so that two are equal only if all of their parts are, and hashes them.

use std::{fmt, hash::Hasher};

#[cfg(any(feature = "idempotency", feature = "rate-limit-redis"))]
use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::support::seed::random_bits;

/// A value that can be a key, or a part of one.
///
/// Numbers, `bool`, `char`, strings, bytes, addresses, header values, methods, `Option` and tuples
/// of these are key parts. A type of your own writes its fields, as a tuple.
///
/// Values of one type write the same bytes only if they are equal. Numbers of all widths write alike,
/// and so do `bool` (as 0 and 1) and `char`; strings and bytes also write alike.
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
    note = "use a number, a string, an address, or an `Option` or tuple of these, or implement \
            `wythe::key::KeyPart` for `{Self}` by writing its fields"
)]
pub trait KeyPart {
    /// Writes the value. Equal values write the same bytes, in every process and version.
    fn write(&self, key: &mut KeyWriter<'_>);
}

/// Where a [`KeyPart`] writes itself.
pub struct KeyWriter<'a>(&'a mut dyn Hasher);

/// Hashes what is written to a [`KeyWriter`] by SHA-256.
#[cfg(any(feature = "idempotency", feature = "rate-limit-redis"))]
pub(crate) struct KeySha256(pub(crate) Sha256);

#[cfg(any(feature = "idempotency", feature = "rate-limit-redis"))]
impl Hasher for KeySha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Never called: the hash has more than 64 bits.
    fn finish(&self) -> u64 {
        0
    }
}

/// The kind of the part that follows, so that parts of two kinds are never equal. Machines that share
/// a store must agree on the numbers: they never change.
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

    /// Writes a negative number, by its distance below zero.
    pub(super) fn negative(&mut self, below: u128) {
        self.digits(Kind::Negative, below);
    }

    /// Writes an IP address of 4 or 16 bytes.
    pub(super) fn address(&mut self, octets: &[u8]) {
        match octets.try_into() {
            Ok(octets) => self.write_16(Kind::Address, octets),
            Err(_) => self.sized(Kind::Address, octets),
        }
    }

    /// Begins a tuple of this many parts.
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

    /// The same for as many bytes as an address of IPv6 has, hashed at once.
    fn write_16(&mut self, kind: Kind, bytes: &[u8; 16]) {
        let mut part = [0; 25];
        let (first, rest) = part.split_at_mut(1);
        let (length, rest) = rest.split_at_mut(8);
        first.copy_from_slice(&[kind as u8]);
        length.copy_from_slice(&16_u64.to_le_bytes());
        rest.copy_from_slice(bytes);
        self.0.write(&part);
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

/// The hash of a key, with the seed of its limit. Two keys have the same hash as rarely as two random
/// UUIDs are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

/// The secret seed of a hash, so that clients can't choose keys that collide.
#[derive(Clone)]
pub(crate) struct Seed(SipHasher13);

impl Seed {
    pub(crate) fn random() -> Self {
        Self(SipHasher13::new_with_keys(random_bits(), random_bits()))
    }

    /// The hash of what is written, if all of it could be.
    pub(crate) fn fingerprint<E>(
        &self,
        write: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        let mut hasher = self.0;
        write(&mut KeyWriter::new(&mut hasher))?;
        let hash = hasher.finish128();
        Ok(Fingerprint {
            high: hash.h1,
            low: hash.h2,
        })
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        borrow::Cow,
        hash::Hasher,
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        num::NonZero,
    };

    use http::{HeaderValue, Method};
    use proptest::prelude::*;

    use super::{KeyPart, KeyWriter, Kind};

    /// Keeps what it is given.
    #[derive(Default)]
    struct Recorder(Vec<u8>);

    impl Hasher for Recorder {
        fn finish(&self) -> u64 {
            0
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }

    fn written<P: KeyPart + ?Sized>(part: &P) -> Vec<u8> {
        let mut recorder = Recorder::default();
        part.write(&mut KeyWriter::new(&mut recorder));
        recorder.0
    }

    /// What can be told apart, whatever its type.
    #[derive(Clone, Debug, PartialEq)]
    enum Meaning {
        Number(u128),
        Below(u128),
        Bytes(Vec<u8>),
        Address(IpAddr),
        Maybe(Option<Box<Self>>),
        Tuple(Vec<Self>),
    }

    impl KeyPart for Meaning {
        fn write(&self, key: &mut KeyWriter<'_>) {
            match self {
                Self::Number(number) => number.write(key),
                Self::Below(below) => 0_i128.checked_sub_unsigned(*below).unwrap().write(key),
                Self::Bytes(bytes) => bytes.write(key),
                Self::Address(address) => address.write(key),
                Self::Maybe(part) => part.write(key),
                Self::Tuple(parts) => match &parts[..] {
                    [] => ().write(key),
                    [a] => (a,).write(key),
                    [a, b] => (a, b).write(key),
                    [a, b, c] => (a, b, c).write(key),
                    [a, b, c, d] => (a, b, c, d).write(key),
                    [a, b, c, d, e] => (a, b, c, d, e).write(key),
                    [a, b, c, d, e, f] => (a, b, c, d, e, f).write(key),
                    _ => unreachable!("the strategy makes six at most"),
                },
            }
        }
    }

    fn meanings() -> impl Strategy<Value = Meaning> {
        // Few values, so that many are nearly the same, and those that look like another kind.
        let bytes = prop_oneof![
            prop::collection::vec(0..8_u8, 0..4),
            prop::collection::vec(any::<u8>(), 0..40),
            any::<u128>().prop_map(|number| written(&number)),
            prop::collection::vec(0..3_u8, 0..3).prop_map(|bytes| written(&(bytes, 1_u8))),
        ];
        let leaf = prop_oneof![
            (0..4_u128).prop_map(Meaning::Number),
            any::<u128>().prop_map(Meaning::Number),
            (1..4_u128).prop_map(Meaning::Below),
            (1..=1_u128 << 127).prop_map(Meaning::Below),
            bytes.prop_map(Meaning::Bytes),
            any::<[u8; 4]>().prop_map(|octets| Meaning::Address(octets.into())),
            any::<[u8; 16]>().prop_map(|octets| Meaning::Address(octets.into())),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::option::of(inner.clone().prop_map(Box::new)).prop_map(Meaning::Maybe),
                prop::collection::vec(inner, 0..=6).prop_map(Meaning::Tuple),
            ]
        })
    }

    /// Reads one part off the front: if that is possible for all that can be written, no two parts
    /// write the same bytes, and none is a prefix of another.
    fn read(bytes: &mut &[u8]) -> Meaning {
        let kind = take(bytes, 1)[0];
        let mut number = |digits: usize| {
            let mut all = [0; 16];
            all[..digits].copy_from_slice(take(bytes, digits));
            u128::from_le_bytes(all)
        };
        if kind == Kind::Number as u8 {
            return Meaning::Number(number(16));
        }
        if kind == Kind::Negative as u8 {
            return Meaning::Below(number(16));
        }
        let length = usize::try_from(number(8)).unwrap();
        match kind {
            2 => Meaning::Bytes(take(bytes, length).to_vec()),
            3 => Meaning::Maybe(None),
            4 => Meaning::Maybe(Some(Box::new(read(bytes)))),
            5 => Meaning::Tuple((0..length).map(|_| read(bytes)).collect()),
            7 => Meaning::Address(match length {
                4 => <[u8; 4]>::try_from(take(bytes, 4)).unwrap().into(),
                _ => <[u8; 16]>::try_from(take(bytes, 16)).unwrap().into(),
            }),
            kind => panic!("no kind {kind}"),
        }
    }

    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        taken
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read_back(meaning in meanings()) {
            let bytes = written(&meaning);
            let mut rest = &bytes[..];
            prop_assert_eq!(read(&mut rest), meaning);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn only_equal_values_write_the_same_bytes(one in meanings(), other in meanings()) {
            prop_assert_eq!(written(&one) == written(&other), one == other);
        }

        #[test]
        fn another_split_of_the_same_text_differs(text in "[a/:,\0]{0,6}", at in 0..7_usize) {
            let (one, other) = text.split_at(at.min(text.len()));
            for cut in (0..=text.len()).filter(|cut| *cut != one.len()) {
                prop_assert_ne!(written(&(one, other)), written(&text.split_at(cut)));
            }
            prop_assert_ne!(written(&(one, other)), written(&text));
        }

        #[test]
        fn equal_values_write_the_same_bytes_whatever_their_type(text in ".*", number in any::<u32>()) {
            let bytes = written(text.as_str());
            prop_assert_eq!(&bytes, &written(&text));
            prop_assert_eq!(&bytes, &written(&Cow::Borrowed(text.as_str())));
            prop_assert_eq!(&bytes, &written(&Cow::<'_, str>::Owned(text.clone())));
            prop_assert_eq!(&bytes, &written(&Box::<str>::from(text.as_str())));
            prop_assert_eq!(&bytes, &written(&std::sync::Arc::<str>::from(text.as_str())));
            prop_assert_eq!(&bytes, &written(text.as_bytes()));
            prop_assert_eq!(&bytes, &written(&bytes::Bytes::from(text.clone())));
            if let Ok(value) = HeaderValue::from_str(&text) {
                prop_assert_eq!(&bytes, &written(&value));
            }
            let bytes = written(&number);
            prop_assert_eq!(&bytes, &written(&u64::from(number)));
            prop_assert_eq!(&bytes, &written(&i64::from(number)));
            if let Some(number) = NonZero::new(number) {
                prop_assert_eq!(&bytes, &written(&number));
            }
        }
    }

    /// Machines that share a store, and versions that follow each other, write the same.
    #[test]
    fn the_written_bytes_never_change() {
        let hex = |bytes: Vec<u8>| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let zeros = |count: usize| "00".repeat(count);
        let cases = [
            (written(&7_u8), format!("0107{}", zeros(15))),
            (written(&u128::MAX), format!("01{}", "ff".repeat(16))),
            (written(&-1_i8), format!("0601{}", zeros(15))),
            (written(&i128::MIN), format!("06{}80", zeros(15))),
            (written(&true), format!("0101{}", zeros(15))),
            (written(&'a'), format!("0161{}", zeros(15))),
            (written("ab"), format!("0202{}6162", zeros(7))),
            (written(""), format!("02{}", zeros(8))),
            (written(&Method::GET), format!("0203{}474554", zeros(7))),
            (written(&None::<u8>), format!("03{}", zeros(8))),
            (
                written(&Some("")),
                format!("0401{}02{}", zeros(7), zeros(8)),
            ),
            (written(&()), format!("05{}", zeros(8))),
            (
                written(&("a", 2_u8)),
                format!("0502{}0201{}610102{}", zeros(7), zeros(7), zeros(15)),
            ),
            (
                written(&Ipv4Addr::new(192, 0, 2, 1)),
                format!("0704{}c0000201", zeros(7)),
            ),
            (
                written(&Ipv6Addr::LOCALHOST),
                format!("0710{}{}01", zeros(7), zeros(15)),
            ),
            (
                written(&crate::request::key::AddressPart::from(IpAddr::from([
                    192, 0, 2, 1,
                ]))),
                format!("0710{}{}ffffc0000201", zeros(7), zeros(10)),
            ),
            (
                written(&std::net::SocketAddr::from(([192, 0, 2, 1], 80))),
                format!("0502{}0704{}c00002010150{}", zeros(7), zeros(7), zeros(15)),
            ),
        ];
        for (n, (bytes, stored)) in cases.into_iter().enumerate() {
            assert_eq!(hex(bytes), stored, "case {n}");
        }
    }
}
