//! Puts a stack around an axum handler.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{body::Body, extract::Request, handler::Handler, response::Response};
use bytes::Bytes;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_layer::Layer;
use tower_service::Service;

use super::erased::{Call, Erased, IsHandler, Stateful, erase};
use crate::{
    compose::{Covers, Describe, Stack, rows, write_table},
    contract::Description,
    wire::BoxError,
};

impl<L> Stack<L> {
    /// Puts the stack around an axum handler. The result is a handler too, for `get(..)`, `post(..)`
    /// and so on, and keeps the handler's `State`. A stack can be used for any number of handlers;
    /// they share its state, for example the counts of a rate limit.
    ///
    /// The compiler checks the handler's arguments: each must be one of axum's extractors, or a layer
    /// of the stack must provide it. An extractor of another crate, or of your own, goes into
    /// [`Extract`](crate::Extract).
    ///
    /// # Example
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use wythe::{CacheControl, compose, with_cache_control};
    ///
    /// async fn hello() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// let stack = compose(with_cache_control(CacheControl::no_store()));
    /// let app: Router = Router::new().route("/", get(stack.handler(hello)));
    /// ```
    pub fn handler<H, T, S, R, I>(&self, handler: H) -> Handled<L, S>
    where
        H: IsHandler<T, S>,
        // Not needed here, but this is where the compiler should report that it does not hold.
        L: Covers<T, I> + Layer<Erased> + Clone,
        L::Service: Service<Request, Response = http::Response<R>>,
        T: 'static,
        S: 'static,
    {
        Handled::new(self.list(), erase(handler))
    }
}

/// An axum handler with a stack around it; made by [`Stack::handler`].
// Behind an `Arc`, because axum clones a handler twice per request.
#[must_use]
pub struct Handled<L, S>(Arc<Inner<L, S>>);

struct Inner<L, S> {
    list: L,
    handler: Stateful<S>,
}

impl<L, S> Clone for Handled<L, S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Clone, S: 'static> Handled<L, S> {
    fn new(list: &L, call: Call<S>) -> Self {
        Self(Arc::new(Inner {
            list: list.clone(),
            handler: Stateful::new(call),
        }))
    }
}

impl<L: Describe, S> Handled<L, S> {
    /// The name of the stage and the description of each layer around the handler, outermost first.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, Description)> {
        rows(&self.0.list)
    }
}

/// The table of the stack.
impl<L: Describe, S> fmt::Display for Handled<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(&self.describe(), f)
    }
}

impl<L: fmt::Debug, S> fmt::Debug for Handled<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handled")
            .field("list", &self.0.list)
            .finish_non_exhaustive()
    }
}

impl<L, S, R> Handler<(L, R), S> for Handled<L, S>
where
    L: Layer<Erased> + Send + Sync + 'static,
    L::Service: Service<Request, Response = http::Response<R>> + Send + 'static,
    <L::Service as Service<Request>>::Error: Into<Infallible>,
    <L::Service as Service<Request>>::Future: Send,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
    S: Clone + Send + Sync + 'static,
{
    type Future = HandledFuture<L::Service>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let Inner { list, handler } = &*self.0;
        let service = list.layer(handler.with(state));
        HandledFuture {
            oneshot: Oneshot::new(service, request),
        }
    }
}

pin_project! {
    /// The response future of [`Handled`].
    ///
    /// It is not the future of a middleware: it turns the whole stack into a handler of axum.
    #[must_use = "futures do nothing unless polled"]
    pub struct HandledFuture<S: Service<Request>> {
        #[pin]
        oneshot: Oneshot<S, Request>,
    }
}

impl<S, R> Future for HandledFuture<S>
where
    S: Service<Request, Response = http::Response<R>>,
    S::Error: Into<Infallible>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let result = ready!(self.project().oneshot.poll(cx)).map_err(Into::into);
        let response = result.unwrap_or_else(|never: Infallible| match never {});
        Poll::Ready(response.map(Body::new))
    }
}

impl<S: Service<Request>> fmt::Debug for HandledFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandledFuture").finish_non_exhaustive()
    }
}
