//! Bounds how many passwords are checked at a time.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::wire::BoxError;

/// The right to check a password, held for as long as that takes.
pub(super) type Turn = OwnedSemaphorePermit;

/// How many turns there are, and how long one is waited for.
#[derive(Clone)]
pub(super) struct Turns {
    free: Arc<Semaphore>,
    pub(super) wait: Duration,
}

impl Turns {
    /// So many checks at a time, each of which waits for a second at most.
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))),
            wait: Duration::from_secs(1),
        }
    }

    /// As many checks as there are requests.
    pub(super) fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// A turn, in the order of asking; none if that takes too long.
    pub(super) async fn take(&self) -> Option<Turn> {
        let at_once = Arc::clone(&self.free).try_acquire_owned();
        if let Ok(permit) = at_once {
            return Some(permit);
        }
        if self.wait.is_zero() {
            return None;
        }
        let permit = timeout(self.wait, Arc::clone(&self.free).acquire_owned()).await;
        permit.ok()?.ok()
    }
}

/// Does the work on a thread where it may take long.
///
/// The turn goes with the work: when the client goes away, the thread still works, and the next
/// must wait.
pub(super) async fn off_the_async_threads<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BoxError> {
    let done = Handle::try_current()?.spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    // An error means that the work panicked, or that the runtime is shutting down.
    Ok(done.await?)
}
