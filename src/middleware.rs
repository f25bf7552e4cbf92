//! Defines what a middleware is, and drives it: the contract, the one layer, the one future.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{describe::Description, place::Place};

/// What a middleware decides about a request.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: go on, answer, or wait"
)]
pub enum Step<B, C> {
    /// Go on, and remember `C` for the response.
    Next(Request<B>, C),
    /// Answer in the handler's place.
    Reply(Response<Bytes>),
    /// Not known yet: a body to read, a store to ask. The only case that allocates.
    Wait(Pin<Box<dyn Future<Output = Result<(Request<B>, C), Response<Bytes>>> + Send>>),
}

impl<B, C> Step<B, C> {
    /// Decides later: the future yields the request to go on with, or the answer.
    pub fn wait<F>(decision: F) -> Self
    where
        F: Future<Output = Result<(Request<B>, C), Response<Bytes>>> + Send + 'static,
    {
        Self::Wait(Box::pin(decision))
    }
}

impl<B, C> fmt::Debug for Step<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next(..) => "Next",
            Self::Reply(_) => "Reply",
            Self::Wait(_) => "Wait",
        })
    }
}

/// A middleware: a policy over requests, and over the responses that come back.
///
/// There is no future to write and no readiness to forward; [`With`] does both. A clone must be
/// cheap: keep what is large behind one `Arc`.
///
/// # Example
///
/// A middleware that refuses requests while the site is being maintained:
///
/// ```
/// use http::{Request, StatusCode};
/// use wythe::{Middleware, Place, Problem, Step, compose, stage, with};
///
/// #[derive(Clone)]
/// struct Maintenance(bool);
///
/// impl Place for Maintenance {
///     type Stage = stage::Admit;
///     type Provides = ();
///     type Needs = ();
/// }
///
/// impl<B> Middleware<B> for Maintenance {
///     type Carry = ();
///
///     fn before(&self, request: Request<B>) -> Step<B, ()> {
///         if self.0 {
///             return Step::Reply(Problem::new(StatusCode::SERVICE_UNAVAILABLE).into());
///         }
///         Step::Next(request, ())
///     }
/// }
///
/// let stack = compose((with(Maintenance(true)),));
/// ```
pub trait Middleware<B>: Clone {
    /// What [`before`](Self::before) remembers for [`after`](Self::after).
    type Carry;

    /// Decides about the request.
    fn before(&self, request: Request<B>) -> Step<B, Self::Carry>;

    /// Changes the response that came back from further in. It is not called for an answer of
    /// this middleware's own.
    fn after<R>(&self, carry: Self::Carry, response: &mut Response<R>)
    where
        R: Body + From<Bytes>,
    {
        drop(carry);
        let _: &mut Response<R> = response;
    }
}

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
    R: Body + From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = WrappedFuture<M, M::Carry, S, Request<B>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match self.middleware.before(request) {
            Step::Next(request, carry) => State::Calling {
                call: self.inner.call(request),
                after: Some((self.middleware.clone(), carry)),
            },
            Step::Reply(reply) => State::Replying { reply: Some(reply) },
            Step::Wait(decision) => {
                // `poll_ready` was called on this inner service, so it is the one that may be
                // called; a clone need not be ready.
                let clone = self.inner.clone();
                State::Waiting {
                    decision,
                    inner: mem::replace(&mut self.inner, clone),
                    middleware: self.middleware.clone(),
                }
            }
        };
        WrappedFuture { state }
    }
}

pin_project! {
    /// The response future of [`Wrapped`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WrappedFuture<M, C, S, Q, F> {
        #[pin]
        state: State<M, C, S, Q, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<M, C, S, Q, F> {
        Waiting {
            decision: Pin<Box<dyn Future<Output = Result<(Q, C), Response<Bytes>>> + Send>>,
            inner: S,
            middleware: M,
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
    R: Body + From<Bytes>,
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
                } => match ready!(decision.as_mut().poll(cx)) {
                    Ok((request, carry)) => {
                        let call = inner.call(request);
                        let after = Some((middleware.clone(), carry));
                        state.set(State::Calling { call, after });
                    }
                    Err(reply) => state.set(State::Replying { reply: Some(reply) }),
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
                    log_refusal::<M>(&reply);
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

/// One event for each refusal: the layer, the status, and the cause, which the client never sees.
#[cfg(feature = "tracing")]
pub(crate) fn log_refusal<M>(reply: &Response<Bytes>) {
    use crate::problem::Problem;

    let status = reply.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let layer = std::any::type_name::<M>();
    let problem = reply.extensions().get::<Problem>();
    let reason = problem.map(tracing::field::display);
    let cause = problem
        .and_then(Problem::cause)
        .map(tracing::field::display);
    let status = status.as_u16();
    if status >= 500 {
        tracing::error!(target: "wythe", layer, status, reason, cause, "refused");
    } else {
        tracing::debug!(target: "wythe", layer, status, reason, cause, "refused");
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn log_refusal<M>(_: &Response<Bytes>) {}
