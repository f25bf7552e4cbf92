//! The future: waits for its turn if it must, and gives the permit to the response's body.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::Guarded,
    gate::{Permit, Turn},
};
use crate::{
    contract::{ReplyBody, finish},
    wire::Problem,
};

pin_project! {
    /// The response future of [`Limited`](super::Limited). Dropped, it gives back its place.
    #[must_use = "futures do nothing unless polled"]
    pub struct LimitedFuture<S, Q, F> {
        #[pin]
        state: State<S, Q, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q, F> {
        Waiting {
            turn: Turn,
            parked: Option<Box<Parked<S, Q>>>,
        },
        // Dropped in this order: a place is free when what was done in it is gone.
        Calling {
            #[pin]
            call: F,
            permit: Option<Permit>,
        },
        Refusing {
            refusal: Option<Response<Bytes>>,
        },
    }
}

/// What a request needs after its wait.
pub(super) struct Parked<S, Q> {
    pub(super) inner: S,
    pub(super) request: Q,
    pub(super) refusal: Problem,
}

impl<S, Q, F> LimitedFuture<S, Q, F> {
    pub(super) const fn calling(call: F, permit: Permit) -> Self {
        let permit = Some(permit);
        Self {
            state: State::Calling { call, permit },
        }
    }

    pub(super) fn waiting(turn: Turn, parked: Parked<S, Q>) -> Self {
        let parked = Some(Box::new(parked));
        Self {
            state: State::Waiting { turn, parked },
        }
    }

    pub(super) fn refusing(refusal: Problem, head_only: bool) -> Self {
        Self {
            state: State::refusing(refusal, head_only),
        }
    }
}

impl<S, Q, F> State<S, Q, F> {
    fn refusing(refusal: Problem, head_only: bool) -> Self {
        let refusal = finish("with_concurrency_limit", refusal.into(), head_only);
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
                StateProjection::Waiting { turn, parked } => {
                    if parked.is_none() {
                        // The inner call panicked, and whoever caught it polls again.
                        return Poll::Pending;
                    }
                    let permit = ready!(turn.0.as_mut().poll(cx));
                    let Some(mut parked) = parked.take() else {
                        return Poll::Pending;
                    };
                    match permit {
                        Some(permit) => State::Calling {
                            call: parked.inner.call(parked.request),
                            permit: Some(permit),
                        },
                        None => {
                            State::refusing(parked.refusal, parked.request.method() == Method::HEAD)
                        }
                    }
                }
                StateProjection::Calling { call, permit } => {
                    let response = ready!(call.poll(cx));
                    let permit = permit.take();
                    return Poll::Ready(Ok(response?.map(|body| Guarded::new(body, permit))));
                }
                StateProjection::Refusing { refusal } => {
                    let Some(refusal) = refusal.take() else {
                        // Polled again after it was ready: the contract of `Future` leaves this
                        // open, and waiting for ever breaks nothing.
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok(refusal.map(Guarded::from)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, Q, F> fmt::Debug for LimitedFuture<S, Q, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedFuture").finish_non_exhaustive()
    }
}
