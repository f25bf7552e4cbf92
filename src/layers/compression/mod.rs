//! Compresses responses, with gzip and other codings that the client accepts.
//!
//! 1. A response of a text type is compressed: `text/*`, JSON, XML, JavaScript, SVG and a few more.
//!    Pictures, videos, archives and unknown types are not.
//! 2. A body of a known length is compressed only from 1,024 bytes on, or
//!    [another size](crate::Compression::min_bytes).
//! 3. What has a `Content-Encoding`, a `Content-Range`, a digest of its bytes, or
//!    `Cache-Control: no-transform` passes unchanged. So do event streams, and refusals: problems, and
//!    errors in plain text, which become problems.
//! 4. A response of such a type has `Vary: Accept-Encoding`, whatever its size and whatever the client
//!    accepts. A 304 has it, too.
//! 5. A strong `ETag` becomes that of the coding: `"x"` becomes `"x-gzip"`. In `If-Match` and
//!    `If-None-Match`, `"x-gzip"` is accepted as `"x"` as well, and a 304 has the tag that the client has
//!    sent. `If-Range` and weak tags are not changed.
//!
//! No request is rejected.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use tower::ServiceExt;
//! use wythe::{Compression, compose, with_compression};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello ".repeat(1_000)))
//!     .layer(compose(with_compression(Compression::gzip())));
//!
//! let ask = |codings| {
//!     let request = Request::get("/").header("accept-encoding", codings);
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! let compressed = ask("gzip").await?;
//! assert_eq!(compressed.headers()["content-encoding"], "gzip");
//! let plain = ask("identity").await?;
//! assert_eq!(plain.headers()["vary"], "accept-encoding");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! The layer sends no response of its own. It adds `Content-Encoding` and `Vary` to those from further in,
//! and their bodies become [`Body`](crate::Body).
//!
//! # Order
//!
//! Stage [`Present`](crate::stage::Present), on either side of [`with_presentation`](crate::presentation),
//! because refusals are not compressed. It is outside of `with_conditional`, whose tags it changes.
//!
//! # Security
//!
//! The length of a compressed body reveals how much of it repeats. If a body has a secret and a text
//! that an attacker chooses, and the attacker can make the user's browser request it many times and see
//! the lengths, the secret can be guessed character by character (BREACH). Examples are a form with a
//! CSRF token on a page that shows the search term, and a JSON document with an API key and a name that
//! others choose. For such responses:
//!
//! - put [`with(NotCompressed)`](NotCompressed) into the stack of the route, or
//! - put [`NotCompressed`] into the extensions of the response, or
//! - send the secret in a header field, or mask it differently each time.
//!
//! Compression takes CPU time for each response, which a client can request at little cost: put a rate
//! limit inside, and cache what is public.
//!
//! A stream that sends a little now and then may be held back by the encoder until a block is full:
//! exclude its route, too.
//!
//! # Compared with
//!
//! tower-http's `CompressionLayer`, whose encoders are used here, does not change strong tags, so that
//! two different bodies have the same tag, compresses octet streams and archives, and answers 406 after
//! the handler has run where a client accepts no coding at all.

mod inner;
pub(crate) mod policy;
mod service;

pub use self::{
    inner::{Inside, InsideFuture},
    policy::{Compressible, CompressionLayer, NotCompressed},
    service::{Compressed, CompressedFuture},
};
