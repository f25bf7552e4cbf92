//! Turns the response body of a layer into [`Body`], with which layers further out can answer.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    contract::{Description, Place},
    layers::body_adapter::BodyAdapterFuture,
    wire::{Body, BoxError},
};

/// A layer whose response body becomes [`Body`].
#[derive(Clone, Copy, Debug)]
pub struct AnswersBody<L>(L);

impl<L> AnswersBody<L> {
    pub(super) const fn new(layer: L) -> Self {
        Self(layer)
    }
}

impl<L: Place> Place for AnswersBody<L> {
    type Stage = L::Stage;
    type Provides = L::Provides;
    type Needs = L::Needs;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> Description {
        self.0.describe()
    }
}

impl<L: Layer<S>, S> Layer<S> for AnswersBody<L> {
    type Service = AnswersBodyService<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        AnswersBodyService {
            inner: self.0.layer(inner),
        }
    }
}

/// A service whose response body becomes [`Body`].
#[derive(Clone, Copy, Debug)]
pub struct AnswersBodyService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for AnswersBodyService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BodyAdapterFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        BodyAdapterFuture::new(self.inner.call(request))
    }
}
