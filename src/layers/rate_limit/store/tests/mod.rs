//! Tests of the store: it is private, and what it forgets can hardly be seen from outside.

mod full;
mod hostile;
mod memory;
mod model;
mod threads;

use super::{Capacity, Overflow, Store};
use crate::request::key::Fingerprint;

const SECOND: u64 = 1_000_000_000;

fn store(keys: usize, overflow: Overflow) -> Store {
    Store::new(Capacity::new(keys, overflow).unwrap(), 1)
}

/// The same key for the same number, spread as hashes are.
fn key(number: u64) -> Fingerprint {
    let mix = |number: u64| {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let high = mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15));
    Fingerprint {
        high,
        low: mix(high),
    }
}

impl Store {
    /// Takes so much of a key, as a rate limit does; what the time was before. `None` if full.
    fn take(&self, key: Fingerprint, now: u64, ahead: u64) -> Option<u64> {
        self.update(key, now, |times| {
            let before = times[0];
            times[0] = before.max(now) + ahead;
            before
        })
    }

    fn keeps(&self, key: Fingerprint) -> bool {
        self.read(key, |_| ()).is_some()
    }
}
