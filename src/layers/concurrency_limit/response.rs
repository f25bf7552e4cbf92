//! Holders of a permit: the future, until there is a response, and then the body of the response.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::semaphores::{Acquire, HeldPermit, Permit};
use crate::{
    contract::{ReplyBody, finish, log_passing},
    support::shared_guards::share_with_tasks,
    wire::Problem,
};

/// The name of the layer.
pub(super) const NAME: &str = "with_concurrency_limit";

pin_project! {
    /// The response future of [`Limited`](super::Limited). Dropping it releases the permit.
    #[must_use = "futures do nothing unless polled"]
    pub struct LimitedFuture<S, Q, F> {
        #[pin]
        state: LimitedState<S, Q, F>,
    }
}

pin_project! {
    #[project = LimitedStateProjection]
    enum LimitedState<S, Q, F> {
        Waiting {
            acquire: Acquire,
            queued: Option<Box<QueuedCall<S, Q>>>,
        },
        // Dropped in this order: the permit is released after the work that it was held for.
        Calling {
            #[pin]
            call: F,
            permit: Option<HeldPermit>,
        },
        Refusing {
            refusal: Option<Response<Bytes>>,
        },
    }
}

/// The state that a request needs after its wait.
pub(super) struct QueuedCall<S, Q> {
    pub(super) inner: S,
    pub(super) request: Q,
    pub(super) refusal: Problem,
}

impl<S, Q, F> LimitedFuture<S, Q, F> {
    pub(super) const fn calling(call: F, permit: Permit) -> Self {
        let permit = Some(HeldPermit::Alone(permit));
        Self {
            state: LimitedState::Calling { call, permit },
        }
    }

    pub(super) fn waiting(acquire: Acquire, queued: QueuedCall<S, Q>) -> Self {
        let queued = Some(Box::new(queued));
        Self {
            state: LimitedState::Waiting { acquire, queued },
        }
    }

    pub(super) fn refusing(refusal: Problem, head_only: bool) -> Self {
        Self {
            state: LimitedState::refusing(refusal, head_only),
        }
    }
}

impl<S, Q, F> LimitedState<S, Q, F> {
    fn refusing(refusal: Problem, head_only: bool) -> Self {
        let refusal = finish(NAME, refusal.into(), head_only);
        Self::Refusing {
            refusal: Some(refusal),
        }
    }
}

impl<S, B, R> Future for LimitedFuture<S, Request<B>, S::Future>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Output = Result<Response<Guarded<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                LimitedStateProjection::Waiting { acquire, queued } => {
                    if queued.is_none() {
                        // The inner call panicked, and this future is polled again.
                        return Poll::Pending;
                    }
                    let permit = ready!(acquire.0.as_mut().poll(cx));
                    let Some(mut queued) = queued.take() else {
                        return Poll::Pending;
                    };
                    match permit {
                        Some(permit) => LimitedState::Calling {
                            call: queued.inner.call(queued.request),
                            permit: Some(HeldPermit::Alone(permit)),
                        },
                        None => LimitedState::refusing(
                            queued.refusal,
                            queued.request.method() == Method::HEAD,
                        ),
                    }
                }
                LimitedStateProjection::Calling { call, permit } => {
                    let polled = share_with_tasks(|| call.poll(cx), || HeldPermit::share(permit));
                    let response = ready!(polled);
                    let permit = permit.take();
                    let mut response = response?;
                    log_passing(&mut response);
                    return Poll::Ready(Ok(response.map(|body| Guarded::new(body, permit))));
                }
                LimitedStateProjection::Refusing { refusal } => {
                    let Some(refusal) = refusal.take() else {
                        // Polled again after completion, for which `Future` specifies no behavior:
                        // staying pending is harmless.
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok(refusal.map(Guarded::from)));
                }
            };
            state.set(next);
        }
    }
}

pin_project! {
    /// The body of a response that counts as in progress until it has ended, failed, or been
    /// dropped.
    ///
    /// Otherwise it behaves like the handler's body, and takes no memory of its own. A layer further
    /// out may build one with `From<Bytes>` for its own answer, which does not count.
    pub struct Guarded<R> {
        // Dropped in this order, as above.
        #[pin]
        body: R,
        permit: Option<HeldPermit>,
    }
}

impl<R: Body> Guarded<R> {
    pub(super) fn new(body: R, permit: Option<HeldPermit>) -> Self {
        let permit = permit.filter(|_| !body.is_end_stream());
        Self { body, permit }
    }
}

impl<R: Body> Body for Guarded<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        // A server that knows the length does not poll again after the last frame, and may keep the
        // body for as long as it takes to send it.
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            *this.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An empty body, which does not count: for a layer further out that builds one.
impl<R: Default> Default for Guarded<R> {
    fn default() -> Self {
        Self {
            body: R::default(),
            permit: None,
        }
    }
}

impl<R: From<Bytes>> From<Bytes> for Guarded<R> {
    fn from(bytes: Bytes) -> Self {
        Self {
            body: R::from(bytes),
            permit: None,
        }
    }
}

impl<S, Q, F> fmt::Debug for LimitedFuture<S, Q, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedFuture").finish_non_exhaustive()
    }
}

/// Omits the bytes: a body may contain a password.
impl<R> fmt::Debug for Guarded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("counts", &self.permit.is_some())
            .finish_non_exhaustive()
    }
}
