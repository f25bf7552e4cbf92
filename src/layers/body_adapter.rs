//! Adapts the bodies of other crates.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    contract::{Description, Place, Placed, log_passing, placed, stage},
    wire::{Body, BoxError},
};

/// Turns bodies of any type into [`Body`]: those of requests and those of responses.
///
/// 1. The inner service gets a request body of any type as [`Body`].
/// 2. The outer layers get a response body of any type as [`Body`].
/// 3. No request is rejected, and no body is read.
///
/// It is needed for bodies that can't be made from bytes, because the layers further out can't answer
/// with them: hyper's `Incoming`, boxed bodies, the bodies of compression layers. axum's body,
/// [`Body`] itself and `Full<Bytes>` do not need it.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full, combinators::BoxBody};
/// use tower::{ServiceExt, service_fn};
/// use wythe::{Body, compose, with_body_adapter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let boxed = service_fn(async |request: Request<Body>| {
///     let body: BoxBody<Bytes, Infallible> = Full::from("hello").boxed();
///     Ok::<_, Infallible>(Response::new(body))
/// });
/// let service = compose(with_body_adapter()).service(boxed);
///
/// let request = Request::new(Full::<Bytes>::default());
/// let response: Response<Body> = service.oneshot(request).await.unwrap();
/// let body = response.into_body().collect().await.unwrap();
/// assert_eq!(body.to_bytes(), "hello");
/// # }
/// ```
///
/// # Responses
///
/// The layer sends no response of its own.
///
/// # Order
///
/// Anywhere: inside the layers that answer, outside the service with the other body.
///
/// # Security
///
/// A body keeps its errors and its length. A body limit works the same outside of this layer and
/// inside.
pub const fn with_body_adapter() -> Placed<BodyAdapter> {
    placed(BodyAdapter(()))
}

/// The layer of [`with_body_adapter`].
#[derive(Clone, Copy, Debug)]
pub struct BodyAdapter(());

impl Place for BodyAdapter {
    type Stage = stage::Any;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "with_body_adapter"
    }

    fn describe(&self) -> Description {
        Description::new(self.name())
    }
}

impl<S> Layer<S> for BodyAdapter {
    type Service = BodyAdapterService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyAdapterService { inner }
    }
}

/// A service whose bodies are [`Body`] inside, made by [`with_body_adapter`].
#[derive(Clone, Copy, Debug)]
pub struct BodyAdapterService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for BodyAdapterService<S>
where
    S: Service<Request<Body>, Response = Response<R>>,
    B: http_body::Body<Error: Into<BoxError>> + Send + 'static,
    R: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BodyAdapterFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        BodyAdapterFuture::new(self.inner.call(request.map(Body::stream)))
    }
}

pin_project! {
    /// The response future of a service whose response body becomes [`Body`].
    ///
    /// It is not the future of a middleware: that leaves the type of the body unchanged.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct BodyAdapterFuture<F> {
        #[pin]
        call: F,
    }
}

impl<F> BodyAdapterFuture<F> {
    pub(crate) const fn new(call: F) -> Self {
        Self { call }
    }
}

impl<F, R, E> Future for BodyAdapterFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().call.poll(cx))?;
        log_passing(&mut response);
        Poll::Ready(Ok(response.map(Body::stream)))
    }
}
