//! Forwards requests to another server, and streams its responses back.
//!
//! 1. The server is fixed when the program starts: no part of a request chooses host, port or scheme.
//!    Redirects are passed on to the client, not followed, and `Location` is not changed.
//! 2. The path is that of the [`Upstream`]'s URL, with the [parameters](Upstream::path) of the route. A
//!    parameter that could lead to another path is answered with 400.
//! 3. [Fields](#fields) of the connection, credentials, and fields in which clients pose as a proxy are
//!    not forwarded.
//! 4. Bodies stream in both directions. Trailers are dropped.
//! 5. The status of the upstream and its body are returned unchanged, including errors; inside
//!    [`with_presentation`](crate::with_presentation), an error in plain text becomes a problem, like
//!    that of any handler. If there is no response, the client gets 502 or 504, and the cause goes to
//!    the log.
//! 6. If the client goes away, the request to the upstream is cancelled.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, extract::Path, routing::get};
//! use http::{Request, StatusCode, header};
//! use tower::ServiceExt;
//! use wythe::{Secret, compose, proxy, proxy::Upstream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The server behind this one.
//! let users: Router = Router::new()
//!     .route("/v1/users/{id}", get(async |Path(id): Path<u32>| format!("user {id}")));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}/v1", listener.local_addr()?);
//! tokio::spawn(async move { axum::serve(listener, users).await });
//!
//! let upstream = Upstream::new(&url)?
//!     .path("/users/{id}")?
//!     .credential(header::AUTHORIZATION, &Secret::new("Bearer key".to_owned()))?
//!     .timeout(Duration::from_secs(5))?;
//! let app: Router =
//!     Router::new().route("/api/{id}", get(compose(()).handler(proxy(upstream)?)));
//! let ask = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
//!
//! let response = ask("/api/7").await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(axum::body::to_bytes(response.into_body(), 100).await?, "user 7");
//!
//! let refused = ask("/api/..%2Fadmin").await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! # Ok(())
//! # }
//! ```
//!
//! # Example: an error of your own
//!
//! The upstream's errors are returned unchanged, with texts that may not be meant for clients. A
//! handler that [forwards](Proxy::forward) requests itself can decide what the client gets instead.
//!
//! ```
//! use axum::{Router, body::Body, extract::State, http::Request, response::{IntoResponse, Response}};
//! use http::StatusCode;
//! use tower::ServiceExt;
//! use wythe::{Problem, proxy, proxy::{Proxy, Upstream}};
//!
//! async fn users(State(users): State<Proxy>, request: Request<Body>) -> Response {
//!     let response = users.forward(request).await;
//!     let status = response.status();
//!     // A 502 or 504 of the proxy itself is a problem already.
//!     let is_own = response.extensions().get::<Problem>().is_some();
//!     if status.is_server_error() && !is_own {
//!         return IntoResponse::into_response(Problem::bad_gateway(format!("users: {status}")));
//!     }
//!     response
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The server behind this one says too much.
//! let server = Router::new().fallback(async || (StatusCode::INTERNAL_SERVER_ERROR, "db7: no space"));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let upstream = Upstream::new(&format!("http://{}", listener.local_addr()?))?;
//! tokio::spawn(async move { axum::serve(listener, server).await });
//!
//! let app = Router::new().fallback(users).with_state(proxy(upstream)?);
//! let response = app.oneshot(Request::get("/").body(Body::empty())?).await?;
//! assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
//! let body = axum::body::to_bytes(response.into_body(), 1000).await?;
//! assert!(!body.windows(3).any(|text| text == b"db7"));
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | the upstream's | it answers | |
//! | 400 | a parameter of the path could lead to another path; the body of the request could not be read | `about:blank` |
//! | 501 | the method is `CONNECT` or `TRACE` | `about:blank` |
//! | 502 | the upstream can't be reached, closes the connection without a response, sends one that is not valid or [too large](Upstream::max_response), asks for proxy credentials (407), or switches protocols without being asked | `about:blank` |
//! | 504 | it can't be reached or does not answer in [time](Upstream::timeout), or before the [`Deadline`](crate::Deadline) | `about:blank` |
//!
//! An error of the upstream, such as its 500, is one event in the log, like any 5xx. Its text goes to
//! the client, because a proxy does not know what is in it. If it is not meant for clients, replace it
//! [in a handler of your own](#example-an-error-of-your-own).
//!
//! Once the head of a response is on its way, an error can only end its body: the client sees that it is
//! incomplete, and the log has a warning.
//!
//! # Fields
//!
//! | of requests | |
//! |---|---|
//! | `Connection` and the fields that it names, `Keep-Alive`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`, `Proxy-*`, `Proxy`, `Expect`, `HTTP2-Settings` | never forwarded (RFC 9110, section 7.6.1) |
//! | `Content-Length` | recomputed from the body |
//! | `Cookie`, `Authorization` | withheld |
//! | `Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `X-Client-IP`, `True-Client-IP` and others of this kind | withheld |
//! | `X-Original-*`, `X-Rewrite-URL`, `X-HTTP-Method-Override` and others that change path or method | withheld |
//! | `Host` | the upstream's, or the client's with [`keep_host`](Upstream::keep_host) |
//! | `X-Forwarded-*` or `Forwarded` | [written](Upstream::forwarded): the address of [`with_client_ip`](crate::client_ip), otherwise that of the peer |
//! | `Via` | continued (section 7.6.3) |
//! | `X-Request-Id`, `traceparent` | written, with [`with_request_id`](crate::RequestId) and `with_trace` around; otherwise forwarded |
//! | `Max-Forwards` | of `OPTIONS`: counted down, and 204 at zero (section 7.6.2) |
//!
//! | of responses | |
//! |---|---|
//! | those of the connection, as above | never given back |
//! | `Set-Cookie`, `Strict-Transport-Security`, `Clear-Site-Data`, `Alt-Svc`, `Service-Worker-Allowed`, `Access-Control-*` | withheld: they would speak for all of this origin |
//!
//! Withheld fields are passed on if they are listed: [`forward`](Upstream::forward),
//! [`give_back`](Upstream::give_back). Those that are written can't be listed. A name with `_` instead of
//! `-` is treated alike, because many servers do not tell the two apart.
//!
//! # Time, bytes, and a second attempt
//!
//! - [`connect_timeout`](Upstream::connect_timeout), 5 seconds: until there is a TCP connection.
//!   [`timeout`](Upstream::timeout), 30 seconds: while the upstream neither answers nor takes more of the
//!   body; the handshake of TLS is part of it. [`idle`](Upstream::idle), 60 seconds: between two pieces of
//!   the response. The whole response has no time limit.
//! - The head of a response has at most 64 KiB. The body is not limited unless you
//!   [say so](Upstream::max_response). The body of the request is limited by
//!   [`with_body_limit`](crate::body_limit): an [`Api`](crate::Api) reports a route without it.
//! - There are as many connections as requests in progress: limit them with
//!   [`with_concurrency_limit`](crate::concurrency_limit). At most 32 idle ones are kept, for 30
//!   seconds.
//! - `GET`, `HEAD` and `OPTIONS` without a body are sent a second time, once and within the same time, if the
//!   connection is closed without a response, as happens when an upstream closes an idle one. A request
//!   that has not been sent at all is sent on another connection, whatever its method. Nothing else is
//!   retried.
//!
//! # WebSocket connections
//!
//! With [`websockets`](Upstream::websockets), the handshake of HTTP/1.1 is forwarded (RFC 6455, section
//! 4.1), and after 101 the bytes of both sides. No other protocol is: `Upgrade: h2c` is dropped. WebSocket
//! connections over HTTP/2 (RFC 8441) are `CONNECT` requests and answered with 501; a server accepts them only if it has
//! announced them.
//!
//! CORS does not protect a WebSocket: a page of any site can open one, with the cookies of its visitor. Put
//! [`with_csrf`](crate::with_csrf) around the route, which checks the `Origin` of the handshake.
//!
//! # Security
//!
//! - Smuggling: hyper has read the framing of the request, and writes its own. hyper either rejects
//!   requests with both `Content-Length` and `Transfer-Encoding`, with several lengths or with folded
//!   lines, or reads them in one way; the upstream gets only what was read.
//! - A slash in a parameter is rejected, even if it is encoded, because servers do not agree on whether
//!   `%2F` separates segments. Only the rest of a path, `{*rest}`, has slashes.
//! - The [key](Upstream::credential) of the upstream is not in `Debug`, in problems or in the log.
//! - The upstream's pages are pages of this origin: forward only to servers that you trust as much as your
//!   own.
//! - TLS uses rustls with the certificate authorities of the system or [your own](Upstream::roots).
//!
//! # Compared with
//!
//! - nginx and Apache forward `Cookie` and `Authorization`, append to the client's `X-Forwarded-For`, and
//!   decode `%2F` or not, depending on how `proxy_pass` is written. Caddy and Envoy drop forwarding
//!   fields from untrusted clients.
//! - axum-reverse-proxy forwards the path and all fields of the client, and has a separate layer for the
//!   rules of RFC 9110.
//! - HTTP/2 to the upstream, gRPC (which needs trailers), load balancing, caching and rewriting
//!   `Location` are not supported: a dedicated proxy does that better.

mod body;
pub(crate) mod client;
mod fields;
mod path;
mod tunnel;
mod upstream;

pub use self::{
    client::{Proxied, ProxiedRequest, Proxy},
    fields::ForwardedFields,
    upstream::Upstream,
};

/// The name in descriptions and in the log.
const NAME: &str = "proxy";
