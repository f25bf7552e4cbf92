//! Drives an endpoint: the service, and its future.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use tower_service::Service;

use super::Endpoint;
use crate::{
    contract::{ReplyBody, log_refusal},
    wire::head_method,
};

impl<B, R, M> Service<Request<B>> for Endpoint<B, R, M>
where
    R: ReplyBody,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = EndpointFuture<R>;

    /// Always ready: a handler that is a service is made ready for each request, after the
    /// method has chosen it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> EndpointFuture<R> {
        let method = request.method();
        let is_head = *method == Method::HEAD;
        let get = is_head.then_some(&Method::GET);
        let inner = &self.inner;
        let handler = inner.find(method).or_else(|| inner.find(get?));
        let state = if let Some(handler) = handler {
            State::Calling {
                call: handler.call(request),
                is_head,
            }
        } else {
            let reply = inner.methods.answer(method);
            log_refusal("endpoint", &reply);
            State::Replying { reply: Some(reply) }
        };
        EndpointFuture { state }
    }
}

/// The response future of [`Endpoint`].
#[must_use = "futures do nothing unless polled"]
pub struct EndpointFuture<R> {
    state: State<R>,
}

enum State<R> {
    Calling {
        call: Pin<Box<dyn Future<Output = Response<R>> + Send>>,
        is_head: bool,
    },
    Replying {
        reply: Option<Response<Bytes>>,
    },
}

impl<R> Future for EndpointFuture<R>
where
    R: ReplyBody,
{
    type Output = Result<Response<R>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Calling { call, is_head } => {
                let mut response = ready!(call.as_mut().poll(cx));
                if *is_head {
                    head_method::strip(&mut response);
                }
                Poll::Ready(Ok(response))
            }
            // Polled again after it was ready: the contract of `Future` leaves this open.
            State::Replying { reply } => reply
                .take()
                .map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply.map(R::from)))),
        }
    }
}

impl<R> fmt::Debug for EndpointFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFuture").finish_non_exhaustive()
    }
}
