//! Keys and their times, in the order of the keys' hashes: [`KeyTable`].

use std::mem;

use crate::request::key::Fingerprint;

/// The first word of a slot without a key.
const EMPTY: u64 = 0;

/// Keys in the order of their hashes, and the same number of times for each: linear probing without
/// tombstones.
///
/// Each key has a home slot, whose position in the table is proportional to the hash. The key is there
/// or to the right of it, with no empty slot in between. Because the keys are in order, a search for a
/// missing key ends where the key would be, removing a key closes the gap, and a table of another size
/// is built in one pass from left to right. The table can therefore be four fifths full and grow in
/// steps of a third, whereas a table of buckets that doubles would waste twice the memory after each
/// step.
pub(super) struct KeyTable {
    /// Slots of `stride` words: two for the key, then its times. A position is an offset in words.
    words: Vec<u64>,
    stride: usize,
    /// The number of slots that are homes. There may be more slots: a tail for keys that found the
    /// last homes taken, instead of wrapping around.
    homes: usize,
    pub(super) len: usize,
}

impl KeyTable {
    pub(super) const fn new(width: usize) -> Self {
        Self {
            words: Vec::new(),
            stride: width.saturating_add(2),
            homes: 0,
            len: 0,
        }
    }

    /// The number of times for each key.
    pub(super) const fn width(&self) -> usize {
        self.stride.saturating_sub(2)
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.words.capacity().saturating_mul(size_of::<u64>())
    }

    /// Whether one more key would make searches slow.
    pub(super) const fn should_grow(&self) -> bool {
        self.len >= self.homes.saturating_mul(4) / 5
    }

    /// Whether it wastes memory.
    pub(super) const fn should_shrink(&self) -> bool {
        self.len < self.homes / 2
    }

    /// The times of a key.
    pub(super) fn times(&self, key: Fingerprint) -> Option<&[u64]> {
        let at = self.find(key).ok()?;
        self.words.get(at..)?.get(2..self.stride)
    }

    pub(super) fn times_mut(&mut self, key: Fingerprint) -> Option<&mut [u64]> {
        let at = self.find(key).ok()?;
        self.words.get_mut(at..)?.get_mut(2..self.stride)
    }

    /// The times of all keys, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u64]> {
        entries(&self.words, self.stride).map(|(_, times)| times)
    }

    /// The keys and their times, from the home of a key to the end and then from the start.
    pub(super) fn from(&self, key: Fingerprint) -> impl Iterator<Item = (Fingerprint, &[u64])> {
        let home = self.words.split_at_checked(self.home(key.high));
        let (before, after) = home.unwrap_or((&[], &self.words));
        entries(after, self.stride).chain(entries(before, self.stride))
    }

    /// Adds a key that is not in the table.
    pub(super) fn insert(&mut self, key: Fingerprint, times: &[u64]) {
        let (Ok(at) | Err(at)) = self.find(key);
        let mut end = at;
        while self.words.get(end).is_some_and(|high| *high != EMPTY) {
            end = end.saturating_add(self.stride);
        }
        self.extend_tail(end.saturating_add(self.stride));
        self.words
            .copy_within(at..end, at.saturating_add(self.stride));
        self.put(at, key, times);
    }

    /// Removes a key: keys that it displaced from their homes move to the left.
    pub(super) fn remove(&mut self, key: Fingerprint) -> bool {
        let Ok(at) = self.find(key) else {
            return false;
        };
        let next = at.saturating_add(self.stride);
        let mut end = next;
        while let Some(high) = self.words.get(end)
            && *high != EMPTY
            && self.home(*high) < end
        {
            end = end.saturating_add(self.stride);
        }
        self.words.copy_within(next..end, at);
        if let Some(last) = self.words.get_mut(end.saturating_sub(self.stride)..end) {
            last.fill(EMPTY);
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Keeps only some keys, in a table of the right size for this number.
    pub(super) fn rebuild(&mut self, keys: usize, mut keep: impl FnMut(&[u64]) -> bool) {
        // Three fifths full: room for a third more until the next time.
        self.homes = keys.saturating_mul(5).div_ceil(3);
        self.len = 0;
        let slots = self.homes.saturating_add(self.homes / 64);
        let empty = vec![EMPTY; slots.saturating_mul(self.stride)];
        let old = mem::replace(&mut self.words, empty);
        let mut next = 0;
        for (key, times) in entries(&old, self.stride).filter(|(_, times)| keep(times)) {
            let at = self.home(key.high).max(next);
            next = at.saturating_add(self.stride);
            self.extend_tail(next);
            self.put(at, key, times);
        }
    }

    /// Writes a key into a free slot.
    fn put(&mut self, at: usize, key: Fingerprint, times: &[u64]) {
        if let Some([high, low, slot @ ..]) = self.words.get_mut(at..) {
            (*high, *low) = (key.high, key.low);
            slot.iter_mut()
                .zip(times)
                .for_each(|(to, from)| *to = *from);
        }
        self.len = self.len.saturating_add(1);
    }

    /// The position of a key, or where it would be.
    fn find(&self, key: Fingerprint) -> Result<usize, usize> {
        let mut at = self.home(key.high);
        while let Some([high, low, ..]) = self.words.get(at..) {
            if *high == key.high && *low == key.low {
                return Ok(at);
            }
            if *high == EMPTY || (*high, *low) > (key.high, key.low) {
                break;
            }
            at = at.saturating_add(self.stride);
        }
        Err(at)
    }

    /// Always within the table.
    fn home(&self, high: u64) -> usize {
        let homes = u128::try_from(self.homes).unwrap_or_default();
        let home = u128::from(high).saturating_mul(homes) >> 64;
        usize::try_from(home)
            .unwrap_or_default()
            .saturating_mul(self.stride)
    }

    /// Lengthens the tail if it is too short.
    fn extend_tail(&mut self, end: usize) {
        if self.words.len() < end {
            let end = end.saturating_add(self.stride.saturating_mul(3));
            self.words
                .reserve_exact(end.saturating_sub(self.words.len()));
            self.words.resize(end, EMPTY);
        }
    }
}

/// The key as tables store it: 0 marks an empty slot.
pub(super) fn stored(key: Fingerprint) -> Fingerprint {
    let high = key.high.max(EMPTY.saturating_add(1));
    Fingerprint { high, ..key }
}

/// The keys of some slots, and their times.
fn entries(words: &[u64], stride: usize) -> impl Iterator<Item = (Fingerprint, &[u64])> {
    words.chunks_exact(stride).filter_map(|slot| match slot {
        [EMPTY, ..] => None,
        [high, low, times @ ..] => Some((
            Fingerprint {
                high: *high,
                low: *low,
            },
            times,
        )),
        _ => None,
    })
}
