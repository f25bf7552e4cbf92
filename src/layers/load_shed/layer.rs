//! Refuses requests instead of waiting: [`with_load_shed`], its layer, service and future.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    contract::{
        Description, Place, Placed, ReplyBody, description::Answer, finish, log_passing, placed,
        stage,
    },
    wire::Problem,
};

/// The name of the layer.
const NAME: &str = "with_load_shed";

/// Answers 503 immediately when the inner service is not ready; see [`load_shed`](crate::load_shed).
pub fn with_load_shed() -> Placed<LoadShed> {
    placed(LoadShed::new(Duration::from_secs(1)))
}

/// The layer of [`with_load_shed`].
#[derive(Clone)]
#[must_use]
pub struct LoadShed {
    refusal: Problem,
}

impl LoadShed {
    fn new(retry_after: Duration) -> Self {
        Self {
            refusal: Problem::reduced_capacity()
                .reason("overload")
                .retry_after(retry_after),
        }
    }
}

impl Placed<LoadShed> {
    /// The time in `Retry-After`: in whole seconds, rounded up, and at least one. By default one
    /// second.
    pub fn retry_after(self, time: Duration) -> Self {
        placed(LoadShed::new(time))
    }
}

impl Place for LoadShed {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let refusal = Answer::of(&self.refusal).when("when the service inside is not ready");
        Description::new(self.name()).answer(refusal)
    }
}

impl<S> Layer<S> for LoadShed {
    type Service = Shedding<S>;

    fn layer(&self, inner: S) -> Shedding<S> {
        Shedding {
            shed: self.clone(),
            inner,
            ready: false,
        }
    }
}

/// A service that refuses instead of waiting.
///
/// It is not a [`Middleware`](crate::Middleware), because it replaces the inner service's
/// `poll_ready`.
pub struct Shedding<S> {
    shed: LoadShed,
    inner: S,
    /// Whether the inner service was ready when it was last polled, and has not been called since.
    ready: bool,
}

impl<S, B, R> Service<Request<B>> for Shedding<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SheddingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self.inner.poll_ready(cx) {
            Poll::Ready(result) => {
                self.ready = result.is_ok();
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.ready = false;
                // This call may have queued the service for a permit, which it would hold until it is
                // called. A clone is not in the queue.
                self.inner = self.inner.clone();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if mem::take(&mut self.ready) {
            let call = self.inner.call(request);
            return SheddingFuture {
                state: SheddingState::Calling { call },
            };
        }
        let refusal = self.shed.refusal.clone().into();
        let refusal = finish(NAME, refusal, request.method() == Method::HEAD);
        SheddingFuture {
            state: SheddingState::Refusing {
                refusal: Some(refusal),
            },
        }
    }
}

pin_project! {
    /// The response future of [`Shedding`].
    #[must_use = "futures do nothing unless polled"]
    pub struct SheddingFuture<F> {
        #[pin]
        state: SheddingState<F>,
    }
}

pin_project! {
    #[project = SheddingStateProjection]
    enum SheddingState<F> {
        Calling {
            #[pin]
            call: F,
        },
        Refusing {
            refusal: Option<Response<Bytes>>,
        },
    }
}

impl<F, R, E> Future for SheddingFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            SheddingStateProjection::Calling { call } => {
                let mut response = ready!(call.poll(cx))?;
                log_passing(&mut response);
                Poll::Ready(Ok(response))
            }
            SheddingStateProjection::Refusing { refusal } => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(refusal.map(R::from))),
                // Polled again after completion, for which `Future` specifies no behavior: staying
                // pending is harmless.
                None => Poll::Pending,
            },
        }
    }
}

impl<S: Clone> Clone for Shedding<S> {
    /// A clone of a service that is ready may not be ready.
    fn clone(&self) -> Self {
        Self {
            shed: self.shed.clone(),
            inner: self.inner.clone(),
            ready: false,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Shedding<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shedding")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoadShed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadShed").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for SheddingFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SheddingFuture").finish_non_exhaustive()
    }
}
