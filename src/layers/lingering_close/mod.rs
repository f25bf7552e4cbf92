//! Keeps reading a request's body for a while after an early answer, so that the client receives the
//! answer.
//!
//! A request can be answered before its body has been read: without credentials, over a limit, with
//! the wrong media type. Many clients write the whole body before they read the response. If the
//! server closes the connection while the client is still writing, the client's operating system
//! reports an error ("connection reset", "broken pipe") and discards the response.
//!
//! 1. A body that is read to its end, and a request without a body, are not affected.
//! 2. If a body is dropped before its end, the rest is read and discarded in a separate task, up to a
//!    number of bytes and for a limited time. The answer does not wait for it.
//! 3. If the rest fits within the limit, by its `Content-Length`, the connection stays open for the
//!    next request. Otherwise, the response says `Connection: close`.
//! 4. If the client has sent `Expect: 100-continue` and nothing has been read, the client is still
//!    waiting for permission to send: nothing is read, and the response says `Connection: close`.
//! 5. In HTTP/2 the connection stays open: if the rest is larger than the limit, the server resets the
//!    stream with `NO_ERROR` after the response (RFC 9113, section 8.1). Some clients, such as curl
//!    7.88, treat that as an error.
//!
//! An [`Api`](crate::Api) does this itself, with the defaults: see
//! [`ApiService::lingering_close`](crate::api::ApiService::lingering_close). The layer is for other
//! services.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum::{Router, body::{Body, Bytes}, routing::post};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{LingeringClose, compose, with_lingering_close};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new()
//!     .route("/", post(async || StatusCode::UNAUTHORIZED))
//!     .layer(compose(with_lingering_close(LingeringClose::new())));
//! let send = |body| app.clone().oneshot(Request::post("/").body(body).unwrap());
//!
//! // What is left is read on, and the connection stays open.
//! let short = send(Body::from("short")).await?;
//! assert!(short.headers().get("connection").is_none());
//!
//! // Nobody knows how long it is: it is read on for a while.
//! let endless = futures_util::stream::pending::<Result<Bytes, Infallible>>();
//! let endless = send(Body::from_stream(endless)).await?;
//! assert_eq!(endless.headers()["connection"], "close");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! The layer sends no response of its own. It adds `Connection: close` to responses of HTTP/1.1 and
//! HTTP/1.0, if the body is not read to its end.
//!
//! # Order
//!
//! Stage [`Observe`](crate::stage::Observe), outside every layer that may answer: list it first.
//!
//! # Security
//!
//! - Each body is read up to [`max_bytes`](crate::LingeringClose::max_bytes) and for
//!   [`within`](crate::LingeringClose::within), and only
//!   [`max_at_once`](crate::LingeringClose::max_at_once) bodies at the same time. Beyond that, the
//!   connection is closed immediately, as without the layer. The bytes are discarded frame by frame.
//! - A client that writes more than that before it reads, and more than the buffers of the operating
//!   systems hold, does not receive the answer: for example Python's urllib with 10 MB and the
//!   defaults. Remedies are `Expect: 100-continue`, or a `max_bytes` as large as the largest upload,
//!   which costs the same bandwidth as an upload that is accepted.
//!
//! # Compared with
//!
//! - nginx does the same and calls it `lingering_close`; Go's `net/http` reads up to 256 KiB.
//! - hyper reads once whatever has already arrived, and then closes.

pub(crate) mod layer;
