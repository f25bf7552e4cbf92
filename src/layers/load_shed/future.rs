//! The future: the inner call's, or a refusal.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use crate::{
    contract::{ReplyBody, finish},
    wire::Problem,
};

pin_project! {
    /// The response future of [`Shedding`](super::Shedding).
    #[must_use = "futures do nothing unless polled"]
    pub struct SheddingFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling {
            #[pin]
            call: F,
        },
        Refusing {
            refusal: Option<Response<Bytes>>,
        },
    }
}

impl<F> SheddingFuture<F> {
    pub(super) const fn calling(call: F) -> Self {
        Self {
            state: State::Calling { call },
        }
    }

    pub(super) fn refusing(refusal: Problem, head_only: bool) -> Self {
        let refusal = Some(finish("with_load_shed", refusal.into(), head_only));
        Self {
            state: State::Refusing { refusal },
        }
    }
}

impl<F, R, E> Future for SheddingFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Calling { call } => call.poll(cx),
            StateProjection::Refusing { refusal } => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(refusal.map(R::from))),
                // Polled again after it was ready: the contract of `Future` leaves this open, and
                // waiting for ever breaks nothing.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for SheddingFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SheddingFuture").finish_non_exhaustive()
    }
}
