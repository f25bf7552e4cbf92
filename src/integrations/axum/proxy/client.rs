//! Forwards a request, and gives back the response: [`Proxy`].

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::FromRequest,
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header, request::Parts,
};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout_at};

use super::{
    NAME,
    body::{ReceivedBody, SentBody, Upload},
    fields::{self, Sender},
    tunnel,
    upstream::Upstream,
};
use crate::{
    contract::{Description, finish},
    integrations::axum::arguments::HandlerFunction,
    layers::timeout::policy::Deadline,
    request::{ClientIp, RequestId, peer_addr},
    support::https::{self, Roots},
    wire::{BoxError, ConfigError, Problem},
};

/// The largest head of a response, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Idle connections that are kept.
const MAX_IDLE_CONNECTIONS: usize = 32;

const MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler that forwards requests to this upstream; see [`proxy`](mod@crate::proxy).
///
/// # Errors
///
/// If the certificate authorities of an `https` upstream can't be loaded, or if
/// [`forward`](Upstream::forward) lists a field that [`forwarded`](Upstream::forwarded) writes.
pub fn proxy(upstream: Upstream) -> Result<Proxy, ConfigError> {
    upstream.check_forwarded()?;
    let roots = match &upstream.roots {
        _ if upstream.is_plain() => Roots::Nobody,
        Some(pem) => Roots::Pem(pem),
        None => Roots::System,
    };
    let connector = https::connector("Upstream", roots, upstream.connect_timeout)?;
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(std::time::Duration::from_secs(30))
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .http1_max_buf_size(MAX_HEAD)
        .build(connector);
    let host = upstream.host()?;
    Ok(Proxy(Arc::new(Forwarder {
        upstream,
        host,
        client,
    })))
}

/// A handler that forwards requests: made by [`proxy`](crate::proxy()).
///
/// Clones share the connections.
#[derive(Clone)]
#[must_use]
pub struct Proxy(Arc<Forwarder>);

struct Forwarder {
    upstream: Upstream,
    host: HeaderValue,
    client: Client<HttpsConnector<HttpConnector>, SentBody>,
}

impl Proxy {
    /// Forwards a request and gives back the response, or a problem: for a handler that does more than
    /// that, or that makes the request itself.
    ///
    /// From the extensions of the request, it reads what layers leave there: the parameters of the
    /// path, the [`Deadline`], the [`RequestId`], the addresses.
    ///
    /// # Example: a call of a handler's own
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::{Request, Response};
    /// use wythe::{Deadline, proxy::Proxy};
    ///
    /// async fn prices(prices: &Proxy, deadline: Deadline) -> Response<Body> {
    ///     let mut request = Request::new(Body::empty());
    ///     request.extensions_mut().insert(deadline);
    ///     prices.forward(request).await
    /// }
    /// ```
    pub async fn forward(&self, request: Request<Body>) -> Response {
        let head_only = request.method() == Method::HEAD;
        match self.0.forward(request).await {
            Ok(response) => response,
            Err(problem) => finish(NAME, problem.into_response(), head_only).map(Body::from),
        }
    }
}

impl Forwarder {
    async fn forward(&self, request: Request<Body>) -> Result<Response, Problem> {
        let upstream = &self.upstream;
        let is_https = match &upstream.transport {
            Some(transport) => Some(
                transport
                    .is_secure(&request)
                    .map_err(Problem::misconfigured)?,
            ),
            None => None,
        };
        let (mut head, body) = request.into_parts();
        // A tunnel is not a request, and an echo would show the key of the upstream (RFC 9110, section
        // 9.3.8).
        if head.method == Method::CONNECT || head.method == Method::TRACE {
            return Err(not_forwarded());
        }
        let uri = upstream.uri_of(&mut head)?;
        let remaining = match max_forwards(&head) {
            Some(0) => return Ok(StatusCode::NO_CONTENT.into_response()),
            remaining => remaining,
        };
        let client = if upstream.websockets && tunnel::is_handshake(&head) {
            head.extensions.remove::<OnUpgrade>()
        } else {
            None
        };
        let deadline = head.extensions.get().map(Deadline::remaining);
        let deadline = deadline.and_then(|left| Instant::now().checked_add(left));
        let head_only = head.method == Method::HEAD;
        let mut head = self.outgoing(head, uri, is_https);
        if client.is_some() {
            tunnel::write_upgrade(&mut head.headers);
        }
        if let Some(remaining) = remaining {
            head.headers
                .insert(MAX_FORWARDS, HeaderValue::from(remaining.saturating_sub(1)));
        }

        let response = self
            .respond(head, body, client.is_some(), deadline)
            .await
            .map_err(CallError::into_problem)?;
        let (mut received, body) = response.into_parts();
        let status = received.status;
        let switches = tunnel::is_upgrade(&received.headers);
        // The length of a body that is not sent; any other body knows its own length.
        let tells_length = head_only || status == StatusCode::NOT_MODIFIED;
        let length = received.headers.get(header::CONTENT_LENGTH).cloned();
        let mut headers = fields::of_response(received.headers, &upstream.response_fields);
        if let Some(length) = length.filter(|_| tells_length) {
            headers.insert(header::CONTENT_LENGTH, length);
        }
        let body = match (status, client, received.extensions.remove::<OnUpgrade>()) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(client), Some(server)) if switches => {
                tunnel::write_upgrade(&mut headers);
                // It outlives the response.
                tokio::spawn(tunnel::run(client, server, upstream.idle));
                Body::empty()
            }
            (StatusCode::SWITCHING_PROTOCOLS, ..) => {
                return Err(failed(
                    "the upstream switches to a protocol that was not requested",
                ));
            }
            (StatusCode::PROXY_AUTHENTICATION_REQUIRED, ..) => {
                return Err(failed("the upstream asks for proxy credentials (407)"));
            }
            _ => {
                let max_bytes = upstream.max_response;
                let announced = body.size_hint().lower();
                if !head_only && max_bytes.is_some_and(|max_bytes| announced > max_bytes) {
                    return Err(failed("the response is too large"));
                }
                Body::new(ReceivedBody::new(body, upstream.idle, max_bytes))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The head of the request to the upstream. It gets none of the extensions.
    fn outgoing(&self, head: Parts, uri: Uri, is_https: Option<bool>) -> Parts {
        let upstream = &self.upstream;
        let address = head.extensions.get().map(|ClientIp(address)| *address);
        let address = address.or_else(|| Some(peer_addr(&head.extensions)?.ip().to_canonical()));
        let host = head.uri.authority().and_then(|authority| {
            let authority = authority.as_str();
            // `Host` has no user information (RFC 9110, section 7.2).
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            HeaderValue::from_str(host).ok()
        });
        let host = host.or_else(|| head.headers.get(header::HOST).cloned());
        let via = match head.version {
            Version::HTTP_10 => "1.0 wythe",
            Version::HTTP_2 => "2 wythe",
            Version::HTTP_3 => "3 wythe",
            _ => "1.1 wythe",
        };

        let mut headers =
            fields::of_request(head.headers, &upstream.request_fields, &upstream.written);
        let sender = Sender {
            address,
            host: host.as_ref(),
            is_https,
        };
        upstream.forwarded.write(&mut headers, &sender);
        // A gateway has to announce itself (RFC 9110, section 7.6.3).
        headers.append(header::VIA, HeaderValue::from_static(via));
        if let Some(id) = head.extensions.get::<RequestId>() {
            headers.insert(X_REQUEST_ID, id.to_header_value());
        }
        #[cfg(feature = "trace")]
        if let Some(context) = head.extensions.get::<crate::request::TraceContext>() {
            context.child().write_to(&mut headers);
        }
        let host = host.filter(|_| upstream.keeps_host);
        headers.insert(header::HOST, host.unwrap_or_else(|| self.host.clone()));

        let (mut outgoing, ()) = Request::new(()).into_parts();
        outgoing.method = head.method;
        outgoing.uri = uri;
        outgoing.headers = headers;
        outgoing
    }

    /// The response of the upstream. A request that is safe and has no body is sent a second time if the
    /// connection, which may have been an old one, was closed without a response (RFC 9110, section
    /// 9.2.2). A request that was never sent is retried on another connection by the HTTP client
    /// itself.
    async fn respond(
        &self,
        head: Parts,
        body: Body,
        is_tunnel: bool,
        deadline: Option<Instant>,
    ) -> Result<http::Response<Incoming>, CallError> {
        let upload = Upload::new();
        let is_repeatable = head.method.is_safe() && body.is_end_stream() && !is_tunnel;
        let again = is_repeatable.then(|| head.clone());
        let send = |head, body| {
            let request = Request::from_parts(head, SentBody::new(body, Arc::clone(&upload)));
            self.in_time(request, &upload, deadline)
        };
        match (send(head, body).await, again) {
            (Err(error), Some(head)) if error.is_closed() => send(head, Body::empty()).await,
            (result, _) => result,
        }
    }

    async fn in_time(
        &self,
        request: Request<SentBody>,
        upload: &Upload,
        deadline: Option<Instant>,
    ) -> Result<http::Response<Incoming>, CallError> {
        let mut call = pin!(self.client.request(request));
        loop {
            let now = Instant::now();
            let own = upload
                .since()
                .checked_add(self.upstream.timeout)
                .unwrap_or(now);
            let until = deadline.map_or(own, |deadline| deadline.min(own));
            if until <= now {
                return Err(CallError::Late);
            }
            // As long as the body of the request has not arrived, the wait is for the client; then the
            // time starts again.
            if let Ok(result) = timeout_at(until, &mut call).await {
                return result.map_err(|error| match upload.take_error() {
                    Some(error) => CallError::Body(error),
                    None => CallError::Upstream(error),
                });
            }
        }
    }
}

/// `Max-Forwards` of an `OPTIONS` request (RFC 9110, section 7.6.2); other methods do not have it.
fn max_forwards(head: &Parts) -> Option<u32> {
    let value = head.headers.get(MAX_FORWARDS)?;
    let value = value.to_str().ok()?.parse().ok();
    value.filter(|_| head.method == Method::OPTIONS)
}

/// Why there is no response.
#[derive(Debug)]
enum CallError {
    /// The body of the client's request has failed.
    Body(BoxError),
    Late,
    Upstream(legacy::Error),
}

impl CallError {
    /// Whether the connection was closed without a response.
    fn is_closed(&self) -> bool {
        let Self::Upstream(error) = self else {
            return false;
        };
        causes(error).any(|cause| {
            let closed = cause
                .downcast_ref()
                .is_some_and(hyper::Error::is_incomplete_message);
            let kind = cause.downcast_ref().map(io::Error::kind);
            closed
                || matches!(
                    kind,
                    Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
                )
        })
    }

    fn into_problem(self) -> Problem {
        let error = match self {
            Self::Body(error) => {
                return Problem::new(StatusCode::BAD_REQUEST)
                    .reason("unreadable_body")
                    .detail("The body of the request could not be read.")
                    .because(error);
            }
            Self::Late => return timed_out("the upstream has not answered in time"),
            Self::Upstream(error) => error,
        };
        let mut kinds = causes(&error).filter_map(|cause| cause.downcast_ref());
        if kinds.any(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut) {
            return timed_out(Chain(&error).to_string());
        }
        let cause = Chain(&error).to_string();
        if error.is_connect() {
            return Problem::bad_gateway(cause).reason("upstream_unreachable");
        }
        failed(cause)
    }
}

fn failed(cause: impl Into<BoxError>) -> Problem {
    Problem::bad_gateway(cause).reason("upstream_failed")
}

fn timed_out(cause: impl Into<BoxError>) -> Problem {
    Problem::gateway_timeout(cause).reason("upstream_timeout")
}

fn not_forwarded() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED)
        .reason("method_not_forwarded")
        .detail("Requests with this method are not forwarded.")
        .expected()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

/// An error with its causes, for the log.
pub(super) struct Chain<'a>(pub(super) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cause) in causes(self.0).enumerate() {
            let separator = if index == 0 { "" } else { ": " };
            write!(f, "{separator}{cause}")?;
        }
        Ok(())
    }
}

impl HandlerFunction<(ProxiedRequest,)> for Proxy {
    type Future = Pin<Box<dyn Future<Output = Proxied> + Send>>;

    fn call(self, (ProxiedRequest(request),): (ProxiedRequest,)) -> Self::Future {
        Box::pin(async move { Proxied(self.forward(request).await) })
    }

    fn describe(&self) -> Option<Description> {
        Some(self.0.upstream.describe())
    }
}

/// The argument of a [`Proxy`]: the whole request.
#[derive(Debug)]
pub struct ProxiedRequest(Request<Body>);

impl<S: Sync> FromRequest<S> for ProxiedRequest {
    type Rejection = Infallible;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Infallible> {
        Ok(Self(request))
    }
}

/// What a [`Proxy`] returns: any response.
#[derive(Debug)]
pub struct Proxied(Response);

impl IntoResponse for Proxied {
    fn into_response(self) -> Response {
        self.0
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.0.upstream).finish()
    }
}
