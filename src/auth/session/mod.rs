//! Knows who has signed in: sessions in cookies.

mod store;

pub use store::{SessionId, SessionOwner, SessionRecord, SessionStore, SessionsByOwner};
