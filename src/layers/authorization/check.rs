//! Lets requests pass that a closure allows: [`Authorization`].

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use http::{Request, StatusCode, request::Parts};

use super::{
    decision::{Decided, Decision},
    missing,
};
use crate::{
    contract::{Description, Later, Middleware, Needed, Place, Step, stage},
    request::Auth,
    wire::Problem,
};

/// The middleware of [`with_authorization`](super::with_authorization).
#[must_use]
pub struct Authorization<C, F, K> {
    inner: Arc<Inner<F>>,
    kind: PhantomData<fn(C) -> K>,
}

struct Inner<F> {
    check: F,
    denied: Problem,
}

impl<C, F, K> Authorization<C, F, K> {
    pub(super) fn new(check: F) -> Self {
        let cause = format!("the check said no: {}", type_name::<F>());
        let denied = Problem::new(StatusCode::FORBIDDEN)
            .reason("denied")
            .because(cause);
        Self {
            inner: Arc::new(Inner { check, denied }),
            kind: PhantomData,
        }
    }
}

impl<F> Inner<F> {
    /// Whether the request passes, or the answer.
    fn conclude(&self, decided: Decided) -> Result<(), Problem> {
        match decided {
            Decided::Allow => Ok(()),
            Decided::Deny => Err(self.denied.clone()),
            Decided::Answer(problem) => Err(problem),
            // Both callers have waited; should one forget, nobody passes.
            Decided::Wait(_) => Err(Problem::internal("a decision was left waiting")),
        }
    }
}

impl<C, F, K> Clone for Authorization<C, F, K> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            kind: PhantomData,
        }
    }
}

impl<C, F, K> fmt::Debug for Authorization<C, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(..)")
    }
}

impl<C, F, D, K> Place for Authorization<C, F, K>
where
    F: Fn(&Auth<C>, &Parts) -> D,
    D: Decision<K>,
{
    type Stage = stage::Authorize;
    type Provides = ();
    type Needs = Needed<Auth<C>>;

    fn describe(&self) -> Description {
        let layer = Description::new("with_authorization")
            .answers(StatusCode::FORBIDDEN, "when the check says no");
        if !D::CAN_FAIL {
            return layer;
        }
        layer.answers(
            StatusCode::SERVICE_UNAVAILABLE,
            "when the check can't be made",
        )
    }
}

impl<C, F, D, K, B> Middleware<B> for Authorization<C, F, K>
where
    C: Send + Sync + 'static,
    F: Fn(&Auth<C>, &Parts) -> D + Send + Sync + 'static,
    D: Decision<K>,
    B: Send + 'static,
{
    type Carry = ();

    fn name(&self) -> &'static str {
        "with_authorization"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let (head, body) = request.into_parts();
        let Some(auth) = head.extensions.get::<Auth<C>>() else {
            return Step::reply(missing::<C>("with_authorization"));
        };
        let decided = (self.inner.check)(auth, &head).decide();
        if let Decided::Wait(_) = decided {
            let inner = Arc::clone(&self.inner);
            return Later::pending(async move {
                let decided = inner.conclude(decided.settled().await);
                Step::from(decided.map(|()| (Request::from_parts(head, body), ())))
            });
        }
        match self.inner.conclude(decided) {
            Ok(()) => Step::next(Request::from_parts(head, body), ()),
            Err(problem) => Step::reply(problem),
        }
    }
}
