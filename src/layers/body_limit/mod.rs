//! Bounds the bytes of a body and the time in which they arrive, however it is read.
//!
//! 1. A request without a body passes.
//! 2. A body whose announced length (`Content-Length`) is larger than the limit is rejected with 413
//!    before any of it is read. A client that sends `Expect: 100-continue` is not invited to send it.
//! 3. Any other body is counted while it is read, whatever was announced. The reader gets an error
//!    instead of the bytes beyond the limit, and the client gets 413.
//! 4. With limits on time, the reader gets an error when the client makes it wait for too long, and the
//!    client gets 408.
//!
//! Whatever the handler or an extractor answers after a limit was passed, the client gets the 413 or the
//! 408 of this layer. Only a response that has already begun is not replaced.
//!
//! # What is bounded
//!
//! Everything inside: [`Valid`](crate::Valid), axum's `Bytes`, `String`, `Json`, `Form` and `Multipart`,
//! and the stream itself (`Body`, `Request`). There is one limit for all of them: axum's own limit of
//! 2 MB does not apply inside this layer. A `DefaultBodyLimit` further in, and
//! [`max_body_bytes`](crate::Validation::max_body_bytes) of a validation, still apply: the smallest limit
//! wins.
//!
//! # Time
//!
//! All times count only while the reader waits for the client. A handler that takes its time between two
//! reads does not use up the time of the client.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, routing::post};
//! use bytes::Bytes;
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{BodyLimit, compose, with_body_limit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn length(body: Bytes) -> String {
//!     body.len().to_string()
//! }
//!
//! let limit = BodyLimit::bytes(1_000)
//!     .first_byte_within(Duration::from_secs(10))?
//!     .min_rate(240, Duration::from_secs(5))?;
//! let stack = compose(with_body_limit(limit));
//! let app: Router = Router::new().route("/", post(stack.handler(length)));
//!
//! let send = |bytes| Request::post("/").body(Body::from(vec![b'x'; bytes]));
//! assert_eq!(app.clone().oneshot(send(1_000)?).await?.status(), StatusCode::OK);
//! let rejected = app.oneshot(send(1_001)?).await?;
//! assert_eq!(rejected.status(), StatusCode::PAYLOAD_TOO_LARGE);
//! assert_eq!(rejected.headers()["content-type"], "application/problem+json");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 413 | the body is larger than the limit | `about:blank`, with `max_body_bytes` | `Connection: close` in HTTP/1.1 |
//! | 408 | the body does not arrive in time | `about:blank` | `Connection: close` in HTTP/1.1 |
//! | the handler's | otherwise | | |
//!
//! In HTTP/1.1 the connection is closed, because the rest of the body is not read. Clients that write
//! the whole body before they read the response may lose it, unless
//! [`with_lingering_close`](crate::lingering_close) reads on for a while; an
//! [`Api`](crate::Api) does that by itself.
//!
//! # Order
//!
//! Stage [`Body`](crate::stage::Body), inside authentication and rate limits, which need no body, and
//! outside everything that reads one. List it before [`with_decompression`](crate::decompression): it
//! counts the bytes that are sent, and the decompression has limits of its own for what they become.
//!
//! # Security
//!
//! - It limits each request. The number of concurrent requests is limited by
//!   [`with_concurrency_limit`](crate::concurrency_limit), and the time in which a head arrives by the
//!   server.
//! - A client that sends a byte now and then passes a limit on the time between bytes. Only a minimum
//!   rate or a total time rejects it. A minimum rate is an average: a client that has sent much may
//!   pause for long, so combine it with a limit on the time between bytes.
//! - A layer that collects the body holds up to the limit in memory for each request.
//!
//! # Compared with
//!
//! - tower-http's `RequestBodyLimitLayer` answers in plain text, and what a stream without
//!   `Content-Length` gets depends on the handler. axum's `DefaultBodyLimit` applies only to axum's own
//!   extractors. Neither limits the time.
//! - tower-http's `RequestBodyTimeoutLayer` limits the time between two frames, which a client that
//!   sends one byte at a time never exceeds, and leaves the answer to the handler.
//! - The limits on time are those of Kestrel (`MinRequestBodyDataRate`) and nginx
//!   (`client_body_timeout`).

pub(crate) mod policy;
mod stream;

pub use crate::wire::BodyLimitError;
