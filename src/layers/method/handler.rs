//! Takes functions and services as the handlers of an endpoint.

use std::{fmt, future::Future, future::poll_fn, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use crate::{
    contract::log_problem,
    wire::{Problem, Reply},
};

/// A handler whose type is forgotten.
pub struct Erased<B, R>(
    Arc<dyn Fn(Request<B>) -> Pin<Box<dyn Future<Output = Response<R>> + Send>> + Send + Sync>,
);

impl<B, R> Erased<B, R> {
    fn new<F, A>(handler: F) -> Self
    where
        F: Fn(Request<B>) -> A + Send + Sync + 'static,
        A: Future<Output = Response<R>> + Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(handler(request))))
    }

    pub(super) fn call(
        &self,
        request: Request<B>,
    ) -> Pin<Box<dyn Future<Output = Response<R>> + Send>> {
        (self.0)(request)
    }
}

impl<B, R> Clone for Erased<B, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B, R> fmt::Debug for Erased<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Erased")
    }
}

/// A handler of an [`endpoint`](super::endpoint()): a function or a service.
///
/// `Marker` tells the two apart, [`Function`] and [`Tower`]; the compiler infers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of an `endpoint()`",
    label = "not a handler",
    note = "a handler is a function `async fn(Request<{B}>) -> Response<_>`, or one that returns \
            `Result<Response<_>, E>` where `Problem: From<E>`; it must be `Send + Sync + 'static` \
            and so must what it captures, and its future must be `Send`",
    note = "or a service of such requests that is `Clone + Send + Sync + 'static`, as \
            `compose((..)).service(..)` makes it, with an error that a `Problem` can be made from"
)]
pub trait IntoEndpoint<B, R, Marker> {
    /// Forgets the type of the handler.
    fn erase(self) -> Erased<B, R>;
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
    fn erase(self) -> Erased<B, R> {
        Erased::new(move |request| {
            let reply = self(request);
            async move {
                let response = reply.await.into_reply();
                log_problem(&response);
                response
            }
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
    fn erase(self) -> Erased<B, R> {
        Erased::new(move |request| {
            // A service of its own for each request: what is made ready here is called here.
            let mut service = self.clone();
            async move {
                if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
                    return failed(error);
                }
                let call = service.call(request);
                call.await.unwrap_or_else(failed)
            }
        })
    }
}

/// A service's error: its problem, which nothing further in has logged.
fn failed<R: From<Bytes>>(error: impl Into<Problem>) -> Response<R> {
    let response = error.into().into_response();
    log_problem(&response);
    response.map(R::from)
}
