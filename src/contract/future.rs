//! The one future: it waits for the decision, calls further in, and changes what comes back.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Middleware, ReplyBody, finish::finish};

pin_project! {
    /// The response future of [`Wrapped`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WrappedFuture<M, C, S, Q, F> {
        #[pin]
        pub(super) state: State<M, C, S, Q, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(super) enum State<M, C, S, Q, F> {
        Waiting {
            decision: Pin<Box<dyn Future<Output = Result<(Q, C), Response<Bytes>>> + Send>>,
            inner: S,
            middleware: M,
            head_only: bool,
        },
        Calling {
            #[pin]
            call: F,
            after: Option<(M, C)>,
        },
        Replying {
            reply: Option<Response<Bytes>>,
        },
    }
}

impl<M, C, S, B, R> Future for WrappedFuture<M, C, S, Request<B>, S::Future>
where
    M: Middleware<B, Carry = C>,
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Waiting {
                    decision,
                    inner,
                    middleware,
                    head_only,
                } => match ready!(decision.as_mut().poll(cx)) {
                    Ok((request, carry)) => {
                        let call = inner.call(request);
                        let after = Some((middleware.clone(), carry));
                        state.set(State::Calling { call, after });
                    }
                    Err(reply) => {
                        let reply = Some(finish(middleware.name(), reply, *head_only));
                        state.set(State::Replying { reply });
                    }
                },
                StateProjection::Calling { call, after } => {
                    let mut response = ready!(call.poll(cx))?;
                    if let Some((middleware, carry)) = after.take() {
                        middleware.after(carry, &mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Replying { reply } => {
                    let Some(reply) = reply.take() else {
                        // Polled again after it was ready: the contract of `Future` leaves this
                        // open, and waiting for ever breaks nothing.
                        return Poll::Pending;
                    };
                    return Poll::Ready(Ok(reply.map(R::from)));
                }
            }
        }
    }
}

impl<M, C, S, Q, F> fmt::Debug for WrappedFuture<M, C, S, Q, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedFuture").finish_non_exhaustive()
    }
}
