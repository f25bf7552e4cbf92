//! Sessions in the memory of the process: [`MemorySessions`].

mod shards;

use std::{fmt, future::poll_fn, num::NonZeroUsize, sync::Arc, task::Poll, time::SystemTime};

use bytes::Bytes;

use self::shards::{SessionShards, StoredSession};
use super::{
    SessionStore, SessionsByOwner,
    record::{
        SessionId, SessionOwner, SessionRecord, SessionStoreError, StoreFailure, check_length,
        duration_nanos, nanos,
    },
};
use crate::support::clock::Clock;

/// Keeps sessions in the memory of the process, for a single instance: a restart signs everybody out.
///
/// Clones share the sessions.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, SystemTime};
///
/// use wythe::auth::{MemorySessions, SessionId, SessionRecord, SessionStore};
///
/// let sessions = MemorySessions::default();
/// let id = SessionId::from_bytes([7; 32]);
/// let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
/// sessions.insert(id, SessionRecord::new("of alice".into(), in_an_hour)).await?;
///
/// let session = sessions.load(&id).await?.expect("it was just made");
/// assert_eq!(session.data, "of alice");
///
/// assert!(sessions.remove(&id).await?);
/// assert!(sessions.load(&id).await?.is_none());
/// # Ok(()) }
/// ```
///
/// # Capacity
///
/// At most the number of sessions given to [`new`](Self::new) is kept, with at most
/// [`record_bytes`](Self::record_bytes) of data each; a session with more data is an error. A session
/// that has expired is never returned. Its memory is freed while other sessions are loaded, inserted
/// and changed, without a thread: if the number of requests is as large as the number of sessions,
/// every shard of about a thousand sessions is swept within a minute, and no request scans more than
/// its own shard and one other.
///
/// With 100 bytes of data, 100,000 sessions take 196 bytes each, and a million 253; an owner takes 32
/// more. A load takes less than 1 µs.
///
/// # When it is full
///
/// A new session replaces sessions that have not been used since they were inserted. Of these, the
/// ones that expire first are dropped, up to a 64th of a shard at once. If all sessions have been
/// used, the insertion is an error, and a sign-in is answered 503.
///
/// A flood of sign-ins thus displaces only its own sessions: nobody who has made a request since
/// signing in is signed out, and other users can still sign in. An attacker who also uses each of the
/// sessions can fill the store until they expire: limit the rate of sign-ins, per user as well as per
/// address. Shards fill up almost evenly, so the store counts as full a few percent before the
/// maximum.
///
/// # Security
///
/// The memory contains the hashes of the secrets in the cookies, and the data of the sessions
/// unencrypted; it is not wiped when a session ends. The duration of a lookup depends on the hash of
/// the value in the request, which reveals nothing about the stored sessions.
#[derive(Clone)]
#[must_use]
pub struct MemorySessions {
    shards: Arc<SessionShards>,
    record_bytes: usize,
    clock: Clock,
}

impl MemorySessions {
    /// Keeps at most this number of sessions; `default()` keeps 100,000.
    pub fn new(sessions: NonZeroUsize) -> Self {
        Self {
            shards: Arc::new(SessionShards::new(sessions.get())),
            record_bytes: 4_096,
            clock: Clock::default(),
        }
    }

    /// The maximum length of a session's data in bytes; by default 4,096, about the size of a cookie.
    /// Multiplied by the number of sessions, this bounds the data in memory.
    pub const fn record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// The clock; by default the system's. If it is set forward, sessions expire that much earlier; if
    /// it is set back, sessions that are still in memory continue.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The number of sessions in memory, including those that have expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether no session is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> u64 {
        duration_nanos(self.clock.since_epoch())
    }
}

impl SessionStore for MemorySessions {
    type Error = SessionStoreError;

    async fn load(&self, id: &SessionId) -> Result<Option<SessionRecord>, SessionStoreError> {
        let now = self.now();
        Ok(self.shards.at(id, now, |shard| shard.load(id, now)))
    }

    async fn insert(&self, id: SessionId, record: SessionRecord) -> Result<(), SessionStoreError> {
        check_length(record.data.len(), self.record_bytes)?;
        let (now, max_sessions) = (self.now(), self.shards.sessions_per_shard);
        let kept = StoredSession::new(&record);
        self.shards.at(&id, now, |shard| {
            if record
                .owner
                .is_some_and(|owner| self.shards.is_ending(&owner))
            {
                return Err(StoreFailure::Ending.into());
            }
            shard.insert(id, kept, now, max_sessions)
        })
    }

    async fn update(
        &self,
        id: &SessionId,
        from: &Bytes,
        to: Bytes,
    ) -> Result<bool, SessionStoreError> {
        check_length(to.len(), self.record_bytes)?;
        let now = self.now();
        let mut data = to.as_ref().into();
        let updated = self
            .shards
            .at(id, now, |shard| shard.update(id, from, &mut data, now));
        Ok(updated)
    }

    async fn touch(&self, id: &SessionId, expires: SystemTime) -> Result<bool, SessionStoreError> {
        let (now, expires) = (self.now(), nanos(expires));
        let touched = self
            .shards
            .at(id, now, |shard| shard.touch(id, expires, now));
        Ok(touched)
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, SessionStoreError> {
        let now = self.now();
        let removed = self.shards.at(id, now, |shard| shard.remove(id));
        Ok(removed.is_some_and(|kept| kept.is_live(now)))
    }
}

impl SessionsByOwner for MemorySessions {
    /// Scans all sessions, shard by shard, and yields to other tasks in between: about 2 ms of work in
    /// total for 100,000 sessions. Meanwhile, inserting a session of the owner is an error.
    async fn remove_owned(&self, owner: &SessionOwner) -> Result<u64, SessionStoreError> {
        let now = self.now();
        let mut ended = 0_u64;
        let _no_new_sessions = self.shards.end(*owner);
        for of_shard in self.shards.remove_owned(*owner, now) {
            ended = ended.saturating_add(of_shard);
            yield_now().await;
        }
        Ok(ended)
    }
}

/// Yields to other tasks, on any runtime.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// 100,000 sessions.
impl Default for MemorySessions {
    fn default() -> Self {
        Self::new(NonZeroUsize::new(100_000).unwrap_or(NonZeroUsize::MIN))
    }
}

impl fmt::Debug for MemorySessions {
    /// Omits the sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions")
            .field("len", &self.len())
            .field("record_bytes", &self.record_bytes)
            .finish_non_exhaustive()
    }
}
