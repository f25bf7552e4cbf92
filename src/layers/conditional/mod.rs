//! Answers 304 to clients that have the current version, and 412 to those that would overwrite a version
//! that they have not seen: conditional requests, RFC 9110, section 13.
//!
//! 1. A success (2xx) of the handler to GET or HEAD is compared with what the client has, by the fields
//!    `ETag` and `Last-Modified` that the handler has set. If it has the same, it gets a 304 without
//!    content. If the client has required another version (`If-Match`, `If-Unmodified-Since`), it gets
//!    a 412.
//! 2. A request of another method with preconditions is compared before the handler runs, if the policy
//!    knows [the current version](crate::Conditional::current): 412 if a precondition is false. Without
//!    that, the handler is given the preconditions and [checks](crate::Precondition::check) them.
//! 3. Where a precondition [is required](crate::Conditional::require_precondition), such a request
//!    without one is answered with 428 (RFC 6585, section 3).
//! 4. `If-Match` or `If-None-Match` of such a request that can't be read is answered with 400, because
//!    ignoring it would perform a write that the client did not want. In a request to read, it matches
//!    no version: 412 for `If-Match`, and the whole response for `If-None-Match`. A list with one
//!    malformed element, such as `"1", *`, is malformed as a whole.
//! 5. `OPTIONS`, `TRACE`, `CONNECT` and `QUERY` pass, and so does every response that is not a success.
//!
//! `If-Match` comes before `If-Unmodified-Since`, `If-None-Match` before `If-Modified-Since` (section
//! 13.2.2). `If-Match` compares strongly, so a weak tag never matches; `If-None-Match` compares weakly.
//! Dates are read in all three formats (section 5.6.7); one that is malformed or repeated is ignored, as
//! is one for a resource without a time of change.
//!
//! # Example
//!
//! ```
//! use axum::{Json, Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{Conditional, ETag, compose, with_conditional};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn settings() -> (ETag, Json<&'static str>) {
//!     (ETag::version(7), Json("dark"))
//! }
//!
//! let stack = compose(with_conditional(Conditional::new()));
//! let app: Router = Router::new().route("/", get(stack.handler(settings)));
//!
//! let ask = |name, tag| {
//!     let request = Request::get("/").header(name, tag);
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! let changed = ask("if-none-match", "\"6\"").await?;
//! assert_eq!(changed.status(), StatusCode::OK);
//! assert_eq!(changed.headers()["etag"], "\"7\"");
//!
//! let same = ask("if-none-match", "W/\"7\", \"8\"").await?;
//! assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
//! assert!(!same.headers().contains_key("content-type"));
//!
//! let lost = ask("if-match", "\"6\"").await?;
//! assert_eq!(lost.status(), StatusCode::PRECONDITION_FAILED);
//! # Ok(())
//! # }
//! ```
//!
//! # Example: no lost updates
//!
//! Two clients read version 7, and both write. A check before the handler is not enough, because both
//! may pass it before the first one writes. So the handler is given the version that was checked, and
//! writes only if the resource still has it.
//!
//! ```
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{Conditional, ETag, ExpectedVersion, Problem, compose, with_conditional};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn replace(expected: ExpectedVersion) -> Result<ETag, Problem> {
//!     let version = expected.version()?;
//!     // UPDATE settings SET theme = $1, version = version + 1
//!     // WHERE id = $2 AND ($3 IS NULL OR version = $3) RETURNING version
//!     let written = if version == Some(7) { Some(8) } else { None };
//!     written.map(ETag::version).ok_or_else(ExpectedVersion::failed)
//! }
//!
//! let policy = Conditional::new().current(|_| Some(ETag::version(7))).require_precondition();
//! let stack = compose(with_conditional(policy));
//! let app = axum::Router::<()>::new().route("/", axum::routing::put(stack.handler(replace)));
//!
//! let put = |tag: Option<&str>| {
//!     let mut request = Request::put("/");
//!     if let Some(tag) = tag {
//!         request = request.header("if-match", tag);
//!     }
//!     app.clone().oneshot(request.body(axum::body::Body::empty()).unwrap())
//! };
//! assert_eq!(put(Some("\"7\"")).await?.headers()["etag"], "\"8\"");
//! assert_eq!(put(Some("\"6\"")).await?.status(), StatusCode::PRECONDITION_FAILED);
//! assert_eq!(put(None).await?.status(), StatusCode::PRECONDITION_REQUIRED);
//! # Ok(())
//! # }
//! ```
//!
//! `If-None-Match: *` creates: [`is_absent`](crate::ExpectedVersion::is_absent) says that there must be
//! nothing yet, so the handler inserts, and answers 412 if a unique key is taken.
//!
//! # Tags of bodies
//!
//! A version costs nothing and also tells which write comes first, so a handler should set the tag. If
//! there is no version, [`tag_bodies`](crate::Conditional::tag_bodies) makes a tag from the body of
//! each 200 to GET and HEAD that has none. It saves the transfer, not the work of the handler.
//!
//! - The tag is half of the SHA-256 of the body, a strong one, and the same on every instance.
//! - The length of the body must be known, and is at most the bound. Streams of unknown length and event
//!   streams are not read.
//! - A response to HEAD has no tag if the handler leaves out the body.
//! - A body that fails while it is read becomes a 500.
//!
//! # Responses
//!
//! | status | when | reason | fields |
//! |---|---|---|---|
//! | 304 | the client has the current version | | the handler's, such as `ETag`, `Cache-Control`, `Content-Location`, `Expires`, `Set-Cookie` and `Vary`, without those of the content, such as `Content-Type`; `Last-Modified` without an `ETag` |
//! | 400 | `If-Match` or `If-None-Match` of a write is malformed | `malformed_precondition` | |
//! | 412 | a precondition is false | `precondition_failed` | |
//! | 428 | a precondition is required | `no_precondition` | |
//! | 503 | the current version can't be determined | `unavailable` | |
//! | the handler's | otherwise | | |
//!
//! Errors are of type `about:blank`.
//!
//! # Order
//!
//! Stage [`Cache`](crate::stage::Cache), innermost, inside authentication and validation: a 401 or a 422
//! is given whatever the preconditions say (section 13.2.1). It stands on either side of
//! [`with_cache_control`](crate::cache_control), whose field a 304 also has.
//!
//! [`with_idempotency`](crate::idempotency) outside does not store a 412 or a 428: nothing was written,
//! and the key stays free. The answer to a write that was performed is repeated without comparing
//! again, although the version has changed by then.
//!
//! Compression changes the bytes of a response, so its strong tag must change too: `with_compression`
//! gives each coding a tag of its own, and accepts it in requests. tower-http's `CompressionLayer` does
//! not change the tag: set weak tags behind it.
//!
//! # Security
//!
//! - A tag is visible to the client. Do not make it from a secret, such as the hash of a password.
//! - The closure of the current version runs before the handler. If a handler decides who may write, a
//!   client that may not write learns from 412 or 403 whether a tag is current: decide in
//!   [`with_authorization`](crate::authorization).
//! - Preconditions are not authorization, and `If-Match: *` passes whatever the version is.
//!
//! # Not here
//!
//! Ranges (section 14) are not served: `Range` and `If-Range` are ignored, as section 14.2 allows.
//! tower-http's `ServeFile` serves ranges of files.
//!
//! # Compared with
//!
//! - Express, Hono and fiber make a tag from each body, even if they have to collect it from a stream,
//!   and split lists at commas, which a tag may contain.
//! - axum has typed fields in `axum-extra` and leaves the comparison and the 304 to the handler;
//!   tower-http compares only dates, and only for files.
//! - Spring's `checkNotModified` and ASP.NET's `EntityTagHeaderValue` leave the race between check and
//!   write to the application.

mod body_tag;
pub(crate) mod layer;
pub(crate) mod policy;
pub(crate) mod precondition;
pub(crate) mod validators;

pub use self::{
    body_tag::{Tagged, TaggedFuture},
    layer::{ConditionalLayer, Given},
    policy::{CurrentVersion, KnownLater, KnownNow},
    validators::Validators,
};
pub use crate::wire::field::entity_tag::InvalidETag;
