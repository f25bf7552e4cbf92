//! Asks whether the password is the user's.

use std::{future::Future, pin::Pin, sync::Arc};

use super::{settings::Settings, turns::off_the_async_threads};
use crate::wire::{BoxError, Secret};

/// What became of a check.
pub(super) enum Checked<P> {
    /// The password is right.
    Right(P),
    /// No such user, or another password.
    Wrong,
    /// No turn came in time.
    Busy,
    /// The check failed, which says nothing of the password.
    Failed(BoxError),
}

impl<P> From<Result<Option<P>, BoxError>> for Checked<P> {
    fn from(checked: Result<Option<P>, BoxError>) -> Self {
        match checked {
            Ok(Some(principal)) => Self::Right(principal),
            Ok(None) => Self::Wrong,
            Err(cause) => Self::Failed(cause),
        }
    }
}

/// What checks: it does nothing before it is polled.
pub(super) type Check<P> = Arc<dyn Fn(String, Secret, Arc<Settings>) -> Checking<P> + Send + Sync>;

pub(super) type Checking<P> = Pin<Box<dyn Future<Output = Checked<P>> + Send>>;

pub(super) fn asked<P, F, A, E>(check: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(String, Secret) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<P>, E>> + Send + 'static,
    E: Into<BoxError>,
{
    let check = Arc::new(check);
    Arc::new(move |user, password, settings| {
        let check = Arc::clone(&check);
        Box::pin(async move {
            let Some(turn) = settings.turns.take().await else {
                return Checked::Busy;
            };
            let checked = check(user, password).await;
            drop(turn);
            checked.map_err(Into::into).into()
        })
    })
}

pub(super) fn blocking<P, F, E>(check: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(&str, &Secret) -> Result<Option<P>, E> + Send + Sync + 'static,
    E: Into<BoxError>,
{
    let check = Arc::new(check);
    Arc::new(move |user, password, settings| {
        let check = Arc::clone(&check);
        Box::pin(async move {
            let work = move || check(&user, &password).map_err(Into::into);
            in_turn(&settings, work).await
        })
    })
}

#[cfg(feature = "basic-argon2")]
pub(super) fn argon2<P, F, A, E>(lookup: F) -> Check<P>
where
    P: Send + 'static,
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<(String, P)>, E>> + Send + 'static,
    E: Into<BoxError>,
{
    use super::hashed;

    let lookup = Arc::new(lookup);
    Arc::new(move |user, password, settings| {
        let lookup = Arc::clone(&lookup);
        Box::pin(async move {
            let (hash, principal) = match lookup(user).await {
                Ok(stored) => stored.unzip(),
                Err(cause) => return Checked::Failed(cause.into()),
            };
            let decoy = Arc::clone(&settings.decoy);
            let work = move || {
                let verify = |hash: &str| hashed::verify(hash, password.expose());
                let matched = hashed::matches(hash.as_deref(), &decoy, verify)?;
                Ok(principal.filter(|_| matched))
            };
            in_turn(&settings, work).await
        })
    })
}

/// Does the work in its turn.
async fn in_turn<P, W>(settings: &Settings, work: W) -> Checked<P>
where
    P: Send + 'static,
    W: FnOnce() -> Result<Option<P>, BoxError> + Send + 'static,
{
    let Some(turn) = settings.turns.take().await else {
        return Checked::Busy;
    };
    match off_the_async_threads(turn, work).await {
        Ok(checked) => checked.into(),
        Err(cause) => Checked::Failed(cause),
    }
}
