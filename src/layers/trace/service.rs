//! The service, its future and its body: all of them run in the span, and the line of the access log is
//! written when the last of them ends.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::field::display;

use super::{
    access::{AccessRecord, End},
    policy::Trace,
    span,
};
use crate::{
    contract::{ReplyBody, log_passing},
    request::{RequestHead, RequestSpan, peer_addr},
};

/// A service whose requests run in spans.
///
/// It is not a [`Middleware`](crate::Middleware), because it enters the span in each poll, and sees the end
/// of the response body.
#[derive(Clone)]
pub struct Traced<S> {
    trace: Trace,
    inner: S,
}

impl<S> Traced<S> {
    pub(super) const fn new(trace: Trace, inner: S) -> Self {
        Self { trace, inner }
    }
}

impl<S, B, R> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<TracedBody<R>>;
    type Error = S::Error;
    type Future = TracedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let options = &*self.trace.0;
        let mut context = options.context(request.headers(), request.extensions());
        let span = span::open(options, &request, &context);
        if span.is_disabled() {
            request.extensions_mut().insert(context);
            return TracedFuture {
                call: Some(self.inner.call(request)),
                access: None,
                head_only: false,
            };
        }
        let exported = options.exporter.as_ref();
        if let Some(own) = exported.and_then(|exporter| exporter(&span, &context)) {
            context = context.with_ids(own);
        }
        span.record("trace_id", display(context.trace_id()));
        span.record("span_id", display(context.span_id()));
        let has_route = RequestHead::from(&request).known_route().is_some();
        let span = RequestSpan::new(span, has_route);
        let peer = peer_addr(request.extensions()).map(|peer| peer.ip());
        let head_only = request.method() == Method::HEAD;
        let mut access = AccessRecord::new(span.clone(), peer, options.clock.clone());
        request.extensions_mut().insert(context);
        request.extensions_mut().insert(span);
        let call = access.run(|| self.inner.call(request));
        TracedFuture {
            call: Some(call),
            access: Some(access),
            head_only,
        }
    }
}

pin_project! {
    /// The response future of [`Traced`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TracedFuture<F> {
        #[pin]
        call: Option<F>,
        access: Option<AccessRecord>,
        head_only: bool,
    }

    impl<F> PinnedDrop for TracedFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            // What the handler logs when it is dropped is in the span, too.
            let mut this = this.project();
            in_span(this.access.as_ref(), || this.call.set(None));
        }
    }
}

impl<F, R, E> Future for TracedFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<TracedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = run(this.access, || {
            let Some(call) = this.call.as_mut().as_pin_mut() else {
                // Polled again after it was ready, which the contract of `Future` leaves open: to stay
                // pending is harmless.
                return Poll::Pending;
            };
            let mut polled = ready!(call.poll(cx));
            this.call.set(None);
            if let Ok(response) = &mut polled {
                log_passing(response);
            }
            Poll::Ready(polled)
        });
        let polled = ready!(polled);
        let access = this.access.take();
        match polled {
            Ok(response) => {
                let access = access.and_then(|access| access.answered(&response, *this.head_only));
                Poll::Ready(Ok(response.map(|body| TracedBody {
                    body: Some(body),
                    access,
                })))
            }
            Err(error) => {
                if let Some(access) = access {
                    access.end(End::Failed("service_error"));
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

pin_project! {
    /// The body of a response, which is produced in the span of its request.
    ///
    /// It is the handler's body in all other respects. A layer further out makes one `From<Bytes>` for an
    /// answer of its own, which has no span.
    pub struct TracedBody<R> {
        #[pin]
        body: Option<R>,
        access: Option<AccessRecord>,
    }

    impl<R> PinnedDrop for TracedBody<R> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            in_span(this.access.as_ref(), || this.body.set(None));
        }
    }
}

impl<R: Body> Body for TracedBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(run(this.access, || body.as_mut().poll_frame(cx)));
        if let Some(access) = this.access {
            let end = match &frame {
                None => Some(End::Complete),
                Some(Err(_)) => Some(End::Failed("response_body")),
                Some(Ok(frame)) => {
                    access.sent(frame.data_ref().map_or(0, Buf::remaining));
                    // A server that knows the length does not ask again after the last frame.
                    body.is_end_stream().then_some(End::Complete)
                }
            };
            if let (Some(end), Some(access)) = (end, this.access.take_if(|_| end.is_some())) {
                access.end(end);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<R> TracedBody<R> {
    const fn untraced(body: R) -> Self {
        Self {
            body: Some(body),
            access: None,
        }
    }
}

impl<R: Default> Default for TracedBody<R> {
    fn default() -> Self {
        Self::untraced(R::default())
    }
}

impl<R: From<Bytes>> From<Bytes> for TracedBody<R> {
    fn from(bytes: Bytes) -> Self {
        Self::untraced(R::from(bytes))
    }
}

/// Polls a part of the request in its span.
fn run<T>(access: &mut Option<AccessRecord>, work: impl FnOnce() -> T) -> T {
    match access {
        Some(access) => access.run(work),
        None => work(),
    }
}

/// Drops a part of the request in its span.
fn in_span<T>(access: Option<&AccessRecord>, work: impl FnOnce() -> T) -> T {
    match access {
        Some(access) => access.span().in_scope(work),
        None => work(),
    }
}

impl<S: fmt::Debug> fmt::Debug for Traced<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("trace", &self.trace)
            .field("inner", &self.inner)
            .finish()
    }
}

impl<F> fmt::Debug for TracedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedFuture").finish_non_exhaustive()
    }
}

/// Without the bytes: a body may hold a password.
impl<R> fmt::Debug for TracedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedBody").finish_non_exhaustive()
    }
}
