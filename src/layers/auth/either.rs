//! Takes one of two schemes that know different principals: [`Authenticate::either`].

use std::fmt;

use http::{HeaderValue, request::Parts};

use super::{
    map::Map,
    or::Or,
    scheme::{Authenticate, Verdict},
};
use crate::{contract::Description, request::Either};

/// Two schemes of different principals, of which the first that finds credentials decides; made by
/// [`Authenticate::either`].
#[must_use]
pub struct EitherOf<A: Authenticate, O: Authenticate>(
    Or<Map<A, First<A, O>>, Map<O, Second<A, O>>>,
);

type Sum<A, O> = Either<<A as Authenticate>::Principal, <O as Authenticate>::Principal>;
type First<A, O> = fn(<A as Authenticate>::Principal) -> Sum<A, O>;
type Second<A, O> = fn(<O as Authenticate>::Principal) -> Sum<A, O>;

impl<A, O> EitherOf<A, O>
where
    A: Authenticate<Principal: Send + 'static>,
    O: Authenticate<Principal: Send + 'static>,
{
    pub(super) fn new(first: A, second: O) -> Self {
        let first = Map::new(first, Either::First as First<A, O>);
        let second = Map::new(second, Either::Second as Second<A, O>);
        Self(Or::new(first, second))
    }

    /// Answers 400 to a request with credentials of both schemes: see [`Or::exclusive`].
    pub fn exclusive(self) -> Self {
        Self(self.0.exclusive())
    }
}

impl<A, O> Authenticate for EitherOf<A, O>
where
    A: Authenticate<Principal: Send + 'static>,
    O: Authenticate<Principal: Send + 'static>,
{
    type Principal = Sum<A, O>;

    fn challenge(&self) -> HeaderValue {
        self.0.challenge()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<Self::Principal> {
        self.0.authenticate(head)
    }

    fn describe(&self, layer: Description) -> Description {
        self.0.describe(layer)
    }
}

impl<A: Authenticate + Clone, O: Authenticate + Clone> Clone for EitherOf<A, O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A, O> fmt::Debug for EitherOf<A, O>
where
    A: Authenticate + fmt::Debug,
    O: Authenticate + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EitherOf").field(&self.0).finish()
    }
}
