//! Says what a check of a user's own may return: [`Decision`].

use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::wire::Problem;

/// What a check may return, at once or as a future.
///
/// | returned | the request passes | is refused | |
/// |---|---|---|---|
/// | `bool` | `true` | `false`: 403 | |
/// | `Result<(), Problem>` | `Ok(())` | `Err(problem)`: the problem, 404 for example | |
/// | `Result<bool, E>` | `Ok(true)` | `Ok(false)`: 403 | `Err(error)`: 503, with the error in the log; a [`Problem`] is answered as it is |
/// | a future of one of these | | | it must be `Send` and own what it needs |
///
/// `Result<bool, E>` is for checks that can fail: a store that is down has not said no.
///
/// A type of your own is one, too, if it says what becomes of the request.
///
/// # Example
///
/// ```
/// use wythe::authorization::{Decided, Decision, Now};
///
/// enum Vote {
///     Yes,
///     No,
/// }
///
/// impl Decision<Now> for Vote {
///     fn decide(self) -> Decided {
///         match self {
///             Self::Yes => Decided::Allow,
///             Self::No => Decided::Deny,
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a check can't return `{Self}`",
    label = "this does not say whether the request may pass",
    note = "return `bool`, `Result<(), Problem>`, `Result<bool, E>` where `E` is an error, or a \
            future of one of these that is `Send` and owns what it needs"
)]
pub trait Decision<K> {
    /// Whether it can be that nobody knows: the description then has a 503.
    const CAN_FAIL: bool = false;

    /// What becomes of the request.
    fn decide(self) -> Decided;
}

/// The kind of a [`Decision`] that is known at once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Now;

/// The kind of a [`Decision`] that is a future.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Later;

/// What becomes of a request.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: a check says one of these"
)]
pub enum Decided {
    /// It passes.
    Allow,
    /// It is answered 403.
    Deny,
    /// It is answered this.
    Answer(Problem),
    /// Not known yet: a store to ask. The only case that allocates.
    Wait(Pin<Box<dyn Future<Output = Self> + Send>>),
}

impl Decided {
    /// Nobody can tell: a 503, with the cause in the log. A [`Problem`] is answered as it is.
    fn failed(cause: Box<dyn Error + Send + Sync>) -> Self {
        Self::Answer(match cause.downcast::<Problem>() {
            Ok(problem) => *problem,
            Err(cause) => Problem::unavailable(cause),
        })
    }

    /// Waits until it is known.
    pub(super) async fn settled(mut self) -> Self {
        while let Self::Wait(later) = self {
            self = later.await;
        }
        self
    }
}

impl Decision<Now> for bool {
    fn decide(self) -> Decided {
        if self { Decided::Allow } else { Decided::Deny }
    }
}

impl Decision<Now> for Result<(), Problem> {
    fn decide(self) -> Decided {
        self.map_or_else(Decided::Answer, |()| Decided::Allow)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Decision<Now> for Result<bool, E> {
    const CAN_FAIL: bool = true;

    fn decide(self) -> Decided {
        self.map_or_else(|error| Decided::failed(error.into()), Decision::decide)
    }
}

impl<F> Decision<Later> for F
where
    F: Future<Output: Decision<Now>> + Send + 'static,
{
    const CAN_FAIL: bool = <F::Output as Decision<Now>>::CAN_FAIL;

    fn decide(self) -> Decided {
        Decided::Wait(Box::pin(async move { self.await.decide() }))
    }
}

impl Decision<Now> for Decided {
    const CAN_FAIL: bool = true;

    fn decide(self) -> Decided {
        self
    }
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
            Self::Answer(_) => "Answer",
            Self::Wait(_) => "Wait",
        })
    }
}
