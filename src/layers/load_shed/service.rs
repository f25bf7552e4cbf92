//! The service: always ready, and refuses when the one inside it is not.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_service::Service;

use super::{LoadShed, SheddingFuture};
use crate::contract::ReplyBody;

/// A service that refuses instead of waiting.
///
/// It has a service of its own, and is no [`Middleware`](crate::Middleware), because it answers
/// the question of readiness in the place of the service inside it.
pub struct Shedding<S> {
    shed: LoadShed,
    inner: S,
    /// The inner service was ready when it was asked last, and has not been called since.
    ready: bool,
}

impl<S> Shedding<S> {
    pub(super) const fn new(shed: LoadShed, inner: S) -> Self {
        Self {
            shed,
            inner,
            ready: false,
        }
    }
}

impl<S, B, R> Service<Request<B>> for Shedding<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SheddingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self.inner.poll_ready(cx) {
            Poll::Ready(result) => {
                self.ready = result.is_ok();
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.ready = false;
                // The question may have put this service in line, for a permit that would then be
                // its own until it is called. A clone stands in no line.
                self.inner = self.inner.clone();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if mem::take(&mut self.ready) {
            return SheddingFuture::calling(self.inner.call(request));
        }
        let refusal = self.shed.refusal.clone();
        SheddingFuture::refusing(refusal, request.method() == Method::HEAD)
    }
}

impl<S: Clone> Clone for Shedding<S> {
    /// A clone of what is ready need not be ready.
    fn clone(&self) -> Self {
        Self::new(self.shed.clone(), self.inner.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for Shedding<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shedding")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
