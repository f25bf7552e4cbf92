//! One semaphore for all requests, or one for each key that has a request in progress or waiting.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    hash::BuildHasherDefault,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    request::key::{Fingerprint, Seed},
    support::shards::{IdentityHasher, Shards},
};

/// More shards mean less contention.
const SHARDS: usize = 64;

/// How many unused semaphores a shard keeps for later keys, so that a key with one request at a time
/// does not allocate a semaphore for each of them.
const MAX_SPARE: usize = 8;

/// Tables of fewer entries do not shrink.
const SMALL: usize = 64;

/// The semaphores of a limit.
pub(super) enum Semaphores {
    Overall(Arc<QueuedSemaphore>),
    ByKey { seed: Seed, table: Arc<ByKey> },
}

impl Semaphores {
    pub(super) fn overall(permits: usize) -> Self {
        Self::Overall(Arc::new(QueuedSemaphore::new(permits)))
    }

    pub(super) fn by_key(permits: usize) -> Self {
        Self::ByKey {
            seed: Seed::random(),
            table: Arc::new(ByKey {
                permits,
                shards: Shards::new(SHARDS, Shard::default),
            }),
        }
    }

    /// The number of requests in progress.
    pub(super) fn in_progress(&self) -> usize {
        self.sum(|semaphore| {
            let free = semaphore.permits.available_permits();
            semaphore.max.saturating_sub(free)
        })
    }

    /// The number of requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.sum(|semaphore| semaphore.waiting.load(Ordering::Relaxed))
    }

    /// The number of keys with a request in progress or waiting.
    pub(super) fn keys(&self) -> usize {
        match self {
            Self::Overall(_) => usize::from(self.in_progress() > 0),
            Self::ByKey { table, .. } => table.shards.each().map(|shard| shard.used.len()).sum(),
        }
    }

    fn sum(&self, of: impl Fn(&QueuedSemaphore) -> usize) -> usize {
        match self {
            Self::Overall(semaphore) => of(semaphore),
            Self::ByKey { table, .. } => {
                let shards = table.shards.each();
                shards
                    .map(|shard| -> usize {
                        shard.used.values().map(|used| of(&used.semaphore)).sum()
                    })
                    .sum()
            }
        }
    }
}

/// The permits of one key, and the queue of those that wait for one.
#[derive(Debug)]
pub(super) struct QueuedSemaphore {
    max: usize,
    // First come, first served: a released permit goes to the request that has waited longest, and is
    // free for others only if none waits.
    permits: Semaphore,
    waiting: AtomicUsize,
}

impl QueuedSemaphore {
    const fn new(permits: usize) -> Self {
        Self {
            max: permits,
            permits: Semaphore::const_new(permits),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// A request's use of the semaphore of its key, which stays in the table while this lives.
#[derive(Debug)]
pub(super) struct InUse {
    semaphore: Arc<QueuedSemaphore>,
    /// Keeps the semaphore in the table; dropped last.
    _entry: Option<Entry>,
}

impl InUse {
    pub(super) fn overall(semaphore: &Arc<QueuedSemaphore>) -> Self {
        Self {
            semaphore: Arc::clone(semaphore),
            _entry: None,
        }
    }

    /// Takes a permit, if one is free and nobody waits.
    pub(super) fn try_acquire(self) -> Result<Permit, Self> {
        // `Permit` returns it.
        let acquired = self.semaphore.permits.try_acquire();
        let acquired = acquired.map(SemaphorePermit::forget).is_ok();
        if acquired {
            Ok(Permit(self))
        } else {
            Err(self)
        }
    }

    /// Waits for a permit; `None` if the queue is full.
    pub(super) fn acquire(self, max_waiting: usize, max_wait: Duration) -> Option<Acquire> {
        let waiting = Waiting::new(&self.semaphore, max_waiting)?;
        Some(Acquire(Box::pin(async move {
            // Dropped after the future that waits for the permit, so that the queue's length is never
            // underestimated.
            let waiting = waiting;
            match timeout(max_wait, waiting.0.permits.acquire()).await {
                Ok(Ok(permit)) => {
                    permit.forget();
                    Some(Permit(self))
                }
                // The wait was too long. The semaphore is never closed.
                Ok(Err(_)) | Err(_) => None,
            }
        })))
    }
}

/// The right to be in progress, which is returned when this is dropped.
#[derive(Debug)]
pub(super) struct Permit(InUse);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.semaphore.permits.add_permits(1);
    }
}

/// The permit of a request. It is shared with a task that continues when the response is dropped.
#[derive(Debug)]
pub(super) enum HeldPermit {
    Alone(Permit),
    Shared(Arc<Permit>),
}

impl HeldPermit {
    /// Shares the permit, if there is one.
    pub(super) fn share(held: &mut Option<Self>) -> Option<Arc<Permit>> {
        let permit = match held.take()? {
            Self::Alone(permit) => Arc::new(permit),
            Self::Shared(permit) => permit,
        };
        *held = Some(Self::Shared(Arc::clone(&permit)));
        Some(permit)
    }
}

/// A wait in the queue: resolves to a permit, or to `None` after too long. Dropping it leaves the
/// queue.
///
/// Boxed, so that only requests that wait pay for it, and the futures of the others stay small.
pub(super) struct Acquire(pub(super) Pin<Box<dyn Future<Output = Option<Permit>> + Send>>);

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acquire")
    }
}

/// A place in the queue of a semaphore, which is freed when this is dropped.
struct Waiting(Arc<QueuedSemaphore>);

impl Waiting {
    fn new(semaphore: &Arc<QueuedSemaphore>, max_waiting: usize) -> Option<Self> {
        let increment = |waiting: usize| {
            waiting
                .checked_add(1)
                .filter(|waiting| *waiting <= max_waiting)
        };
        semaphore
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, increment)
            .is_ok()
            .then(|| Self(Arc::clone(semaphore)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The semaphores of all keys, in shards.
pub(super) struct ByKey {
    permits: usize,
    shards: Shards<Shard>,
}

#[derive(Default)]
struct Shard {
    used: HashMap<Fingerprint, Used, BuildHasherDefault<IdentityHasher>>,
    spare: Vec<Arc<QueuedSemaphore>>,
}

struct Used {
    semaphore: Arc<QueuedSemaphore>,
    users: usize,
}

impl ByKey {
    /// The semaphore of a key, created if it does not exist.
    pub(super) fn of(self: &Arc<Self>, key: Fingerprint) -> InUse {
        let mut shard = self.shards.lock(key.high);
        let Shard { used, spare } = &mut *shard;
        let used = used.entry(key).or_insert_with(|| Used {
            semaphore: spare
                .pop()
                .unwrap_or_else(|| Arc::new(QueuedSemaphore::new(self.permits))),
            users: 0,
        });
        // Each user is in memory, so there are fewer than `usize::MAX`.
        used.users = used.users.saturating_add(1);
        InUse {
            semaphore: Arc::clone(&used.semaphore),
            _entry: Some(Entry {
                table: Arc::clone(self),
                key,
            }),
        }
    }
}

/// One user of a semaphore, counted in the table. The last user removes the key.
struct Entry {
    table: Arc<ByKey>,
    key: Fingerprint,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.table.shards.lock(self.key.high).leave(self.key);
    }
}

impl Shard {
    fn leave(&mut self, key: Fingerprint) {
        let Self { used, spare } = self;
        let hash_map::Entry::Occupied(mut entry) = used.entry(key) else {
            return;
        };
        let users = &mut entry.get_mut().users;
        *users = users.saturating_sub(1);
        if *users > 0 {
            return;
        }
        let Used { semaphore, .. } = entry.remove();
        if spare.len() < MAX_SPARE {
            // All of its permits have been returned, and nobody waits: it is as good as new.
            spare.push(semaphore);
        }
        let (length, room) = (used.len(), used.capacity());
        if room > SMALL && length < room / 8 {
            used.shrink_to(length.saturating_mul(2));
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{ByKey, MAX_SPARE, SHARDS, SMALL, Semaphores};
    use crate::request::key::Fingerprint;

    #[test]
    fn memory_is_released_when_keys_are_removed() {
        let semaphores = Semaphores::by_key(1);
        let Semaphores::ByKey { seed, table } = &semaphores else {
            unreachable!()
        };
        let room = |table: &ByKey| -> usize {
            let shards = table.shards.each();
            shards.map(|shard| shard.used.capacity()).sum()
        };
        let key = |n: u32| -> Fingerprint {
            let Ok(key) = seed.fingerprint::<std::convert::Infallible>(|writer| {
                writer.number(n.into());
                Ok(())
            });
            key
        };
        let users: Vec<_> = (0..100_000).map(|n| table.of(key(n))).collect();
        assert_eq!(semaphores.keys(), 100_000);
        assert!(room(table) >= 100_000);
        drop(users);
        assert_eq!(semaphores.keys(), 0);
        assert!(room(table) <= 2 * SHARDS * SMALL, "{}", room(table));
        for shard in table.shards.each() {
            assert_eq!(shard.spare.len(), MAX_SPARE);
        }
    }
}
