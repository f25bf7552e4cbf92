//! Events in the memory of the process: [`MemoryWebhookStore`].

use std::{collections::HashMap, fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use super::store::{ClaimId, EventKey, EventState, WebhookStore};
use crate::support::{
    clock::Clock,
    shards::{Shards, shards_for},
};

/// Records handled events in the memory of the process, for a single instance: after a restart, an
/// event that is sent again is handled again.
///
/// Clones share the events.
///
/// # Example
///
/// ```
/// use wythe::{webhook::{MemoryWebhookStore, WebhookScheme}, with_webhook};
///
/// let store = MemoryWebhookStore::default();
/// let scheme = WebhookScheme::stripe("whsec_32_characters_of_the_dashboard")?;
/// let layer = with_webhook::<serde_json::Value>(scheme).once(store);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Capacity
///
/// At most the number of events given to [`new`](Self::new) is kept, of about 100 bytes each. Expired
/// events are removed while others are recorded. When the store is full, a new event replaces the
/// handled event that would expire first; events in progress are never replaced. If all are in
/// progress, the store is full and the request is answered 503.
#[derive(Clone)]
#[must_use]
pub struct MemoryWebhookStore {
    shards: Arc<Shards<HashMap<EventKey, Entry>>>,
    events_per_shard: usize,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Entry {
    /// `None` if the event was handled.
    claim: Option<ClaimId>,
    /// Monotonic nanoseconds.
    expires: u64,
}

/// The error of a store that has no room for another event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookStoreFull(());

impl fmt::Display for WebhookStoreFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no room for another event: all are in progress")
    }
}

impl std::error::Error for WebhookStoreFull {}

impl MemoryWebhookStore {
    /// Keeps at most this number of events; `default()` keeps 100,000.
    pub fn new(events: NonZeroUsize) -> Self {
        let shards = shards_for(events.get());
        Self {
            shards: Arc::new(Shards::new(shards, HashMap::new)),
            events_per_shard: events.get() / shards,
            clock: Clock::default(),
        }
    }

    /// The clock; by default the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The number of events in memory, including expired ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.each().map(|shard| shard.len()).sum()
    }

    /// Whether no event is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> u64 {
        nanos(self.clock.monotonic())
    }

    /// Gives access to the shard of an event, after sweeping a shard.
    fn at<T>(
        &self,
        event: &EventKey,
        now: u64,
        change: impl FnOnce(&mut HashMap<EventKey, Entry>) -> T,
    ) -> T {
        self.shards.sweep(now, |shard| sweep(shard, now));
        change(&mut self.shards.lock(hash(event)))
    }

    /// Inserts an event, if there is room for it or a handled event can be replaced.
    fn insert(
        &self,
        shard: &mut HashMap<EventKey, Entry>,
        event: EventKey,
        entry: Entry,
        now: u64,
    ) -> Result<(), WebhookStoreFull> {
        if shard.len() >= self.events_per_shard && !shard.contains_key(&event) {
            sweep(shard, now);
        }
        if shard.len() >= self.events_per_shard && !shard.contains_key(&event) {
            let handled = shard.iter().filter(|(_, entry)| entry.claim.is_none());
            let first = handled.min_by_key(|(_, entry)| entry.expires);
            let first = first.map(|(event, _)| *event);
            let first = first.ok_or(WebhookStoreFull(()))?;
            shard.remove(&first);
        }
        shard.insert(event, entry);
        Ok(())
    }
}

impl WebhookStore for MemoryWebhookStore {
    type Error = WebhookStoreFull;

    async fn begin(
        &self,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> Result<EventState, WebhookStoreFull> {
        let now = self.now();
        self.at(&event, now, |shard| {
            let known = shard.get(&event).filter(|entry| entry.expires > now);
            if let Some(known) = known {
                return Ok(match known.claim {
                    Some(_) => EventState::InProgress,
                    None => EventState::Handled,
                });
            }
            let entry = Entry {
                claim: Some(claim),
                expires: now.saturating_add(nanos(lease)),
            };
            self.insert(shard, event, entry, now)?;
            Ok(EventState::New)
        })
    }

    async fn complete(&self, event: EventKey, keep: Duration) -> Result<(), WebhookStoreFull> {
        let now = self.now();
        let entry = Entry {
            claim: None,
            expires: now.saturating_add(nanos(keep)),
        };
        self.at(&event, now, |shard| self.insert(shard, event, entry, now))
    }

    async fn release(&self, event: EventKey, claim: ClaimId) -> Result<(), WebhookStoreFull> {
        self.at(&event, self.now(), |shard| {
            if shard
                .get(&event)
                .is_some_and(|entry| entry.claim == Some(claim))
            {
                shard.remove(&event);
            }
        });
        Ok(())
    }
}

/// Removes expired events, and frees memory.
fn sweep(shard: &mut HashMap<EventKey, Entry>, now: u64) {
    shard.retain(|_, entry| entry.expires > now);
    if shard.len() < shard.capacity() / 4 {
        shard.shrink_to(shard.len().saturating_mul(2));
    }
}

/// Keys are already hashes.
fn hash(event: &EventKey) -> u64 {
    let first = event.as_bytes().first_chunk().copied();
    first.map_or(0, u64::from_le_bytes)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// 100,000 events.
impl Default for MemoryWebhookStore {
    fn default() -> Self {
        Self::new(NonZeroUsize::new(100_000).unwrap_or(NonZeroUsize::MIN))
    }
}

/// Omits the events.
impl fmt::Debug for MemoryWebhookStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryWebhookStore")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
