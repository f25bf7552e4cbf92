//! Reads on for a while after an answer that came before the end of the body, so that the client gets
//! the answer.
//!
//! A request can be answered before its body has been read: without credentials, over a limit, with the
//! wrong media type. Many clients write the whole body before they read the response. If the server
//! closes the connection meanwhile, the operating system of the client reports an error ("connection
//! reset", "broken pipe") and discards the response.
//!
//! 1. A body that is read to its end, and a request without a body, are left alone.
//! 2. What nobody has read of a body when it is dropped is read on and discarded, in a task of its own,
//!    up to a number of bytes and for a limited time. The answer does not wait for that.
//! 3. If all that is left fits, by its `Content-Length`, the connection stays open for the next
//!    request. Otherwise, the response says `Connection: close`.
//! 4. If the client has sent `Expect: 100-continue`, and nothing has been read, it waits for an
//!    invitation: nothing is read, and the response says `Connection: close`.
//! 5. In HTTP/2 the connection stays open: where more is left than is read on, the server resets the
//!    stream with `NO_ERROR` after the response (RFC 9113, section 8.1). Some clients take that for an
//!    error, such as curl 7.88.
//!
//! An [`Api`](crate::Api) does this by itself, with the defaults: see
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
//! Stage [`Observe`](crate::stage::Observe), outside everything that answers: list it first.
//!
//! # Security
//!
//! - Each body is read on up to [`max_bytes`](crate::LingeringClose::max_bytes) and for
//!   [`within`](crate::LingeringClose::within), and only
//!   [`max_at_once`](crate::LingeringClose::max_at_once) at the same time. Beyond that, the connection is
//!   closed at once, as without the layer. What is read is discarded frame by frame.
//! - A client that writes more than that before it reads, and more than the buffers of the operating
//!   systems take, does not get the answer: Python's urllib, 10 MB and the defaults, for example. Remedies
//!   are `Expect: 100-continue`, and a `max_bytes` as large as the largest upload, which costs the same
//!   bandwidth as an upload that is accepted.
//!
//! # Compared with
//!
//! - nginx does the same and calls it `lingering_close`; Go's `net/http` reads on up to 256 KiB.
//! - hyper looks once for what has already arrived, and then closes.

pub(crate) mod layer;
