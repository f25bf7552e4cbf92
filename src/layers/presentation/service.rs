//! The service: catches panics that happen before there is a future.

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{Presentation, PresentedFuture, panic::catch, present::Present};
use crate::contract::ReplyBody;

/// A service whose refusals have one shape.
///
/// It has a service of its own, and is no [`Middleware`](crate::Middleware), because it catches
/// the panics of the service inside it, and reads the body of a response.
#[derive(Clone)]
pub struct Presented<S> {
    presentation: Presentation,
    inner: S,
    /// The readiness check panicked: the next call is not for the inner service.
    panicked: bool,
}

impl<S> Presented<S> {
    pub(super) const fn new(presentation: Presentation, inner: S) -> Self {
        Self {
            presentation,
            inner,
            panicked: false,
        }
    }
}

impl<S, B, R> Service<Request<B>> for Presented<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PresentedFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = catch(|| self.inner.poll_ready(cx));
        self.panicked = ready.is_none();
        ready.unwrap_or(Poll::Ready(Ok(())))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let present = Present::new(&self.presentation, &request);
        if mem::take(&mut self.panicked) {
            return PresentedFuture::panicked(present);
        }
        match catch(|| self.inner.call(request)) {
            Some(call) => PresentedFuture::calling(present, call),
            None => PresentedFuture::panicked(present),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Presented<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("presentation", &self.presentation)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
