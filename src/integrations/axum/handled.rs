//! Puts a stack around an axum handler.

use std::{
    any::type_name,
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::Request,
    handler::Handler,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_layer::Layer;
use tower_service::Service;

#[cfg(feature = "api")]
use super::route_options::RouteOptions;
use super::{
    arguments::{Arguments, HandlerFunction, PathUse},
    erased::{CallWithState, Erased, Stateful, erase},
};
use crate::{
    compose::{Describe, Stack, rows, write_table},
    contract::Description,
    wire::BoxError,
};

impl<L> Stack<L> {
    /// Puts the stack around an axum handler. The result is a handler too, for `get(..)`, `post(..)`
    /// and so on, and keeps the handler's `State`. A stack can be used for any number of handlers;
    /// they share its state, for example the counts of a rate limit.
    ///
    /// A handler is an async function, or a closure that returns a future, with up to 16 arguments. The
    /// compiler checks each of them:
    ///
    /// - It is *given*: a layer of the stack provides it, such as [`Auth`](crate::Auth),
    ///   [`Valid`](crate::Valid), [`ClientIp`](crate::ClientIp) or the [`Provided`](crate::Provided)
    ///   type of a layer of your own. It is `Option<..>` if the layer provides it for some requests
    ///   only.
    /// - It is *extracted*: it implements axum's `FromRequestParts`, or `FromRequest` if it is the last
    ///   argument. This holds for extractors of any crate.
    ///
    /// An extractor may still refuse a request. axum's `Extension` and `ConnectInfo` do so with a 500
    /// if nothing has inserted their value, which no compiler sees.
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
    pub fn handler<F, A, O, S, R, I>(&self, handler: F) -> Handled<L, S, A, O, I>
    where
        F: HandlerFunction<A, Future: Future<Output = O> + Send>,
        A: Arguments<L, S, I>,
        O: IntoResponse,
        // Not needed here, but this is where the compiler should report that the bound does not hold.
        L: Layer<Erased> + Clone,
        L::Service: Service<Request, Response = http::Response<R>>,
        S: Send + Sync + 'static,
        // Apart from the other bounds, which messages of the compiler show.
        A: 'static,
        L: 'static,
        I: 'static,
    {
        // Nothing else in here is compiled again for each handler.
        let description = handler.describe();
        Handled::new(self.list(), erase(handler), description, type_name::<F>())
    }
}

/// An axum handler with a stack around it; made by [`Stack::handler`].
///
/// `L` is the list of layers, `S` the state of the router, `A` the handler's arguments as a tuple, `O`
/// what the handler returns, and `I` how the arguments are taken from a request.
// Behind an `Arc`, because axum clones a handler twice per request.
#[must_use]
pub struct Handled<L, S, A, O, I> {
    pub(crate) inner: Arc<Inner<L, S>>,
    types: PhantomData<fn(A, I) -> O>,
}

pub(crate) struct Inner<L, S> {
    pub(crate) list: L,
    pub(crate) handler: Stateful<S>,
    pub(crate) facts: HandlerFacts,
}

/// What is known about a handler, whatever its type is.
#[derive(Clone)]
pub(crate) struct HandlerFacts {
    /// What the handler says about itself.
    pub(crate) description: Option<Description>,
    pub(crate) path_use: PathUse,
    /// The path of the function.
    pub(crate) name: &'static str,
    #[cfg(feature = "api")]
    pub(crate) options: RouteOptions,
}

/// Instead of a stage, for a handler that describes itself.
pub(crate) const HANDLER_STAGE: &str = "Handler";

impl<L, S, A, O, I> Handled<L, S, A, O, I> {
    fn new(
        list: &L,
        call: Box<dyn CallWithState<S>>,
        description: Option<Description>,
        name: &'static str,
    ) -> Self
    where
        L: Clone,
        S: 'static,
        A: Arguments<L, S, I>,
    {
        Self {
            inner: Arc::new(Inner {
                list: list.clone(),
                handler: Stateful::new(call.into()),
                facts: HandlerFacts {
                    description,
                    path_use: A::path_use(),
                    name,
                    #[cfg(feature = "api")]
                    options: RouteOptions::default(),
                },
            }),
            types: PhantomData,
        }
    }
}

impl<L, S, A, O, I> Clone for Handled<L, S, A, O, I> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            types: PhantomData,
        }
    }
}

#[cfg(feature = "api")]
impl<L, S, A, O, I> Handled<L, S, A, O, I> {
    /// Changes the options. The handler and the stack are shared with other clones.
    pub(crate) fn with_options(self, change: impl FnOnce(&mut RouteOptions)) -> Self
    where
        L: Clone,
    {
        let mut facts = self.inner.facts.clone();
        change(&mut facts.options);
        Self {
            inner: Arc::new(Inner {
                list: self.inner.list.clone(),
                handler: self.inner.handler.clone(),
                facts,
            }),
            types: PhantomData,
        }
    }
}

/// A handler in a stack, in an `Api` with the state `S`: [`Handled`].
#[cfg(feature = "api")]
#[diagnostic::on_unimplemented(
    message = "a route of an `Api` takes a handler in a stack, not `{Self}`",
    label = "not a handler in a stack",
    note = "put it into a stack: `compose(..).handler(f)`, or `compose(()).handler(f)` without \
            layers",
    note = "a service or a router of axum goes into `.public(\"why\", |open| open.service(..))`",
    note = "the state of the handler is that of the `Api`: `{S}`"
)]
pub trait RouteHandler<S> {
    /// The list of layers.
    type Layers;
    /// The arguments of the handler, as a tuple.
    type Arguments;
    /// What the handler returns.
    type Output;
    /// How the arguments are taken from a request.
    type Indexes;

    /// The handler in its stack.
    fn into_handled(self)
    -> Handled<Self::Layers, S, Self::Arguments, Self::Output, Self::Indexes>;
}

#[cfg(feature = "api")]
impl<L, S, A, O, I> RouteHandler<S> for Handled<L, S, A, O, I> {
    type Layers = L;
    type Arguments = A;
    type Output = O;
    type Indexes = I;

    fn into_handled(self) -> Self {
        self
    }
}

impl<L: Describe, S, A, O, I> Handled<L, S, A, O, I> {
    /// The name of the stage and the description of each layer around the handler, outermost first. The last
    /// one is the handler, if it describes itself, as a [`Proxy`](crate::proxy::Proxy) does.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, Description)> {
        let mut rows = rows(&self.inner.list);
        let handler = self.inner.facts.description.clone();
        rows.extend(handler.map(|description| (HANDLER_STAGE, description)));
        rows
    }
}

/// The table of the stack.
impl<L: Describe, S, A, O, I> fmt::Display for Handled<L, S, A, O, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(&self.describe(), f)
    }
}

impl<L: fmt::Debug, S, A, O, I> fmt::Debug for Handled<L, S, A, O, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handled")
            .field("list", &self.inner.list)
            .finish_non_exhaustive()
    }
}

impl<L, S, A, O, I, R> Handler<(L, R), S> for Handled<L, S, A, O, I>
where
    L: Layer<Erased> + Send + Sync + 'static,
    L::Service: Service<Request, Response = http::Response<R>> + Send + 'static,
    <L::Service as Service<Request>>::Error: Into<Infallible>,
    <L::Service as Service<Request>>::Future: Send,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
    S: Clone + Send + Sync + 'static,
    A: 'static,
    O: 'static,
    I: 'static,
{
    type Future = HandledFuture<L::Service>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let Inner { list, handler, .. } = &*self.inner;
        let service = list.layer(handler.with(state));
        HandledFuture::new(service, request)
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

impl<S: Service<Request>> HandledFuture<S> {
    pub(crate) const fn new(service: S, request: Request) -> Self {
        Self {
            oneshot: Oneshot::new(service, request),
        }
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
