//! Ends a body that stalls: the service that wraps the response, and the stream that wraps its body.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

use super::policy::{TimedFuture, TimedService};
use crate::{contract::ReplyBody, support::timer::poll_timer, wire::BoxError};

/// A service that cancels calls that take too long, and ends bodies that stall.
#[derive(Clone, Debug)]
pub struct IdleService<S> {
    timed: TimedService<S>,
    longest: Duration,
}

impl<S> IdleService<S> {
    pub(super) const fn new(timed: TimedService<S>, longest: Duration) -> Self {
        Self { timed, longest }
    }
}

impl<S, B, R> Service<Request<B>> for IdleService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody<Error: Into<BoxError>>,
{
    type Response = Response<IdleBody<R>>;
    type Error = S::Error;
    type Future = IdleFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.timed.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        IdleFuture {
            call: self.timed.call(request),
            longest: self.longest,
        }
    }
}

pin_project! {
    /// The response future of [`IdleService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct IdleFuture<F> {
        #[pin]
        call: TimedFuture<F>,
        longest: Duration,
    }
}

impl<F, R, E> Future for IdleFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<IdleBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.call.poll(cx))?;
        let longest = *this.longest;
        Poll::Ready(Ok(response.map(|body| IdleBody::new(body, longest))))
    }
}

pin_project! {
    /// The body of a response that ends with a [`StalledError`] if the next frame takes too long.
    ///
    /// Otherwise it behaves like the handler's body. A body in memory never waits, and needs no timer.
    pub struct IdleBody<R> {
        // `None` after the error: the resources of the body are released immediately.
        #[pin]
        body: Option<R>,
        longest: Duration,
        // Whether the reader waits for the next frame.
        waits: bool,
        // The timer of the last wait, which is reused.
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<R> IdleBody<R> {
    const fn new(body: R, longest: Duration) -> Self {
        Self {
            body: Some(body),
            longest,
            waits: false,
            sleep: None,
        }
    }
}

impl<R: Body<Error: Into<BoxError>>> Body for IdleBody<R> {
    type Data = R::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = body.poll_frame(cx) {
            *this.waits = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        match this.sleep.as_mut().as_pin_mut() {
            None => this.sleep.set(Some(sleep(*this.longest))),
            Some(timer) if !*this.waits => {
                let now = Instant::now();
                timer.reset(now.checked_add(*this.longest).unwrap_or(now));
            }
            Some(_) => {}
        }
        *this.waits = true;
        if let Some(timer) = this.sleep.as_pin_mut() {
            ready!(poll_timer(timer, cx));
        }
        this.body.set(None);
        log_stalled(*this.longest);
        Poll::Ready(Some(Err(StalledError(()).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}

/// In memory, so it never waits: for a layer further out that builds one.
impl<R: From<Bytes>> From<Bytes> for IdleBody<R> {
    fn from(bytes: Bytes) -> Self {
        Self::new(R::from(bytes), Duration::MAX)
    }
}

/// An empty body: for a layer further out that builds one.
impl<R: Default> Default for IdleBody<R> {
    fn default() -> Self {
        Self::new(R::default(), Duration::MAX)
    }
}

/// The error that ends a body if the handler has produced no new frame for too long.
#[derive(Debug)]
pub struct StalledError(());

impl fmt::Display for StalledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the response stalled")
    }
}

impl Error for StalledError {}

/// The client has received a head without an error, so nothing else reports what happened.
#[cfg(feature = "tracing")]
fn log_stalled(longest: Duration) {
    let layer = super::policy::NAME;
    tracing::warn!(target: "wythe", layer, idle = ?longest, "the body of a response stalled");
}

#[cfg(not(feature = "tracing"))]
const fn log_stalled(_: Duration) {}

impl<F> fmt::Debug for IdleFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleFuture").finish_non_exhaustive()
    }
}

/// Omits the bytes: a body may contain a password.
impl<R> fmt::Debug for IdleBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleBody")
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}
