//! Gives every request an id, which the client, the log and the services behind this one share.
//!
//! 1. By default the id is a new UUID of version 7, whatever the request carries.
//! 2. From a trusted proxy, the id in the request's field is used instead, if it is there once, has 1 to
//!    128 characters, and consists of letters, digits and `-_.:=+/@`. Otherwise the request gets a new
//!    one; it is never rejected.
//! 3. The response has the id in its field, `X-Request-Id` by default, instead of one that the handler
//!    has set.
//! 4. Each [`Problem`] has the id as its member `request_id`, unless it has a member of this name. That
//!    includes panics and the rejections of axum, to which [`with_presentation`] gives the form of a
//!    problem.
//! 5. Handlers take it as an argument: [`RequestId`].
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{Problem, RequestId, RequestIds, compose, with_request_id};
//!
//! async fn order(id: RequestId) -> Result<String, Problem> {
//!     tracing::info!(%id, "the order is gone");
//!     Err(Problem::new(StatusCode::GONE))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stack = compose((with_request_id(RequestIds::new()),));
//! let app: Router = Router::new().route("/orders/7", get(stack.handler(order)));
//!
//! let request = Request::get("/orders/7").body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! assert_eq!(response.status(), StatusCode::GONE);
//! let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
//! assert_eq!(problem["request_id"], *id);
//! # }
//! ```
//!
//! # Example: the id of a proxy
//!
//! ```
//! use wythe::{RequestIds, with_request_id};
//!
//! let layer = with_request_id(RequestIds::new().from_proxies(["10.0.0.0/24"])?);
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Responses
//!
//! The layer rejects nothing. It sets `X-Request-Id`, or the [field](RequestIds::field) of your choice.
//! A page of another origin can read it if CORS exposes it: `.exposed_headers(["x-request-id"])`.
//!
//! # In problems
//!
//! With [`with_presentation`], the member is added where problems are shaped, so inside compression. The
//! function of [`with_presentation_as`] finds the id in its second argument, and as a member of the problem
//! that it gets. Without a presentation, this layer adds the member to a problem whose body is still the
//! one that the problem was rendered to; a body that something has compressed or replaced is not
//! changed.
//!
//! An answer that [`with_idempotency`] repeats has the id of the request that repeats it: in the field, and
//! in a problem, because the ids are added after the answer is stored. Any other stored body is sent
//! unchanged.
//!
//! # In the log
//!
//! Inside [`with_trace`], every event of the request is in a span with the field `request_id`: refusals,
//! server errors, and your own events. Without it, events do not have the id; log it where you need it, as
//! above.
//!
//! # Order
//!
//! Stage [`Observe`](crate::stage::Observe), around everything: `Api::around`, or the whole router. It
//! makes no difference whether it is inside or outside of `with_trace`.
//!
//! # Security
//!
//! - The id is not a secret, and must not be used as one. New ids reveal the time of the request in
//!   milliseconds. Their 74 random bits come from the operating system, 512 bytes at a time for each
//!   thread.
//! - A peer that may choose ids can make two requests look like one, so only the peers that you list
//!   may do so. A listed network is trusted as a whole. Clients must not be able to send the field
//!   through the proxy: configure the proxy to overwrite it.
//! - The syntax has no character that needs an escape in a log, a header field or JSON.
//!
//! A second layer, inside, keeps the id of the first.
//!
//! A request costs two small allocations: the place of the [`RequestId`] in the extensions, and the field.
//!
//! # Compared with
//!
//! `tower_http::request_id` is two layers, takes the id of any client without a limit on its length or
//! characters, and does not add it to error responses. `ActionDispatch::RequestId` of Rails also takes
//! the id of any client, after removing other characters.
//!
//! [`Problem`]: crate::Problem
//! [`RequestId`]: crate::RequestId
//! [`with_idempotency`]: crate::Idempotency
//! [`with_presentation`]: crate::with_presentation
//! [`with_presentation_as`]: crate::with_presentation_as
//! [`with_trace`]: crate::Trace

pub(crate) mod policy;

#[cfg(doc)]
use self::policy::RequestIds;
