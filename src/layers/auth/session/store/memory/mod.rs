//! Keeps sessions in the memory of the process: [`MemorySessions`].

mod shard;
mod table;

use std::{fmt, future::poll_fn, num::NonZeroUsize, sync::Arc, task::Poll, time::SystemTime};

use bytes::Bytes;

use self::{shard::Kept, table::Table};
use super::{
    SessionStore, SessionsByOwner,
    error::{Kind, SessionStoreError, check_length},
    record::{SessionId, SessionOwner, SessionRecord},
    time::{nanos, whole},
};
use crate::support::clock::Clock;

/// Keeps sessions in the memory of the process, for one instance: a restart signs everybody out.
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
/// # What is kept
///
/// At most so many sessions, and [so many bytes](Self::record_bytes) of each; a session that is
/// larger is an error. A session whose time is over is never handed out. Its memory comes back as
/// sessions are loaded, made and kept anew, without a thread: every shard of about a thousand
/// sessions has its turn within a minute, if there are as many requests, and no request goes
/// through more than its own shard and one other.
///
/// With 100 bytes of data, 100,000 sessions take 196 bytes each, and a million 253; an owner takes
/// 32 more. A load takes less than 1 µs.
///
/// # When it is full
///
/// A new session takes the place of one that nobody has come back with since it was made. Of
/// these, the ones that end first go, up to a 64th of a shard at once. If somebody has come back
/// with all of them, it is an error, for which a sign-in is answered 503.
///
/// So a flood of sign-ins pushes out itself: nobody who is signed in and has made a request since
/// is signed out, and others can sign in at the same time. Whoever also comes back with each of
/// their sessions can fill the store until these end: limit the rate of sign-ins, per user as
/// well as per address. Shards fill up almost evenly, so this begins some percent before the
/// number is reached.
///
/// # Security
///
/// In memory are the hashes of what cookies hold, and what the application keeps in a session in
/// plain; it is not wiped when a session ends. How long a search takes depends on the hash of what
/// was sent, which tells nobody what would have been found.
#[derive(Clone)]
#[must_use]
pub struct MemorySessions {
    table: Arc<Table>,
    record_bytes: usize,
    clock: Clock,
}

impl MemorySessions {
    /// Keeps at most so many sessions; 100,000 by `default()`.
    pub fn new(sessions: NonZeroUsize) -> Self {
        Self {
            table: Arc::new(Table::new(sessions.get())),
            record_bytes: 4_096,
            clock: Clock::default(),
        }
    }

    /// The most bytes that the data of a session may have: 4,096 unless told, which is about what
    /// a cookie could hold. Times the number of sessions, that is what all of them can take.
    pub const fn record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// The clock; by default the system's. When it is set ahead, sessions are over that much
    /// earlier; when it is set back, those that are still kept go on.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The number of sessions that are kept, with those that are over and still in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no session is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> u64 {
        whole(self.clock.since_epoch())
    }
}

impl SessionStore for MemorySessions {
    type Error = SessionStoreError;

    async fn load(&self, id: &SessionId) -> Result<Option<SessionRecord>, SessionStoreError> {
        let now = self.now();
        let found = self.table.at(id, now, |shard| shard.load(id, now));
        Ok(found.flatten())
    }

    async fn insert(&self, id: SessionId, record: SessionRecord) -> Result<(), SessionStoreError> {
        check_length(record.data.len(), self.record_bytes)?;
        let (now, most) = (self.now(), self.table.sessions_per_shard);
        let kept = Kept::new(&record);
        let inserted = self.table.at(&id, now, |shard| {
            if record
                .owner
                .is_some_and(|owner| self.table.is_ending(&owner))
            {
                return Err(Kind::Ending.into());
            }
            shard.insert(id, kept, now, most)
        });
        inserted.unwrap_or(Ok(()))
    }

    async fn update(&self, id: &SessionId, data: Bytes) -> Result<bool, SessionStoreError> {
        check_length(data.len(), self.record_bytes)?;
        let now = self.now();
        let mut data = data.as_ref().into();
        let updated = self
            .table
            .at(id, now, |shard| shard.update(id, &mut data, now));
        Ok(updated.unwrap_or_default())
    }

    async fn touch(&self, id: &SessionId, expires: SystemTime) -> Result<bool, SessionStoreError> {
        let (now, expires) = (self.now(), nanos(expires));
        let touched = self
            .table
            .at(id, now, |shard| shard.touch(id, expires, now));
        Ok(touched.unwrap_or_default())
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, SessionStoreError> {
        let now = self.now();
        let removed = self.table.at(id, now, |shard| shard.remove(id));
        Ok(removed.flatten().is_some_and(|kept| kept.is_live(now)))
    }
}

impl SessionsByOwner for MemorySessions {
    /// Goes through all sessions, shard by shard, and lets other tasks run between: for 100,000
    /// sessions about 2 ms of work in all. Meanwhile a new session of the owner is an error.
    async fn remove_owned(&self, owner: &SessionOwner) -> Result<u64, SessionStoreError> {
        let now = self.now();
        let mut ended = 0_u64;
        let _nothing_new = self.table.end(*owner);
        for line in &self.table.shards {
            ended = ended.saturating_add(line.lock().remove_owned(owner, now));
            others_first().await;
        }
        Ok(ended)
    }
}

/// Lets the runtime, whichever it is, do something else first.
async fn others_first() {
    let mut asked = false;
    poll_fn(|context| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
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
    /// No session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions")
            .field("len", &self.len())
            .field("record_bytes", &self.record_bytes)
            .finish_non_exhaustive()
    }
}
