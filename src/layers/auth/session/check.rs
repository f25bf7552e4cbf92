//! What an application says of a session whose time is not over.

use std::{error::Error, pin::Pin, sync::Arc};

use super::Session;

type Answer = Pin<Box<dyn Future<Output = Result<bool, Box<dyn Error + Send + Sync>>> + Send>>;

pub(super) enum Check<D> {
    None,
    Now(Arc<dyn Fn(&Session<D>) -> bool + Send + Sync>),
    Later(Arc<dyn Fn(Session<D>) -> Answer + Send + Sync>),
}

impl<D> Check<D> {
    pub(super) fn later<F, A, E>(check: F) -> Self
    where
        F: Fn(Session<D>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<bool, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::Later(Arc::new(move |session| {
            let answer = check(session);
            Box::pin(async move { answer.await.map_err(Into::into) })
        }))
    }
}

impl<D> Clone for Check<D> {
    fn clone(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Now(check) => Self::Now(Arc::clone(check)),
            Self::Later(check) => Self::Later(Arc::clone(check)),
        }
    }
}
