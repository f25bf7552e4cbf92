//! Work after the answer: [`Background`].

use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{sync::Semaphore, time::timeout};

use crate::wire::{ConfigError, Problem};

/// Runs work that continues after the answer. Keep it in the application state; clones share the
/// limit.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use axum::extract::State;
/// use wythe::{Background, Problem};
///
/// async fn register(State(background): State<Background>) -> Result<&'static str, Problem> {
///     background.spawn(async { /* sends an e-mail */ })?;
///     Ok("Welcome")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), wythe::ConfigError> {
/// let background = Background::at_most(100)?;
/// assert!(register(State(background.clone())).await.is_ok());
///
/// // When the server stops:
/// let cut_off = background.finish(Duration::from_secs(10)).await;
/// assert_eq!(cut_off, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Background {
    free: Arc<Semaphore>,
    max_tasks: u32,
}

impl Background {
    /// At most this many tasks at a time.
    ///
    /// # Errors
    ///
    /// If it is zero, or more than tokio's semaphores allow.
    pub fn at_most(tasks: u32) -> Result<Self, ConfigError> {
        let permits = usize::try_from(tasks).unwrap_or(usize::MAX);
        if tasks == 0 || permits > Semaphore::MAX_PERMITS {
            return Err(ConfigError::new(
                "Background",
                format!(
                    "the number of tasks must be from 1 to {}, not {tasks}",
                    Semaphore::MAX_PERMITS
                ),
            ));
        }
        Ok(Self {
            free: Arc::new(Semaphore::new(permits)),
            max_tasks: tasks,
        })
    }

    /// Spawns a task, which only [`finish`](Self::finish) waits for. Its events are in the span of the
    /// request.
    ///
    /// # Errors
    ///
    /// The maximum number of tasks is already running. As a [`Problem`] it is a 503: return it before
    /// anything has been done, or do the work within the request instead.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn spawn<F>(&self, task: F) -> Result<(), BackgroundFull>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_full| BackgroundFull(()))?;
        #[cfg(feature = "tracing")]
        let task = tracing::Instrument::in_current_span(task);
        drop(tokio::spawn(async move {
            task.await;
            drop(permit);
        }));
        Ok(())
    }

    /// The number of running tasks.
    #[must_use]
    pub fn running(&self) -> usize {
        let max_tasks = usize::try_from(self.max_tasks).unwrap_or(usize::MAX);
        max_tasks.saturating_sub(self.free.available_permits())
    }

    /// Waits until all tasks have ended, for at most this time, and returns how many are still
    /// running. Call it when no request is in progress.
    pub async fn finish(&self, within: Duration) -> usize {
        match timeout(within, self.free.acquire_many(self.max_tasks)).await {
            Ok(_all) => 0,
            Err(_elapsed) => self.running(),
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("running", &self.running())
            .field("max_tasks", &self.max_tasks)
            .finish()
    }
}

/// Too many tasks are running in the background; as a [`Problem`], it is 503.
#[derive(Clone, Copy, Debug)]
pub struct BackgroundFull(());

impl fmt::Display for BackgroundFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many tasks are running in the background")
    }
}

impl Error for BackgroundFull {}

impl From<BackgroundFull> for Problem {
    fn from(full: BackgroundFull) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .reason("background_full")
            .retry_after(Duration::from_secs(1))
            .because(full)
    }
}
