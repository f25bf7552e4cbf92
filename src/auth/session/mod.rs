//! Knows who has signed in: sessions in cookies.

mod store;

pub use store::{
    MemorySessions, SessionId, SessionOwner, SessionRecord, SessionStore, SessionStoreError,
    SessionsByOwner,
};
#[cfg(feature = "session-redis")]
pub use store::{RedisSessions, RedisSessionsMetrics};
