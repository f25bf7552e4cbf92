//! A store whose type is not known: [`Shelf`].

use std::{error::Error, pin::Pin};

use super::store::{SessionId, SessionRecord, SessionStore};

type Answer<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// What [`SessionStore`] is, without its types.
pub(super) trait Shelf: Send + Sync {
    fn load<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<SessionRecord>>;
    fn insert(&self, id: SessionId, record: SessionRecord) -> Answer<'_, ()>;
    fn update<'a>(&'a self, id: &'a SessionId, record: SessionRecord) -> Answer<'a, bool>;
    fn remove<'a>(&'a self, id: &'a SessionId) -> Answer<'a, ()>;
}

impl<S: SessionStore> Shelf for S {
    fn load<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<SessionRecord>> {
        Box::pin(async move { SessionStore::load(self, id).await.map_err(Into::into) })
    }

    fn insert(&self, id: SessionId, record: SessionRecord) -> Answer<'_, ()> {
        Box::pin(async move {
            let inserted = SessionStore::insert(self, id, record).await;
            inserted.map_err(Into::into)
        })
    }

    fn update<'a>(&'a self, id: &'a SessionId, record: SessionRecord) -> Answer<'a, bool> {
        Box::pin(async move {
            let updated = SessionStore::update(self, id, record).await;
            updated.map_err(Into::into)
        })
    }

    fn remove<'a>(&'a self, id: &'a SessionId) -> Answer<'a, ()> {
        Box::pin(async move { SessionStore::remove(self, id).await.map_err(Into::into) })
    }
}
