//! Answers in the memory of the process: [`MemoryAnswers`].

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::{Acquired, Claim, IdempotencyStore};
use crate::{
    contract::Later,
    support::{clock::Clock, shards::Shards},
    wire::{BoxError, ConfigError},
};

/// Keeps answers in the memory of the process, for a single instance: after a restart, repeated
/// requests are handled again.
///
/// Clones share the answers, and so do policies with clones of the same store.
///
/// # Capacity
///
/// By default at most 100,000 keys and 64 MiB of answers; each key takes about 250 bytes more. When
/// there is no room for a new key, the answers that expire first are dropped: if the traffic exceeds
/// the capacity, answers are kept for a shorter time. A request in progress is never dropped; if there
/// is nothing else to drop, a new request is answered 503.
///
/// Expired answers are dropped while others are added, without a thread.
///
/// # Security
///
/// A client that sends many requests with new keys makes the store drop the answers of others earlier.
/// Limit the rate of each client outside.
#[derive(Clone)]
#[must_use]
pub struct MemoryAnswers {
    shards: Arc<Shards<Shard>>,
    limits: Limits,
    seed: RandomState,
    clock: Clock,
}

/// The capacity of a shard.
#[derive(Clone, Copy)]
struct Limits {
    keys: usize,
    bytes: usize,
}

const DEFAULT_KEYS: usize = 100_000;
const DEFAULT_BYTES: usize = 64 * 1024 * 1024;

/// Each shard has at least this capacity, so that the shards fill up evenly.
const KEYS_PER_SHARD: usize = 1_024;
const BYTES_PER_SHARD: usize = 4 * 1024 * 1024;
const MAX_SHARDS: usize = 64;

impl MemoryAnswers {
    /// Keeps at most this number of keys, and this number of bytes of answers. The store is divided
    /// into shards of at least 4 MiB, and an answer has to fit into one.
    ///
    /// # Errors
    ///
    /// If there is no room for a key, or for an answer.
    pub fn new(keys: usize, bytes: usize) -> Result<Self, ConfigError> {
        if keys == 0 || bytes < 1_024 {
            return Err(ConfigError::new(
                "MemoryAnswers",
                "the store needs room for at least one key and 1024 bytes of answers",
            ));
        }
        Ok(Self::with(keys, bytes))
    }

    fn with(keys: usize, bytes: usize) -> Self {
        let shards = (keys / KEYS_PER_SHARD).min(bytes / BYTES_PER_SHARD);
        let shards = 1_usize << shards.clamp(1, MAX_SHARDS).ilog2();
        Self {
            shards: Arc::new(Shards::new(shards, Shard::default)),
            limits: Limits {
                keys: keys / shards,
                bytes: bytes / shards,
            },
            seed: RandomState::new(),
            clock: Clock::default(),
        }
    }

    /// The clock whose monotonic time determines when leases and answers expire; by default the
    /// system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The number of keys in memory, including those that have expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.each().map(|shard| shard.entries.len()).sum()
    }

    /// Whether no key is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives access to the shard of a key, after removing what has expired. Clients can't choose the
    /// shard.
    fn at<T>(&self, key: &[u8; 32], change: impl FnOnce(&mut Shard, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        let changed = {
            let mut shard = self.shards.lock(self.seed.hash_one(key));
            shard.expire(now);
            change(&mut shard, now)
        };
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.shards.sweep(nanos, |shard| shard.expire(now));
        changed
    }
}

/// 100,000 keys and 64 MiB.
impl Default for MemoryAnswers {
    fn default() -> Self {
        Self::with(DEFAULT_KEYS, DEFAULT_BYTES)
    }
}

impl IdempotencyStore for MemoryAnswers {
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>> {
        Later::Ready(self.at(claim.key(), |shard, now| {
            if let Some(entry) = shard.entries.get(claim.key()) {
                let payload = entry.payload;
                return Ok(match &entry.state {
                    State::InProgress(_) => Acquired::InProgress { payload },
                    State::Answered(answer) => Acquired::Answered {
                        payload,
                        answer: answer.clone(),
                    },
                });
            }
            let held = State::InProgress(*claim.owner());
            shard.insert(claim, held, now.saturating_add(lease), self.limits)?;
            Ok(Acquired::Free)
        }))
    }

    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>> {
        let held = State::InProgress(*claim.owner());
        Later::Ready(self.replace(claim, held, lease))
    }

    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>> {
        // Copied to its exact length: the answer may be part of a larger buffer.
        let answer = State::Answered(Bytes::copy_from_slice(&answer));
        Later::Ready(self.replace(claim, answer, time))
    }

    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>> {
        Later::Ready(Ok(self.at(claim.key(), |shard, _| {
            shard.is_held_by(claim) && shard.remove(claim.key())
        })))
    }

    fn max_answer_bytes(&self) -> usize {
        self.limits.bytes
    }
}

impl MemoryAnswers {
    /// Writes a state, if the key is free or held by this claim. Returns whether the key has it.
    fn replace(&self, claim: &Claim, state: State, time: Duration) -> Result<bool, BoxError> {
        self.at(claim.key(), |shard, now| {
            if let Some(entry) = shard.entries.get(claim.key())
                && !shard.is_held_by(claim)
            {
                return Ok(entry.state == state);
            }
            shard.insert(claim, state, now.saturating_add(time), self.limits)?;
            Ok(true)
        })
    }
}

#[derive(Default)]
struct Shard {
    entries: HashMap<[u8; 32], Entry>,
    /// Answers, which can be dropped to make room, in the order in which they expire.
    answered: BTreeSet<(Duration, [u8; 32])>,
    in_progress: BTreeSet<(Duration, [u8; 32])>,
    /// The size of all answers.
    bytes: usize,
}

struct Entry {
    payload: [u8; 32],
    expires: Duration,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Held by this owner.
    InProgress([u8; 16]),
    Answered(Bytes),
}

impl State {
    const fn bytes(&self) -> usize {
        match self {
            Self::InProgress(_) => 0,
            Self::Answered(answer) => answer.len(),
        }
    }
}

impl Shard {
    fn is_held_by(&self, claim: &Claim) -> bool {
        self.entries.get(claim.key()).is_some_and(
            |entry| matches!(&entry.state, State::InProgress(owner) if owner == claim.owner()),
        )
    }

    /// Replaces the entry of a key, if there is room or an answer can be dropped. Otherwise the key
    /// keeps its entry.
    fn insert(
        &mut self,
        claim: &Claim,
        state: State,
        expires: Duration,
        limits: Limits,
    ) -> Result<(), Full> {
        let added = state.bytes();
        let is_new = !self.entries.contains_key(claim.key());
        loop {
            let keys = self.entries.len().saturating_add(usize::from(is_new));
            if keys <= limits.keys && self.bytes.saturating_add(added) <= limits.bytes {
                break;
            }
            let Some((_, first)) = self.answered.first().copied() else {
                return Err(Full);
            };
            self.remove(&first);
        }
        self.remove(claim.key());
        self.bytes = self.bytes.saturating_add(added);
        self.order(&state).insert((expires, *claim.key()));
        let entry = Entry {
            payload: *claim.payload(),
            expires,
            state,
        };
        self.entries.insert(*claim.key(), entry);
        Ok(())
    }

    fn remove(&mut self, key: &[u8; 32]) -> bool {
        let Some(entry) = self.entries.remove(key) else {
            return false;
        };
        self.order(&entry.state).remove(&(entry.expires, *key));
        self.bytes = self.bytes.saturating_sub(entry.state.bytes());
        true
    }

    const fn order(&mut self, state: &State) -> &mut BTreeSet<(Duration, [u8; 32])> {
        match state {
            State::InProgress(_) => &mut self.in_progress,
            State::Answered(_) => &mut self.answered,
        }
    }

    /// Drops expired entries, and frees memory.
    fn expire(&mut self, now: Duration) {
        let first = |order: &BTreeSet<(Duration, [u8; 32])>| {
            let first = order.first().filter(|(expires, _)| *expires <= now);
            first.map(|(_, key)| *key)
        };
        while let Some(key) = first(&self.answered).or_else(|| first(&self.in_progress)) {
            self.remove(&key);
        }
        let keys = self.entries.len();
        if keys < self.entries.capacity() / 4 {
            self.entries.shrink_to(keys.saturating_mul(2));
        }
    }
}

/// The error if there is no room, and no answer that can be dropped to make some.
#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store has no room")
    }
}

impl Error for Full {}

impl fmt::Debug for MemoryAnswers {
    /// Omits keys and answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAnswers")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_room_for_a_thousand_keys_and_four_mebibytes() {
        const MIB: usize = 1024 * 1024;

        for (keys, bytes, shards) in [
            (1, 1_024, 1),
            (2_047, 64 * MIB, 1),
            (2_048, 64 * MIB, 2),
            (2_048, 7 * MIB, 1),
            (100_000, 64 * MIB, 16),
            (10_000_000, 1_024 * MIB, 64),
        ] {
            let store = MemoryAnswers::new(keys, bytes).unwrap();
            let case = format!("{keys} keys and {bytes} bytes");
            assert_eq!(store.shards.each().count(), shards, "{case}");
            assert_eq!(store.limits.keys, keys / shards, "{case}");
            assert_eq!(store.limits.bytes, bytes / shards, "{case}");
        }
    }
}
