//! Erases the type of the handler inside a stack, so that a stack is compiled once and not once per
//! handler.

use std::{
    any::Any,
    convert::Infallible,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, handler::Handler, response::Response};
use bytes::Bytes;
use http::Request;
use tower_service::Service;

use crate::{
    compose::{BoxedResponse, ErasedHandler, HandlerFuture},
    wire::BoxError,
};

/// An axum handler, as a trait with a compiler message of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an axum handler",
    label = "not a handler",
    note = "a handler is an `async fn` (or a closure that returns a future) with at most 16 \
            arguments, each an extractor, of which only the last may take the body; it returns \
            something that implements `IntoResponse`, and its future is `Send`",
    note = "`#[axum::debug_handler]` on the function tells which of these is missing"
)]
pub trait IsHandler<T, S>: Handler<T, S> + Sync {}

#[diagnostic::do_not_recommend]
impl<H: Handler<T, S> + Sync, T, S> IsHandler<T, S> for H {}

/// A handler without its type, and possibly without its state yet.
pub(super) enum Stateful<S> {
    /// The handler has no state.
    Without(Erased),
    With(Call<S>),
}

pub(super) type Call<S> = Arc<dyn Fn(Request<Body>, S) -> BoxedResponse<Body> + Send + Sync>;

/// Erases the handler's type. It is the only code of a stack that is compiled for each handler.
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
        Self::Without(Erased(ErasedHandler::new(move |request| {
            stateless(request, ())
        })))
    }

    /// The handler with this state. It allocates, unless the state is `()`.
    pub(super) fn with(&self, state: S) -> Erased
    where
        S: Clone + Send + Sync,
    {
        match self {
            Self::Without(handler) => handler.clone(),
            Self::With(call) => {
                let call = Arc::clone(call);
                Erased(ErasedHandler::new(move |request| {
                    call(request, state.clone())
                }))
            }
        }
    }
}

/// Boxes a future unless it is boxed already, as those of axum's own handlers are: a second box
/// would cost an allocation for every request.
fn boxed<F>(future: F) -> BoxedResponse<Body>
where
    F: Future<Output = Response> + Send + 'static,
{
    let mut future = Some(future);
    let any: &mut dyn Any = &mut future;
    if let Some(boxed) = any
        .downcast_mut::<Option<BoxedResponse<Body>>>()
        .and_then(Option::take)
    {
        return boxed;
    }
    Box::pin(async move {
        match future {
            Some(future) => future.await,
            // It was taken above only if it is a `BoxedResponse`, and then this is not reached.
            None => std::future::pending().await,
        }
    })
}

/// The innermost service of a stack: a handler of any type, and its state.
///
/// It has no type parameter for the state: axum learns the type of the state last, and until then
/// the compiler would check the whole stack again for each handler.
#[derive(Clone, Debug)]
pub struct Erased(ErasedHandler<Body, Body>);

/// A layer further out may have changed the type of the request body; the handler gets axum's.
impl<B> Service<Request<B>> for Erased
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = HandlerFuture<Body>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `Body::new` returns a body that is axum's already as it is.
        self.0.call(request.map(Body::new))
    }
}
