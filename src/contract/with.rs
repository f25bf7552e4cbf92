//! Makes a middleware a layer, and calls it: [`With`] and its service.

use std::{
    mem,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Middleware, ReplyBody, Step, WrappedFuture, finish::finish, future::State};
use crate::contract::{Description, Place};

/// The [`tower::Layer`](Layer) of every middleware of this crate, and of a user's own.
#[derive(Clone, Debug)]
#[must_use]
pub struct With<M>(M);

/// Makes a middleware a layer that can stand in [`compose`](crate::compose()).
pub const fn with<M>(middleware: M) -> With<M> {
    With(middleware)
}

impl<M> With<M> {
    /// The middleware inside.
    pub const fn middleware(&self) -> &M {
        &self.0
    }

    /// The middleware inside, by value.
    pub(crate) fn into_middleware(self) -> M {
        self.0
    }
}

impl<M: Clone, S> Layer<S> for With<M> {
    type Service = Wrapped<M, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Wrapped {
            middleware: self.0.clone(),
            inner,
        }
    }
}

impl<M: Place> Place for With<M> {
    type Stage = M::Stage;
    type Provides = M::Provides;
    type Needs = M::Needs;

    fn describe(&self) -> Description {
        self.0.describe()
    }
}

/// A service with a middleware around it.
#[derive(Clone, Debug)]
pub struct Wrapped<M, S> {
    middleware: M,
    inner: S,
}

impl<M, S, B, R> Service<Request<B>> for Wrapped<M, S>
where
    M: Middleware<B>,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = WrappedFuture<M, M::Carry, S, Request<B>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let head_only = request.method() == Method::HEAD;
        let state = match self.middleware.before(request) {
            Step::Next(request, carry) => State::Calling {
                call: self.inner.call(request),
                after: Some((self.middleware.clone(), carry)),
            },
            Step::Reply(reply) => State::Replying {
                reply: Some(finish(self.middleware.name(), reply, head_only)),
            },
            Step::Wait(decision) => {
                // `poll_ready` was called on this inner service, so it is the one that may be
                // called; a clone need not be ready.
                let clone = self.inner.clone();
                State::Waiting {
                    decision,
                    inner: mem::replace(&mut self.inner, clone),
                    middleware: self.middleware.clone(),
                    head_only,
                }
            }
        };
        WrappedFuture { state }
    }
}
