//! A store whose type is not known: [`Shelf`].

use std::{error::Error, pin::Pin, time::SystemTime};

use bytes::Bytes;

use super::store::{SessionId, SessionRecord, SessionStore};

type Answer<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// What [`SessionStore`] is, without its types.
pub(super) trait Shelf: Send + Sync {
    fn load<'a>(&'a self, id: &'a SessionId) -> Answer<'a, Option<SessionRecord>>;
    fn insert(&self, id: SessionId, record: SessionRecord) -> Answer<'_, ()>;
    fn update<'a>(&'a self, id: &'a SessionId, data: Bytes) -> Answer<'a, bool>;
    fn touch<'a>(&'a self, id: &'a SessionId, expires: SystemTime) -> Answer<'a, bool>;
    fn remove<'a>(&'a self, id: &'a SessionId) -> Answer<'a, bool>;
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

    fn update<'a>(&'a self, id: &'a SessionId, data: Bytes) -> Answer<'a, bool> {
        Box::pin(async move {
            let updated = SessionStore::update(self, id, data).await;
            updated.map_err(Into::into)
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId, expires: SystemTime) -> Answer<'a, bool> {
        Box::pin(async move {
            let touched = SessionStore::touch(self, id, expires).await;
            touched.map_err(Into::into)
        })
    }

    fn remove<'a>(&'a self, id: &'a SessionId) -> Answer<'a, bool> {
        Box::pin(async move { SessionStore::remove(self, id).await.map_err(Into::into) })
    }
}
