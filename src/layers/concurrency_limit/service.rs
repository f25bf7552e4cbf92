//! The service: counts a request before it calls further in.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_service::Service;

use super::{
    body::Guarded,
    future::{LimitedFuture, Parked},
    limiter::{Admission, ConcurrencyLimiter},
};
use crate::{contract::ReplyBody, request::key::Key};

/// A service that handles so many requests at once.
///
/// It has a service of its own, and is no [`Middleware`](crate::Middleware), because a request is
/// in progress until the body of its response has ended, which only the body itself can tell: the
/// response's body is a [`Guarded`] one.
///
/// Nothing is reserved when it is asked whether it is ready: servers clone a service, and a clone
/// that is ready and never called would keep its place.
pub struct Limited<K: Key, S> {
    limiter: ConcurrencyLimiter<K>,
    inner: S,
}

impl<K: Key, S> Limited<K, S> {
    pub(super) const fn new(limiter: ConcurrencyLimiter<K>, inner: S) -> Self {
        Self { limiter, inner }
    }
}

impl<K, S, B, R> Service<Request<B>> for Limited<K, S>
where
    K: Key,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<Guarded<R>>;
    type Error = S::Error;
    type Future = LimitedFuture<S, Request<B>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (request, admission) = self.limiter.admit(request);
        match admission {
            Admission::Enter(permit) => LimitedFuture::calling(self.inner.call(request), permit),
            Admission::Wait(turn) => {
                // `poll_ready` was called on this inner service, so it is the one that may be
                // called; a clone need not be ready.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let refusal = self.limiter.refusal();
                LimitedFuture::waiting(
                    turn,
                    Parked {
                        inner,
                        request,
                        refusal,
                    },
                )
            }
            Admission::Refuse(problem) => {
                LimitedFuture::refusing(problem, request.method() == Method::HEAD)
            }
        }
    }
}

impl<K: Key, S: Clone> Clone for Limited<K, S> {
    fn clone(&self) -> Self {
        Self {
            limiter: self.limiter.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<K: Key, S: fmt::Debug> fmt::Debug for Limited<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("limiter", &self.limiter)
            .field("inner", &self.inner)
            .finish()
    }
}
