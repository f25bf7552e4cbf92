//! Keeps tower-http's compression from compressing refusals: a presentation further out has to read them.
//!
//! Its predicate belongs to the application. But compression skips what has a `Content-Encoding`, so
//! refusals get one just inside the layer, and lose it just outside.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    contract::{Description, Place},
    wire::Problem,
};

/// A compression layer that does not compress refusals.
#[derive(Clone, Copy, Debug)]
pub struct PlainRefusals<L>(L);

impl<L> PlainRefusals<L> {
    pub(super) const fn new(layer: L) -> Self {
        Self(layer)
    }
}

impl<L: Place> Place for PlainRefusals<L> {
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

impl<L: Layer<Marking<S>>, S> Layer<S> for PlainRefusals<L> {
    type Service = PlainRefusalsService<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        PlainRefusalsService(self.0.layer(Marking(inner)))
    }
}

/// In the extensions of a response: its `Content-Encoding` is only a mark.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Coded;

/// The service inside: it marks refusals.
#[derive(Clone, Copy, Debug)]
pub struct Marking<S>(S);

/// The service outside: it removes the marks.
#[derive(Clone, Copy, Debug)]
pub struct PlainRefusalsService<S>(S);

macro_rules! services {
    ($($name:ident $change:ident)*) => {$(
        impl<S, B, R> Service<Request<B>> for $name<S>
        where
            S: Service<Request<B>, Response = Response<R>>,
        {
            type Response = Response<R>;
            type Error = S::Error;
            type Future = MarkingFuture<S::Future, R>;

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
                self.0.poll_ready(cx)
            }

            fn call(&mut self, request: Request<B>) -> Self::Future {
                MarkingFuture {
                    call: self.0.call(request),
                    change: $change,
                }
            }
        }
    )*};
}
services!(Marking mark PlainRefusalsService unmark);

pin_project! {
    /// The response future of both services.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MarkingFuture<F, R> {
        #[pin]
        call: F,
        change: fn(&mut Response<R>),
    }
}

impl<F, R, E> Future for MarkingFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.call.poll(cx))?;
        (this.change)(&mut response);
        Poll::Ready(Ok(response))
    }
}

fn mark<R>(response: &mut Response<R>) {
    if Problem::is_presentable(response)
        && !response.headers().contains_key(header::CONTENT_ENCODING)
    {
        let identity = HeaderValue::from_static("identity");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, identity);
        response.extensions_mut().insert(Coded);
    }
}

fn unmark<R>(response: &mut Response<R>) {
    if response.extensions_mut().remove::<Coded>().is_some() {
        response.headers_mut().remove(header::CONTENT_ENCODING);
    }
}
