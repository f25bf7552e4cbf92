//! The service, its future and its body. A request is measured when the last of them is dropped.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    handles::{KnownMethod, RouteHandles},
    policy::Metrics,
};
use crate::{
    contract::{ReplyBody, log_passing},
    request::{RequestHead, RouteSlot},
};

/// A service whose requests are measured.
///
/// It is not a [`Middleware`](crate::Middleware), because it sees the end of the response body.
#[derive(Clone)]
pub struct Measured<S> {
    pub(super) metrics: Metrics,
    /// The route of the first request. Around a route, it is that of every request.
    pub(super) first_route: Arc<OnceLock<Arc<RouteHandles>>>,
    pub(super) inner: S,
}

impl<S, B, R> Service<Request<B>> for Measured<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: ReplyBody,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = MeasuredFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let route = RequestHead::from(&request).known_route();
        let route = match route.map(|route| self.handles(route)) {
            Some(handles) => MeasuredRoute::Known(handles),
            None => {
                let slot = RouteSlot::of(request.extensions()).cloned();
                MeasuredRoute::Later(slot.unwrap_or_default())
            }
        };
        if let MeasuredRoute::Later(slot) = &route {
            request.extensions_mut().insert(slot.clone());
        }
        let measurement = Measurement::new(&self.metrics, &request, route);
        MeasuredFuture {
            head_only: request.method() == Method::HEAD,
            call: Some(self.inner.call(request)),
            measurement: Some(measurement),
        }
    }
}

impl<S> Measured<S> {
    fn handles(&self, route: &str) -> Arc<RouteHandles> {
        let registry = &self.metrics.registry;
        let first_route = self.first_route.get_or_init(|| registry.route(Some(route)));
        if first_route.is_of(route) {
            Arc::clone(first_route)
        } else {
            registry.route(Some(route))
        }
    }
}

/// A request that is not measured yet: it is measured when this is dropped.
struct Measurement {
    metrics: Metrics,
    start: Duration,
    method: KnownMethod,
    route: MeasuredRoute,
    status: Option<StatusCode>,
    received: Option<u64>,
    sent: u64,
}

enum MeasuredRoute {
    Known(Arc<RouteHandles>),
    /// A router further in finds it.
    Later(RouteSlot),
}

impl Measurement {
    fn new<B>(metrics: &Metrics, request: &Request<B>, route: MeasuredRoute) -> Self {
        let method = KnownMethod::from(request.method());
        if let Some(active) = metrics.registry.active(method) {
            active.increment(1.0);
        }
        Self {
            start: metrics.clock.monotonic(),
            metrics: metrics.clone(),
            method,
            route,
            status: None,
            received: length(request.headers()),
            sent: 0,
        }
    }
}

/// `Content-Length`, as a number.
fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// A request that is dropped at any time is measured as well.
impl Drop for Measurement {
    fn drop(&mut self) {
        let Metrics { registry, clock } = &self.metrics;
        if let Some(active) = registry.active(self.method) {
            active.decrement(1.0);
        }
        let found;
        let route = match &self.route {
            MeasuredRoute::Known(handles) => handles,
            MeasuredRoute::Later(slot) => {
                found = registry.route(slot.get());
                &found
            }
        };
        let Some(handles) = route.of(self.method, self.status) else {
            return;
        };
        let elapsed = clock.monotonic().saturating_sub(self.start);
        handles.duration.record(elapsed.as_secs_f64());
        // The body of a request that is answered with an error may be announced, but not received.
        let is_error = |status: StatusCode| status.is_client_error() || status.is_server_error();
        if let Some(received) = self.received
            && !self.status.is_none_or(is_error)
        {
            handles.request_size.record(number(received));
        }
        if self.status.is_some() {
            handles.response_size.record(number(self.sent));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "sizes of bodies above 2^53 are not exact"
)]
const fn number(size: u64) -> f64 {
    size as f64
}

pin_project! {
    /// The response future of [`Measured`].
    #[must_use = "futures do nothing unless polled"]
    pub struct MeasuredFuture<F> {
        #[pin]
        call: Option<F>,
        measurement: Option<Measurement>,
        head_only: bool,
    }
}

impl<F, R, E> Future for MeasuredFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: ReplyBody,
{
    type Output = Result<Response<MeasuredBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(call) = this.call.as_mut().as_pin_mut() else {
            // Polled again after it was ready, which the contract of `Future` leaves open: to stay
            // pending is harmless.
            return Poll::Pending;
        };
        let mut polled = ready!(call.poll(cx));
        this.call.set(None);
        let mut measurement = this.measurement.take();
        if let Ok(response) = &mut polled {
            log_passing(response);
            let status = response.status();
            // RFC 9110, section 6.4.1.
            let is_empty = *this.head_only
                || status.is_informational()
                || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
                || response.body().is_end_stream();
            if let Some(measurement) = &mut measurement {
                measurement.status = Some(status);
            }
            if is_empty {
                measurement = None;
            }
        }
        Poll::Ready(polled.map(|response| response.map(|body| MeasuredBody { body, measurement })))
    }
}

pin_project! {
    /// The body of a response, whose bytes are counted.
    ///
    /// It is the handler's body in all other respects. A layer further out makes one `From<Bytes>` for an
    /// answer of its own, which is not measured.
    pub struct MeasuredBody<R> {
        #[pin]
        body: R,
        measurement: Option<Measurement>,
    }
}

impl<R: Body> Body for MeasuredBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if let Some(measurement) = this.measurement {
            if let Some(Ok(frame)) = &frame {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                measurement.sent = measurement.sent.saturating_add(bytes);
            }
            // A server that knows the length does not ask again after the last frame.
            if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
                *this.measurement = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<R> MeasuredBody<R> {
    const fn unmeasured(body: R) -> Self {
        Self {
            body,
            measurement: None,
        }
    }
}

impl<R: Default> Default for MeasuredBody<R> {
    fn default() -> Self {
        Self::unmeasured(R::default())
    }
}

impl<R: From<Bytes>> From<Bytes> for MeasuredBody<R> {
    fn from(bytes: Bytes) -> Self {
        Self::unmeasured(R::from(bytes))
    }
}

impl<S: fmt::Debug> fmt::Debug for Measured<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for MeasuredFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredFuture").finish_non_exhaustive()
    }
}

/// Without the bytes: a body may hold a password.
impl<R> fmt::Debug for MeasuredBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredBody").finish_non_exhaustive()
    }
}
