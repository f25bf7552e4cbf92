//! Erases the type of the handler inside a stack, so that a stack is compiled once and not once per
//! handler.

use std::{
    any::Any,
    convert::Infallible,
    future::Future,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Request, request::Parts};
use tower_service::Service;

use super::arguments::{Arguments, HandlerFunction};
use crate::{
    compose::{BoxedResponse, ErasedHandler, HandlerFuture},
    contract::log_passing,
    wire::BoxError,
};

/// A handler whose type is erased, and which may not have its state yet.
pub(crate) enum Stateful<S> {
    /// The handler has no state.
    Without(Erased),
    With(Call<S>),
}

type Call<S> = Arc<dyn CallWithState<S>>;

/// A handler without its type.
// Not a `dyn Fn`: that has two more functions for each handler.
pub(crate) trait CallWithState<S>: Send + Sync {
    fn call(&self, request: Request<Body>, state: S) -> BoxedResponse<Body>;
}

/// Erases the handler's type. It is the only code of a stack that is compiled for each handler, and
/// leaves to other functions what does not depend on the handler.
pub(super) fn erase<F, A, O, L, S, I>(function: F) -> Box<dyn CallWithState<S>>
where
    F: HandlerFunction<A, Future: Future<Output = O> + Send>,
    A: Arguments<L, S, I> + 'static,
    O: IntoResponse,
    L: 'static,
    S: Send + Sync + 'static,
    I: 'static,
{
    Box::new(WithArguments {
        function,
        arguments: PhantomData,
    })
}

/// A function, and how its arguments are taken from a request.
struct WithArguments<F, A, L, I> {
    function: F,
    arguments: PhantomData<fn(L, I) -> A>,
}

impl<F, A, O, L, S, I> CallWithState<S> for WithArguments<F, A, L, I>
where
    F: HandlerFunction<A, Future: Future<Output = O> + Send>,
    A: Arguments<L, S, I> + 'static,
    O: IntoResponse,
    L: 'static,
    S: Send + Sync + 'static,
    I: 'static,
{
    fn call(&self, request: Request<Body>, state: S) -> BoxedResponse<Body> {
        let function = self.function.clone();
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            // Made here: a future that is made earlier would be stored twice in this one.
            match take_arguments::<A, L, S, I>(parts, body, state).await {
                Ok(arguments) => into_response(function.call(arguments).await),
                Err(rejection) => rejection,
            }
        })
    }
}

async fn take_arguments<A, L, S, I>(mut parts: Parts, body: Body, state: S) -> Result<A, Response>
where
    A: Arguments<L, S, I>,
{
    let arguments = A::take_all(&mut parts, body, &state).await;
    arguments.map_err(logged)
}

fn into_response(output: impl IntoResponse) -> Response {
    logged(output.into_response())
}

fn logged(mut response: Response) -> Response {
    log_passing(&mut response);
    response
}

impl<S> Clone for Stateful<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Without(handler) => Self::Without(handler.clone()),
            Self::With(call) => Self::With(Arc::clone(call)),
        }
    }
}

impl<S: 'static> Stateful<S> {
    pub(super) fn new(call: Call<S>) -> Self {
        let any: &dyn Any = &call;
        let Some(stateless) = any.downcast_ref::<Call<()>>().map(Arc::clone) else {
            return Self::With(call);
        };
        Self::Without(Erased(ErasedHandler::new(move |request| {
            stateless.call(request, ())
        })))
    }

    /// The handler with this state. It allocates, unless the state is `()`.
    pub(crate) fn with(&self, state: S) -> Erased
    where
        S: Clone + Send + Sync,
    {
        match self {
            Self::Without(handler) => handler.clone(),
            Self::With(call) => {
                let call = Arc::clone(call);
                Erased(ErasedHandler::new(move |request| {
                    call.call(request, state.clone())
                }))
            }
        }
    }
}

/// The innermost service of a stack: a handler of any type, and its state.
///
/// It has no type parameter for the state: axum learns the type of the state last, and until then
/// the compiler would check the whole stack again for each handler.
#[derive(Clone, Debug)]
pub struct Erased(ErasedHandler<Body, Body>);

impl Erased {
    pub(crate) fn new<F>(handler: F) -> Self
    where
        F: Fn(Request<Body>) -> BoxedResponse<Body> + Send + Sync + 'static,
    {
        Self(ErasedHandler::new(handler))
    }

    /// Calls the handler.
    pub(crate) fn respond(&self, request: Request<Body>) -> BoxedResponse<Body> {
        self.0.respond(request)
    }
}

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
        // `Body::new` returns a body that is already axum's unchanged.
        self.0.call(request.map(Body::new))
    }
}
