//! Decompresses the bodies of requests, within limits on the decompressed size.
//!
//! 1. A body without a content coding (`Content-Encoding`), or with `identity`, passes unchanged.
//! 2. A body with one content coding that is listed is decompressed while it is read. Inside, the request
//!    has no `Content-Encoding` and no `Content-Length`, and no `Content-Digest` and `Repr-Digest`, which
//!    are those of the compressed bytes.
//! 3. A body with another content coding, or with several, is rejected with 415 before any of it is read.
//! 4. When the decompressed body gets larger than [`max_bytes`](crate::Decompression::max_bytes), or than
//!    [`max_ratio`](crate::Decompression::max_ratio) times what has arrived, the reader gets an error,
//!    and the client gets 413.
//! 5. When the compressed data is broken or cut, or something follows it, the reader gets an error, and
//!    the client gets 400.
//!
//! Whatever the handler or an extractor answers after that, the client gets the answer of this layer.
//! Only a response that has already begun is not replaced.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::post};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{BodyLimit, Decompression, compose, with_body_limit, with_decompression};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn echo(body: String) -> String {
//!     body
//! }
//!
//! let stack = compose((
//!     with_body_limit(BodyLimit::bytes(100_000)),
//!     with_decompression(Decompression::gzip().max_bytes(1_000_000)),
//! ));
//! let app: Router = Router::new().route("/", post(stack.handler(echo)));
//!
//! // `printf hello | gzip`
//! let hello = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
//! let send = |coding| {
//!     let request = Request::post("/").header("content-encoding", coding);
//!     app.clone().oneshot(request.body(Body::from(&hello[..])).unwrap())
//! };
//! let response = send("gzip").await?;
//! assert_eq!(axum::body::to_bytes(response.into_body(), 100).await?, "hello");
//!
//! let response = send("compress").await?;
//! assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
//! assert_eq!(response.headers()["accept-encoding"], "gzip");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 400 | the compressed data is broken | `about:blank` | `Connection: close` in HTTP/1.1 |
//! | 413 | the decompressed body is too large, or compressed too much | `about:blank`, with `max_body_bytes` | `Connection: close` in HTTP/1.1 |
//! | 415 | there is another content coding, or several | `about:blank` | `Accept-Encoding` |
//! | the handler's | otherwise | | |
//!
//! # Order
//!
//! Stage [`Body`](crate::stage::Body): inside [`with_body_limit`](crate::body_limit), which bounds the
//! bytes that are sent and the time in which they arrive, and outside everything that parses. A
//! signature over the exact bytes, such as that of a webhook, is checked outside of it.
//!
//! # Security
//!
//! - A few kilobytes can become gigabytes. The limits are checked while the body is decompressed, in
//!   steps of at most 4 KiB, so that a bomb takes no more memory than any other body. A layer that
//!   collects the body holds up to `max_bytes`.
//! - The memory of a decoder does not depend on the body: about 50 KiB for gzip and deflate, and up to
//!   16 MiB for Brotli, whose window the client chooses.
//! - zstd is not offered: its decoder reserves a window of up to 128 MiB that the client chooses (RFC 9659
//!   asks for at most 8 MiB), and tower-http can't limit it.
//! - A body in several members, which RFC 1952 permits for gzip, is rejected: parsers differ about what
//!   follows the first one.
//! - A body without a content coding is not limited here: use `with_body_limit`.
//!
//! # Compared with
//!
//! tower-http's `RequestDecompressionLayer`, whose decoders are used here, has no limits, ignores bytes
//! after the end in the same frame, compares the name of the coding case-sensitively, and answers in
//! plain text.

mod codings;
pub(crate) mod policy;
mod stream;
