//! The span of a request, for inner layers that learn more about the request.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Extensions, Method};
use tracing::{Span, field::display};

use super::{RequestId, known_method};

/// The span that `with_trace` has opened, in the extensions of the request.
///
/// A subscriber may keep every value of a field, so each is recorded once.
#[derive(Clone)]
pub(crate) struct RequestSpan(Arc<Opened>);

struct Opened {
    span: Span,
    has_client: AtomicBool,
    has_route: AtomicBool,
}

impl RequestSpan {
    pub(crate) fn new(span: Span, has_route: bool) -> Self {
        Self(Arc::new(Opened {
            span,
            has_client: AtomicBool::new(false),
            has_route: AtomicBool::new(has_route),
        }))
    }

    /// The span of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn span(&self) -> &Span {
        &self.0.span
    }

    /// Records the address of the client.
    pub(crate) fn record_client(&self, address: IpAddr) {
        if !self.0.has_client.swap(true, Ordering::Relaxed) {
            self.0.span.record("client.address", display(address));
        }
    }

    /// Records the route, and names the span for it.
    pub(crate) fn record_route(&self, method: &Method, route: &str) {
        if !self.0.has_route.swap(true, Ordering::Relaxed) {
            self.0.span.record("http.route", route);
            let name = SpanName(method, Some(route));
            self.0.span.record("otel.name", display(name));
        }
    }

    /// Records the id that a layer further in has given the request.
    pub(crate) fn record_request_id(&self, id: &RequestId) {
        self.0.span.record("request_id", id.as_str());
    }
}

/// The name of a span: `GET /users/{id}`, or `GET` where no route is known. It has few values, whatever
/// clients send.
pub(crate) struct SpanName<'a>(pub(crate) &'a Method, pub(crate) Option<&'a str>);

impl fmt::Display for SpanName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(method, route) = self;
        f.write_str(known_method(method).unwrap_or("HTTP"))?;
        route.map_or(Ok(()), |route| write!(f, " {route}"))
    }
}
