//! The handlers of an endpoint: functions and services.

use std::future::{Future, poll_fn};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::{
    compose::{ErasedHandler, Reply},
    wire::Problem,
};

/// A handler of an [`endpoint`](crate::endpoint()): a function or a service.
///
/// `Marker` is [`Function`] or [`Tower`]; the compiler infers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of an `endpoint()`",
    label = "not a handler",
    note = "a handler is a function `async fn(Request<{B}>) -> Response<_>`, or one that returns \
            `Result<Response<_>, E>` where `Problem: From<E>`; it and what it captures must be \
            `Send + Sync + 'static`, and its future must be `Send`",
    note = "or it is a service for such requests, such as `compose((..)).service(..)` returns, \
            that is `Clone + Send + Sync + 'static` and whose error converts into a `Problem`"
)]
pub trait IntoEndpoint<B, R, Marker> {
    /// Erases the type of the handler.
    fn erase(self) -> ErasedHandler<B, R>;
}

/// The handler is a function.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Function;

/// The handler is a [`tower::Service`](Service).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tower;

impl<F, A, B, R> IntoEndpoint<B, R, Function> for F
where
    F: Fn(Request<B>) -> A + Send + Sync + 'static,
    A: Future<Output: Reply<R>> + Send + 'static,
{
    fn erase(self) -> ErasedHandler<B, R> {
        ErasedHandler::new(move |request| {
            let reply = self(request);
            Box::pin(async move { reply.await.into_reply() })
        })
    }
}

impl<S, B, R> IntoEndpoint<B, R, Tower> for S
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<Problem>,
    S::Future: Send,
    B: Send + 'static,
    R: From<Bytes>,
{
    fn erase(self) -> ErasedHandler<B, R> {
        ErasedHandler::new(move |request| {
            // A clone for each request, so that the service that is ready is the one called.
            let mut service = self.clone();
            Box::pin(async move {
                if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
                    return failed(error);
                }
                let call = service.call(request);
                call.await.unwrap_or_else(failed)
            })
        })
    }
}

fn failed<R: From<Bytes>>(error: impl Into<Problem>) -> Response<R> {
    error.into().into_response().map(R::from)
}
