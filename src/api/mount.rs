//! A handler with everything around it, without its types.

use std::{any::Any, convert::Infallible, fmt, future::ready, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    compose::BoxedResponse,
    integrations::axum::{Erased, HandledFuture},
    wire::{BoxError, head_method},
};

/// A handler with everything around it; made by [`Mount`].
#[derive(Clone)]
pub struct Mounted(Arc<dyn Call>);

impl Mounted {
    fn new<T, R>(service: T) -> Self
    where
        T: Service<Request<Body>, Response = http::Response<R>, Error: Into<Infallible>>
            + Clone
            + Send
            + Sync
            + 'static,
        T::Future: Send,
        R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let any: &dyn Any = &service;
        match any.downcast_ref::<Erased>() {
            // No layer: the future of the handler is boxed already.
            Some(handler) => Self(Arc::new(handler.clone())),
            None => Self(Arc::new(Stacked(service))),
        }
    }

    /// Calls the handler. The response to a `HEAD` has no content.
    pub(super) fn call(&self, request: Request<Body>) -> BoxedResponse<Body> {
        if request.method() == Method::HEAD {
            let response = self.0.call(request);
            return Box::pin(async move {
                let mut response = response.await;
                head_method::strip(&mut response);
                response
            });
        }
        self.0.call(request)
    }

    /// As the innermost service of a stack.
    pub(super) fn into_handler(self) -> Erased {
        Erased::new(move |request| self.call(request))
    }
}

/// The innermost service of a stack that answers without waiting.
pub(super) fn answer<F>(answer: F) -> Erased
where
    F: Fn(&Request<Body>) -> Response + Send + Sync + 'static,
{
    Erased::new(move |request| Box::pin(ready(answer(&request))))
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").finish_non_exhaustive()
    }
}

trait Call: Send + Sync {
    fn call(&self, request: Request<Body>) -> BoxedResponse<Body>;
}

impl Call for Erased {
    fn call(&self, request: Request<Body>) -> BoxedResponse<Body> {
        self.respond(request)
    }
}

struct Stacked<T>(T);

impl<T, R> Call for Stacked<T>
where
    T: Service<Request<Body>, Response = http::Response<R>, Error: Into<Infallible>>
        + Clone
        + Send
        + Sync
        + 'static,
    T::Future: Send,
    R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn call(&self, request: Request<Body>) -> BoxedResponse<Body> {
        // A clone for each request, so that the service that is ready is the one called.
        Box::pin(HandledFuture::new(self.0.clone(), request))
    }
}

/// A list of layers that can be put around a handler, with the lists `Around` and `Guard` outside
/// it. `R` is the body of the responses.
pub trait Mount<Around, Guard, R>: Send + Sync + 'static {
    /// Puts all of them around the handler.
    fn mount(&self, around: &Around, guard: &Guard, handler: Erased) -> Mounted;
}

impl<L, Around, Guard, R> Mount<Around, Guard, R> for L
where
    L: Layer<Erased> + Send + Sync + 'static,
    Guard: Layer<L::Service>,
    Around: Layer<Guard::Service>,
    Around::Service: Service<Request<Body>, Response = http::Response<R>, Error: Into<Infallible>>
        + Clone
        + Send
        + Sync
        + 'static,
    <Around::Service as Service<Request<Body>>>::Future: Send,
    R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn mount(&self, around: &Around, guard: &Guard, handler: Erased) -> Mounted {
        let service = around.layer(guard.layer(self.layer(handler)));
        Mounted::new(service)
    }
}
