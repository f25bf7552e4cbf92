//! Puts a stack around a plain async function, without a framework.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Covers, Stack};
use crate::{
    contract::{Provided, ReplyBody, log_passing},
    wire::Problem,
};

pub(crate) type BoxedResponse<R> = Pin<Box<dyn Future<Output = Response<R>> + Send>>;

impl<L> Stack<L> {
    /// Puts the stack around an async function, as a service for hyper or tower.
    ///
    /// The function takes values that the stack provides, in any order, and then the request. It
    /// returns a `Response<R>` or a `Result<Response<R>, Problem>`. The compiler checks that the
    /// stack provides its arguments; `I` is inferred.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use wythe::{CacheControl, compose, with_cache_control};
    ///
    /// async fn hello(_: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    ///     Response::new(Full::from("hello"))
    /// }
    ///
    /// let service = compose(with_cache_control(CacheControl::no_store())).service_fn(hello);
    /// ```
    pub fn service_fn<F, B, R, A, I>(&self, function: F) -> L::Service
    where
        F: Function<B, A, Future: Future<Output: Reply<R>> + Send>,
        L: Covers<A, I> + Layer<ErasedHandler<B, R>>,
        R: ReplyBody + 'static,
    {
        self.service(ErasedHandler::new(move |request| {
            match function.call(request) {
                Ok(answer) => Box::pin(async move { answer.await.into_reply() }),
                Err(problem) => Box::pin(async move { problem.into_response().map(R::from) }),
            }
        }))
    }
}

/// What a handler function may return: a response, or a result with one.
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "neither a response nor a `Result` with one",
    note = "return `Response<R>`, or `Result<Response<R>, E>` where `Problem: From<E>` and \
            `R: From<Bytes>`, which holds for `Full<Bytes>`"
)]
pub trait Reply<R> {
    /// The response.
    fn into_reply(self) -> Response<R>;
}

impl<R> Reply<R> for Response<R> {
    fn into_reply(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<R, E> Reply<R> for Result<Response<R>, E>
where
    R: From<Bytes>,
    E: Into<Problem>,
{
    fn into_reply(self) -> Response<R> {
        self.unwrap_or_else(|error| error.into().into_response().map(R::from))
    }
}

/// An async function of up to 12 provided values and a `Request<B>`; `A` are its arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler for `service_fn`",
    label = "not an async function of provided values and a `Request<_>`",
    note = "write `async fn(Auth<Claims>, .., Request<B>) -> Response<R>`, or return a \
            `Result<Response<R>, Problem>`; the request comes last"
)]
pub trait Function<B, A>: Send + Sync + 'static {
    /// The future that the function returns.
    type Future: 'static;

    /// Calls the function with the request and the values in its extensions.
    ///
    /// # Errors
    ///
    /// A value is not in the extensions.
    fn call(&self, request: Request<B>) -> Result<Self::Future, Problem>;
}

macro_rules! functions {
    ($($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, Fut, B, $($argument),*> Function<B, (Request<B>, $($argument,)*)> for F
        where
            F: Fn($($argument,)* Request<B>) -> Fut + Send + Sync + 'static,
            Fut: 'static,
            $($argument: Provided,)*
        {
            type Future = Fut;

            #[allow(
                non_snake_case,
                clippy::allow_attributes,
                reason = "a variable for each type parameter, if there are any"
            )]
            fn call(&self, request: Request<B>) -> Result<Fut, Problem> {
                #[allow(unused_mut, clippy::allow_attributes, reason = "not without arguments")]
                let mut request = request;
                $(
                    let $argument = $argument::from_extensions(request.extensions_mut())
                        .ok_or_else(Problem::not_provided::<$argument>)?;
                )*
                Ok(self($($argument,)* request))
            }
        }
    };
}
functions!();
functions!(P1);
functions!(P1 P2);
functions!(P1 P2 P3);
functions!(P1 P2 P3 P4);
functions!(P1 P2 P3 P4 P5);
functions!(P1 P2 P3 P4 P5 P6);
functions!(P1 P2 P3 P4 P5 P6 P7);
functions!(P1 P2 P3 P4 P5 P6 P7 P8);
functions!(P1 P2 P3 P4 P5 P6 P7 P8 P9);
functions!(P1 P2 P3 P4 P5 P6 P7 P8 P9 P10);
functions!(P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11);
functions!(P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11 P12);

/// A handler whose type is erased: the innermost service of a stack, and a handler of an
/// [`endpoint`](crate::endpoint()).
pub struct ErasedHandler<B, R>(Arc<dyn Fn(Request<B>) -> BoxedResponse<R> + Send + Sync>);

impl<B, R> ErasedHandler<B, R> {
    pub(crate) fn new<F>(handler: F) -> Self
    where
        F: Fn(Request<B>) -> BoxedResponse<R> + Send + Sync + 'static,
    {
        Self(Arc::new(handler))
    }

    /// Calls the handler. What it answers is not logged here.
    pub(crate) fn respond(&self, request: Request<B>) -> BoxedResponse<R> {
        (self.0)(request)
    }
}

impl<B, R> Clone for ErasedHandler<B, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B, R> fmt::Debug for ErasedHandler<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedHandler").finish_non_exhaustive()
    }
}

impl<B, R> Service<Request<B>> for ErasedHandler<B, R> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = HandlerFuture<R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> HandlerFuture<R> {
        HandlerFuture(self.respond(request))
    }
}

/// The response future of an [`ErasedHandler`]. It logs the handler's own errors.
#[must_use = "futures do nothing unless polled"]
pub struct HandlerFuture<R>(BoxedResponse<R>);

impl<R> Future for HandlerFuture<R> {
    type Output = Result<Response<R>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.0.as_mut().poll(cx));
        log_passing(&mut response);
        Poll::Ready(Ok(response))
    }
}

impl<R> fmt::Debug for HandlerFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerFuture").finish_non_exhaustive()
    }
}
