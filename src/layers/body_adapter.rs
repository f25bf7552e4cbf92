//! Turns the bodies of other crates into [`Body`], on the way in and on the way out.
//!
//! 1. A request body of any type goes further in as [`Body`].
//! 2. A response body of any type goes further out as [`Body`].
//! 3. No request is refused, and no body is read.
//!
//! It is needed where a body can't be made from bytes, so that a layer further out can't answer in
//! the handler's place: hyper's `Incoming`, boxed bodies, the bodies of compression layers.
//! axum's body, [`Body`] itself and `Full<Bytes>` need nothing.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full, combinators::BoxBody};
//! use tower::{ServiceExt, service_fn};
//! use wythe::{Body, compose, with_body_adapter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let boxed = service_fn(async |request: Request<Body>| {
//!     let body: BoxBody<Bytes, Infallible> = Full::from("hello").boxed();
//!     Ok::<_, Infallible>(Response::new(body))
//! });
//! let service = compose((with_body_adapter(),)).service(boxed);
//!
//! let request = Request::new(Full::<Bytes>::default());
//! let response: Response<Body> = service.oneshot(request).await.unwrap();
//! let body = response.into_body().collect().await.unwrap();
//! assert_eq!(body.to_bytes(), "hello");
//! # }
//! ```
//!
//! # Responses
//!
//! None of its own.
//!
//! # Order
//!
//! Anywhere: inside the layers that answer, outside whatever has the other body.
//!
//! # Security
//!
//! A body keeps its errors and its length as they were. A limit on bodies counts the same outside
//! of this layer and inside.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    contract::{Description, Place, Placed, placed, stage},
    wire::{Body, BoxError},
};

/// Turns every request and response body into [`Body`].
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

    fn describe(&self) -> Description {
        Description::new("with_body_adapter")
    }
}

impl<S> Layer<S> for BodyAdapter {
    type Service = OneBodied<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OneBodied { inner }
    }
}

/// A service whose bodies are [`Body`] inside, made by [`with_body_adapter`].
#[derive(Clone, Copy, Debug)]
pub struct OneBodied<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for OneBodied<S>
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
        let response = ready!(self.project().call.poll(cx))?;
        Poll::Ready(Ok(response.map(Body::stream)))
    }
}
