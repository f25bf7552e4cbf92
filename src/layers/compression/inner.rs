//! The service inside the encoder: it notes what the response was before.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::policy::is_compressible;

/// In the extensions of a response: what it was before the encoder saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) status: StatusCode,
    /// It has a content coding of its own.
    pub(super) is_coded: bool,
    pub(super) is_compressible: bool,
}

/// A service whose responses say what they were.
#[derive(Clone, Debug)]
pub struct Inside<S>(S);

impl<S> Inside<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S, B, R> Service<Request<B>> for Inside<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = InsideFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        InsideFuture {
            call: self.0.call(request),
        }
    }
}

pin_project! {
    /// The response future of [`Inside`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InsideFuture<F> {
        #[pin]
        call: F,
    }
}

impl<F, R, E> Future for InsideFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().call.poll(cx))?;
        let before = Before {
            status: response.status(),
            is_coded: response.headers().contains_key(header::CONTENT_ENCODING),
            is_compressible: is_compressible(&response),
        };
        response.extensions_mut().insert(before);
        Poll::Ready(Ok(response))
    }
}
