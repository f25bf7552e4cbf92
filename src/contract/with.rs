//! Makes a middleware a layer and drives it: [`With`], its service, and the one future.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    thread,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Description, Later, Middleware, Place, Provision, ReplyBody, Step,
    log::{finish, log_passing, log_refusal},
};

/// The [`tower::Layer`](Layer) of every middleware of this crate, and of a user's own.
#[derive(Clone, Debug)]
#[must_use]
pub struct With<M>(M);

/// Makes a middleware a layer for [`compose`](crate::compose()).
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

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> Description {
        self.0.describe()
    }
}

/// What a `with_*` function takes: the policy `P`, or something that becomes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy of this layer",
    label = "expected `{P}`",
    note = "a policy that can be invalid is a `Result`: write `?` after it, as in \
            `with_cors(Cors::origins([..])?)`",
    note = "a limit needs a key, by which it counts: `Quota::per_minute(10).by_peer()?`",
    note = "for a list that is known only at run time, use a constructor that checks it, such as \
            `Methods::list(methods)?`"
)]
pub trait IntoPolicy<P> {
    /// The policy.
    fn into_policy(self) -> P;
}

#[diagnostic::do_not_recommend]
impl<T: Into<P>, P> IntoPolicy<P> for T {
    fn into_policy(self) -> P {
        self.into()
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
    M: Middleware<B> + Place,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = WrappedFuture<M, M::Carry, S, B, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let head_only = request.method() == Method::HEAD;
        let state = match self.middleware.before(request) {
            Later::Ready(Step::Next(mut request, carry)) => {
                M::Provides::mark(request.extensions_mut());
                State::Calling {
                    call: self.inner.call(request),
                    after: Some((self.middleware.clone(), carry)),
                }
            }
            Later::Ready(Step::Reply(reply)) => State::Replying {
                reply: Some(finish(self.middleware.name(), reply, head_only)),
            },
            Later::Pending(decision) => {
                // `poll_ready` was called on this inner service, so it is the one that may be
                // called; a clone need not be ready.
                let clone = self.inner.clone();
                State::Deciding {
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

pin_project! {
    /// The response future of [`Wrapped`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WrappedFuture<M, C, S, B, F> {
        #[pin]
        state: State<M, C, S, B, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<M, C, S, B, F> {
        Deciding {
            decision: Pin<Box<dyn Future<Output = Step<B, C>> + Send>>,
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

impl<M, C, S, B, R> Future for WrappedFuture<M, C, S, B, S::Future>
where
    M: Middleware<B, Carry = C> + Place,
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Deciding {
                    decision,
                    inner,
                    middleware,
                    head_only,
                } => match ready!(decision.as_mut().poll(cx)) {
                    Step::Next(mut request, carry) => {
                        M::Provides::mark(request.extensions_mut());
                        let call = inner.call(request);
                        let after = Some((middleware.clone(), carry));
                        state.set(State::Calling { call, after });
                    }
                    Step::Reply(reply) => {
                        let reply = Some(finish(middleware.name(), reply, *head_only));
                        state.set(State::Replying { reply });
                    }
                },
                StateProjection::Calling { call, after } => {
                    let unwinding = DropOnUnwind(after);
                    let mut response = ready!(call.poll(cx))?;
                    let after = &mut *unwinding.0;
                    if let Some((middleware, carry)) = after.take() {
                        let is_error = response.status().as_u16() >= 400;
                        if is_error {
                            log_passing(&mut response);
                        }
                        middleware.after(carry, &mut response);
                        if !is_error {
                            log_refusal(middleware.name(), &mut response);
                        }
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

/// Drops a carry while a panic of what is inside unwinds, so that it can tell a panic from a client that
/// has disconnected, by [`thread::panicking`].
struct DropOnUnwind<'a, T>(&'a mut Option<T>);

impl<T> Drop for DropOnUnwind<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(self.0.take());
        }
    }
}

impl<M, C, S, B, F> fmt::Debug for WrappedFuture<M, C, S, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedFuture").finish_non_exhaustive()
    }
}
