//! "Now or later", in one shape.

use std::{fmt, future::Future, pin::Pin};

/// A value that is ready, or a future that yields it.
///
/// A middleware that can decide at once answers [`Ready`](Self::Ready), which costs nothing. Only
/// one that has to wait, for a body or for a store, allocates a future.
///
/// ```
/// use wythe::Later;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let ready = Later::from(2).map(|n| n + 1);
/// assert!(matches!(ready, Later::Ready(3)));
///
/// let pending = Later::pending(async { 2 }).then(|n| Later::from(n + 1));
/// assert_eq!(pending.wait().await, 3);
/// # }
/// ```
#[must_use = "a pending value is only computed when it is awaited"]
#[expect(clippy::exhaustive_enums, reason = "a value is there or it is not")]
pub enum Later<T> {
    /// The value.
    Ready(T),
    /// A future that yields the value.
    Pending(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Later<T> {
    /// Boxes a future.
    pub fn pending(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }

    /// Changes the value, now or as soon as it is there. A future is boxed again.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Later<U>
    where
        T: 'static,
    {
        match self {
            Self::Ready(value) => Later::Ready(change(value)),
            Self::Pending(future) => Later::pending(async move { change(future.await) }),
        }
    }

    /// Continues with another value that may have to be waited for. A future is boxed again.
    pub fn then<U>(self, next: impl FnOnce(T) -> Later<U> + Send + 'static) -> Later<U>
    where
        T: 'static,
        U: Send + 'static,
    {
        match self {
            Self::Ready(value) => next(value),
            Self::Pending(future) => Later::pending(async move { next(future.await).wait().await }),
        }
    }

    /// Waits for the value.
    pub async fn wait(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Pending(future) => future.await,
        }
    }
}

impl<T> From<T> for Later<T> {
    fn from(value: T) -> Self {
        Self::Ready(value)
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}
