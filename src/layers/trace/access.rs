//! The line of the access log: what became of a request, when its response has ended.

use std::{net::IpAddr, time::Duration};

use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body;
use tracing::Span;

use super::span::TARGET;
use crate::{request::RequestSpan, support::clock::Clock, wire::Problem};

/// A request that has no line in the access log yet. When it is dropped, it gets one.
pub(super) struct AccessRecord {
    span: RequestSpan,
    peer: Option<IpAddr>,
    clock: Clock,
    start: Duration,
    status: Option<StatusCode>,
    /// The reason of a problem with a status of 500 or more.
    reason: Option<&'static str>,
    sent: u64,
    /// The length of the body, if it is known before.
    length: Option<u64>,
    end: Option<End>,
    /// Set while something of the request runs; it stays so after a panic.
    is_running: bool,
}

/// How a response has ended.
#[derive(Clone, Copy)]
pub(super) enum End {
    Complete,
    /// An error of the service or of the body, in one word.
    Failed(&'static str),
}

impl AccessRecord {
    pub(super) fn new(span: RequestSpan, peer: Option<IpAddr>, clock: Clock) -> Self {
        Self {
            span,
            peer,
            start: clock.monotonic(),
            clock,
            status: None,
            reason: None,
            sent: 0,
            length: None,
            end: None,
            is_running: false,
        }
    }

    pub(super) fn span(&self) -> &Span {
        self.span.span()
    }

    /// Runs a part of the request in its span.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.is_running = true;
        let done = self.span.span().in_scope(work);
        self.is_running = false;
        done
    }

    /// Notes the head of the response; `None` if no body follows it.
    pub(super) fn answered<R: Body>(
        mut self,
        response: &Response<R>,
        head_only: bool,
    ) -> Option<Self> {
        let status = response.status();
        self.span()
            .record("http.response.status_code", status.as_u16());
        self.status = Some(status);
        if status.is_server_error() {
            let problem = response.extensions().get::<Problem>();
            self.reason = problem.and_then(Problem::reason_code);
        }
        self.length = length(response.headers()).or_else(|| response.body().size_hint().exact());
        // RFC 9110, section 6.4.1.
        let is_empty = head_only
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || response.body().is_end_stream();
        if is_empty {
            self.end(End::Complete);
            return None;
        }
        Some(self)
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.sent = self.sent.saturating_add(bytes);
    }

    pub(super) fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

/// With microseconds.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// `Content-Length`, as a number.
fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// The line is written here, because a request that is dropped at any time gets one as well.
impl Drop for AccessRecord {
    fn drop(&mut self) {
        if let Some(peer) = self.peer {
            self.span.record_client(peer.to_canonical());
        }
        let failure = self.failure();
        let server_error = self
            .status
            .as_ref()
            .filter(|status| status.is_server_error());
        let of_status = server_error.map(|status| self.reason.unwrap_or_else(|| status.as_str()));
        let error = of_status.or(failure);
        if let Some(error) = error {
            self.span().record("error.type", error);
            // A client that disconnects is not an error of the server.
            if error != DISCONNECTED {
                self.span().record("otel.status_code", "ERROR");
            }
        }
        self.span().in_scope(|| self.write(failure, error));
    }
}

const DISCONNECTED: &str = "client_disconnected";

impl AccessRecord {
    /// Why the response was not sent to its end.
    fn failure(&self) -> Option<&'static str> {
        // A server drops the body when everything of it is sent, and may not ask for its end.
        let is_sent =
            self.status.is_some() && self.length.is_some_and(|length| self.sent >= length);
        match self.end {
            Some(End::Complete) => None,
            Some(End::Failed(what)) => Some(what),
            None if self.is_running => Some("panic"),
            None if is_sent => None,
            None => Some(DISCONNECTED),
        }
    }

    fn write(&self, failure: Option<&str>, error: Option<&str>) {
        let status = self.status.map(|status| status.as_u16());
        let elapsed = self.clock.monotonic().saturating_sub(self.start);
        macro_rules! line {
            ($level:ident $message:literal) => {
                tracing::$level!(
                    target: TARGET,
                    {
                        http.response.status_code = status,
                        http.response.body.size = self.sent,
                        duration_ms = millis(elapsed),
                        "error.type" = error,
                    },
                    $message
                )
            };
        }
        match failure {
            None => line!(info "answered"),
            Some(DISCONNECTED) => line!(info "client disconnected"),
            // Nothing else says that it has failed.
            Some(_) => line!(error "failed"),
        }
    }
}
