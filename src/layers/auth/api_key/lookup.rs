//! Asks whose a key is.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

use super::{hash::ApiKeyHash, refusal::ApiKeyRefusal};
use crate::wire::ConfigError;

/// The most keys of a list, every one of which is looked at for each request.
const MOST: usize = 256;

/// A key as it was presented: of the right characters, length and form.
pub(super) struct Presented<'a> {
    pub(super) hash: ApiKeyHash,
    /// Empty unless keys have a form.
    pub(super) id: &'a str,
}

/// Whose it is, or why it is nobody's.
type Judged<P> = Result<P, ApiKeyRefusal>;

/// The outer error is the store's.
type Answer<P> =
    Pin<Box<dyn Future<Output = Result<Judged<P>, Box<dyn Error + Send + Sync>>> + Send>>;

pub(super) enum Found<P> {
    Now(Judged<P>),
    Later(Answer<P>),
}

/// What finds out. What it finds out later, it does not begin to before it is polled.
pub(super) enum Lookup<P> {
    Now(Arc<dyn Fn(&Presented<'_>) -> Judged<P> + Send + Sync>),
    Later(Arc<dyn Fn(&Presented<'_>) -> Answer<P> + Send + Sync>),
}

impl<P> Lookup<P> {
    pub(super) fn find(&self, key: &Presented<'_>) -> Found<P> {
        match self {
            Self::Now(find) => Found::Now(find(key)),
            Self::Later(find) => Found::Later(find(key)),
        }
    }

    pub(super) const fn waits(&self) -> bool {
        matches!(self, Self::Later(_))
    }
}

impl<P> Clone for Lookup<P> {
    fn clone(&self) -> Self {
        match self {
            Self::Now(find) => Self::Now(Arc::clone(find)),
            Self::Later(find) => Self::Later(Arc::clone(find)),
        }
    }
}

pub(super) fn list<P: Clone + Send + Sync + 'static>(
    keys: Vec<(ApiKeyHash, P)>,
) -> Result<Lookup<P>, ConfigError> {
    let error = |message| Err(ConfigError::new("ApiKey", message));
    if keys.is_empty() {
        return error("without a key, every request is refused");
    }
    if keys.len() > MOST {
        return error("more than 256 keys: look them up instead, by `lookup`");
    }
    let mut others = keys.iter();
    while let Some((hash, _)) = others.next() {
        if others.clone().any(|(other, _)| other == hash) {
            return error("the list holds a key twice");
        }
    }
    Ok(Lookup::Now(Arc::new(move |key| {
        let mut found = None;
        // To the end, wherever it is.
        for (hash, principal) in &keys {
            if *hash == key.hash {
                found = Some(principal);
            }
        }
        found.cloned().ok_or(ApiKeyRefusal::Unknown)
    })))
}

pub(super) fn by_hash<P>(
    find: impl Fn(&ApiKeyHash) -> Option<P> + Send + Sync + 'static,
) -> Lookup<P> {
    Lookup::Now(Arc::new(move |key| {
        find(&key.hash).ok_or(ApiKeyRefusal::Unknown)
    }))
}

pub(super) fn by_hash_later<P, F, E>(
    find: impl Fn(ApiKeyHash) -> F + Send + Sync + 'static,
) -> Lookup<P>
where
    F: Future<Output = Result<Option<P>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let find = Arc::new(find);
    Lookup::Later(Arc::new(move |key| {
        let (find, hash) = (Arc::clone(&find), key.hash);
        Box::pin(async move {
            let found = find(hash).await.map_err(Into::into)?;
            Ok(found.ok_or(ApiKeyRefusal::Unknown))
        })
    }))
}

pub(super) fn by_id<P>(
    find: impl Fn(&str) -> Option<(ApiKeyHash, P)> + Send + Sync + 'static,
) -> Lookup<P> {
    Lookup::Now(Arc::new(move |key| compare(&key.hash, find(key.id))))
}

pub(super) fn by_id_later<P, F, E>(find: impl Fn(String) -> F + Send + Sync + 'static) -> Lookup<P>
where
    F: Future<Output = Result<Option<(ApiKeyHash, P)>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let find = Arc::new(find);
    Lookup::Later(Arc::new(move |key| {
        let (find, hash, id) = (Arc::clone(&find), key.hash, key.id.to_owned());
        Box::pin(async move {
            let stored = find(id).await.map_err(Into::into)?;
            Ok(compare(&hash, stored))
        })
    }))
}

/// Whose the key is, if its hash is the one that is stored.
fn compare<P>(hash: &ApiKeyHash, stored: Option<(ApiKeyHash, P)>) -> Result<P, ApiKeyRefusal> {
    let (stored, principal) = stored.ok_or(ApiKeyRefusal::Unknown)?;
    if stored == *hash {
        Ok(principal)
    } else {
        Err(ApiKeyRefusal::Secret)
    }
}
