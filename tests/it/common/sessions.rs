//! Shared by the tests of session stores: a clock that the test advances, and short ways to write
//! sessions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use wythe::auth::{SessionId, SessionOwner, SessionRecord};

/// A wall clock that does not advance until the test advances it.
#[derive(Clone, Debug)]
pub struct WallClock(Arc<AtomicU64>);

impl Default for WallClock {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1_795_190_400_123_456_789)))
    }
}

impl WallClock {
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    pub fn advance(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(time, Ordering::SeqCst);
    }

    pub fn go_back(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_sub(time, Ordering::SeqCst);
    }

    /// For the `clock` of a store.
    pub fn show(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }

    /// A session without an owner that expires after this many seconds.
    pub fn session(&self, data: impl Into<Vec<u8>>, seconds: u64) -> SessionRecord {
        let ends = self.now() + Duration::from_secs(seconds);
        SessionRecord::new(data.into().into(), ends)
    }
}

/// The id with this number, which looks like a hash.
pub fn id(number: u32) -> SessionId {
    SessionId::from_bytes(*SessionOwner::new(number.to_be_bytes()).as_bytes())
}
