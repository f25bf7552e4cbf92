//! Hashes keys to what memory holds instead of them.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
};

use siphasher::sip128::{Hasher128, SipHasher13};

use super::part::KeyPart;
use super::part::KeyWriter;

/// The hash of a key, with the seed of its limit. Two keys have the same as rarely as two random
/// UUIDs are the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

/// What nobody outside the process knows, so that nobody can choose keys that meet.
#[derive(Clone)]
pub(crate) struct Seed(SipHasher13);

impl Seed {
    pub(crate) fn random() -> Self {
        // The one source of randomness in std: each state has keys of its own.
        let number = |n: u8| RandomState::new().hash_one(n);
        Self(SipHasher13::new_with_keys(number(0), number(1)))
    }

    #[cfg(feature = "rate-limit")]
    pub(crate) fn fingerprint<P: KeyPart + ?Sized>(&self, key: &P) -> Fingerprint {
        let Ok(fingerprint) = self.fingerprint_with::<std::convert::Infallible>(|writer| {
            key.write(writer);
            Ok(())
        });
        fingerprint
    }

    /// The fingerprint of what is written, if all of it could be.
    pub(crate) fn fingerprint_with<E>(
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
