//! Turns principals into others: [`Authenticate::map`] and [`Authenticate::try_map`].

use std::{fmt, sync::Arc};

use http::{HeaderValue, request::Parts};

use super::{
    refusal::Refusal,
    scheme::{Authenticate, Verdict},
};
use crate::contract::Description;

/// A scheme whose principals are turned into others; made by [`Authenticate::map`].
#[must_use]
pub struct Map<A, F> {
    scheme: A,
    turn: Arc<F>,
}

/// The same, where a principal may be refused; made by [`Authenticate::try_map`].
#[must_use]
pub struct TryMap<A, F> {
    scheme: A,
    turn: Arc<F>,
}

impl<A, F> Map<A, F> {
    pub(super) fn new(scheme: A, turn: F) -> Self {
        let turn = Arc::new(turn);
        Self { scheme, turn }
    }
}

impl<A, F> TryMap<A, F> {
    pub(super) fn new(scheme: A, turn: F) -> Self {
        let turn = Arc::new(turn);
        Self { scheme, turn }
    }
}

impl<A, F, Q> Authenticate for Map<A, F>
where
    A: Authenticate<Principal: Send + 'static>,
    F: Fn(A::Principal) -> Q + Send + Sync + 'static,
    Q: 'static,
{
    type Principal = Q;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<Q> {
        let turn = Arc::clone(&self.turn);
        let verdict = self.scheme.authenticate(head);
        verdict.try_map(move |principal| Ok(turn(principal)))
    }

    fn describe(&self, layer: Description) -> Description {
        self.scheme.describe(layer)
    }
}

impl<A, F, Q> Authenticate for TryMap<A, F>
where
    A: Authenticate<Principal: Send + 'static>,
    F: Fn(A::Principal) -> Result<Q, Refusal> + Send + Sync + 'static,
    Q: 'static,
{
    type Principal = Q;

    fn challenge(&self) -> HeaderValue {
        self.scheme.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<Q> {
        let turn = Arc::clone(&self.turn);
        let verdict = self.scheme.authenticate(head);
        verdict.try_map(move |principal| turn(principal))
    }

    fn describe(&self, layer: Description) -> Description {
        self.scheme.describe(layer)
    }
}

impl<P: Send + 'static> Verdict<P> {
    /// The verdict with another principal, now or when it is known.
    fn try_map<Q: 'static>(
        self,
        turn: impl FnOnce(P) -> Result<Q, Refusal> + Send + 'static,
    ) -> Verdict<Q> {
        match self {
            Self::Missing => Verdict::Missing,
            Self::Verified(principal) => {
                turn(principal).map_or_else(Verdict::Refused, Verdict::Verified)
            }
            Self::VerifiedWith(principal, fields) => match turn(principal) {
                Ok(principal) => Verdict::VerifiedWith(principal, fields),
                Err(refusal) => Verdict::Refused(refusal),
            },
            Self::Refused(refusal) => Verdict::Refused(refusal),
            Self::Failed(cause) => Verdict::Failed(cause),
            Self::Wait(later) => Verdict::wait(async move { later.await.try_map(turn) }),
        }
    }
}

/// Declares what does not depend on the closure.
macro_rules! clone_and_debug {
    ($($name:ident)*) => {$(
        impl<A: Clone, F> Clone for $name<A, F> {
            fn clone(&self) -> Self {
                let turn = Arc::clone(&self.turn);
                Self { scheme: self.scheme.clone(), turn }
            }
        }

        impl<A: fmt::Debug, F> fmt::Debug for $name<A, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.scheme).finish()
            }
        }
    )*};
}
clone_and_debug!(Map TryMap);
