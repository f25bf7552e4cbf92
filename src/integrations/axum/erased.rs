//! Erases the handler below a stack, so that a stack is compiled once and not once per handler.

use std::{
    any::Any,
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{body::Body, handler::Handler, response::Response};
use bytes::Bytes;
use http::Request;
use tower_service::Service;

use crate::{contract::log_problem, wire::BoxError};

type BoxedResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

/// An axum handler, under a name for the compiler to give help by.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an axum handler",
    label = "not a handler",
    note = "a handler is an `async fn` (or a closure that returns a future) with at most 16 \
            arguments, each an extractor, of which only the last may take the body; it answers \
            with something that implements `IntoResponse`, and its future is `Send`",
    note = "`#[axum::debug_handler]` on the function says which of these is missing"
)]
pub trait IsHandler<T, S>: Handler<T, S> + Sync {}

#[diagnostic::do_not_recommend]
impl<H: Handler<T, S> + Sync, T, S> IsHandler<T, S> for H {}

/// A handler without its type, which waits for its state.
pub(super) enum Stateful<S> {
    /// There is nothing to wait for.
    Without(Erased),
    With(Call<S>),
}

pub(super) type Call<S> = Arc<dyn Fn(Request<Body>, S) -> BoxedResponse + Send + Sync>;

/// Forgets the handler's type. It is the only code of a stack that is compiled for each handler.
pub(super) fn erase<H, T, S>(handler: H) -> Call<S>
where
    H: IsHandler<T, S>,
    T: 'static,
    S: 'static,
{
    Arc::new(move |request, state| boxed(handler.clone().call(request, state)))
}

impl<S: 'static> Stateful<S> {
    pub(super) fn new(call: Call<S>) -> Self {
        let any: &dyn Any = &call;
        let Some(stateless) = any.downcast_ref::<Call<()>>().map(Arc::clone) else {
            return Self::With(call);
        };
        Self::Without(Erased(Arc::new(move |request| stateless(request, ()))))
    }

    /// The handler with this state. It allocates, unless there is none.
    pub(super) fn with(&self, state: S) -> Erased
    where
        S: Clone + Send + Sync,
    {
        match self {
            Self::Without(handler) => handler.clone(),
            Self::With(call) => {
                let call = Arc::clone(call);
                Erased(Arc::new(move |request| call(request, state.clone())))
            }
        }
    }
}

/// Boxes a future, unless it is boxed already: axum's own handlers are, and a second box would be
/// paid for on every request.
fn boxed<F>(future: F) -> BoxedResponse
where
    F: Future<Output = Response> + Send + 'static,
{
    let mut future = Some(future);
    let any: &mut dyn Any = &mut future;
    if let Some(boxed) = any
        .downcast_mut::<Option<BoxedResponse>>()
        .and_then(Option::take)
    {
        return boxed;
    }
    Box::pin(async move {
        match future {
            Some(future) => future.await,
            // Taken above only if it is of the other type, and then this is not reached.
            None => std::future::pending().await,
        }
    })
}

/// The innermost service of a stack: a handler of any type, and its state.
///
/// It has no type parameter for the state: axum learns the state's type last, and until then the
/// compiler would go through the whole stack for each handler again.
#[derive(Clone)]
pub struct Erased(Arc<dyn Fn(Request<Body>) -> BoxedResponse + Send + Sync>);

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erased").finish_non_exhaustive()
    }
}

/// The request body may have been changed by a layer further out: whatever it is now, the handler
/// gets axum's.
impl<B> Service<Request<B>> for Erased
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ErasedFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ErasedFuture {
        // `Body::new` returns a body that is axum's already as it is.
        ErasedFuture((self.0)(request.map(Body::new)))
    }
}

/// The response future of [`Erased`].
#[must_use = "futures do nothing unless polled"]
pub struct ErasedFuture(BoxedResponse);

impl Future for ErasedFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.0.as_mut().poll(cx));
        log_problem(&response);
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for ErasedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedFuture").finish_non_exhaustive()
    }
}
