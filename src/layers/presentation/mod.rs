//! Gives every refusal one shape, and answers 500 when something further in panics.
//!
//! 1. A response below 400 passes untouched: redirects, 304, upgrades and streams too.
//! 2. A response that carries a [`Problem`] (every refusal of this crate, and those that a handler
//!    returns) is problem+json already and passes. With a renderer, its body and `Content-Type`
//!    are written anew.
//! 3. An error without a body and without a `Content-Type` becomes a problem of its status: axum's
//!    404 and 405, for example.
//! 4. An error of type `text/plain` becomes a problem. For a 4xx the text is the `detail`, if it is
//!    UTF-8 of a length that is known and at most 8 KiB: the rejections of axum's extractors. A
//!    longer text, and one of unknown length, is dropped unread. For a 5xx the text goes to
//!    the log only.
//! 5. An error of any other type passes untouched: it is the application's own.
//! 6. A panic further in becomes a 500; its message goes to the log only.
//!
//! The status and the other header fields stay (`Allow`, `Retry-After`, `Vary`,
//! `WWW-Authenticate`), but for those that described the old body. A `HEAD` request gets
//! the fields of the problem, and no body.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{compose, with_presentation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello"))
//!     .route("/crash", get(async || -> &'static str { panic!("out of luck") }))
//!     .layer(compose((with_presentation(),)));
//!
//! let ask = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
//! let response = ask("/").await.unwrap();
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let response = ask("/nowhere").await.unwrap();
//! assert_eq!(response.status(), StatusCode::NOT_FOUND);
//! assert_eq!(response.headers()["content-type"], "application/problem+json");
//!
//! let response = ask("/crash").await.unwrap();
//! assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#);
//! # }
//! ```
//!
//! # Example: the shape that an application already has
//!
//! ```
//! use axum::{Router, body::Body};
//! use bytes::Bytes;
//! use http::{HeaderValue, Request};
//! use http_body_util::BodyExt;
//! use serde_json::json;
//! use tower::ServiceExt;
//! use wythe::{compose, with_presentation_as};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let presentation = with_presentation_as(|problem, asked| {
//!     let body = json!({ "error": problem.summary(), "path": asked.uri().path() });
//!     (HeaderValue::from_static("application/json"), Bytes::from(body.to_string()))
//! });
//! let app: Router = Router::new().layer(compose((presentation,)));
//!
//! let request = Request::get("/nowhere").body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! assert_eq!(response.headers()["content-type"], "application/json");
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, r#"{"error":"Not Found","path":"/nowhere"}"#);
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | body |
//! |---|---|---|
//! | as it was | the response is an error that is a problem, empty, or plain text | problem, or what the renderer makes of it |
//! | 500 | something further in panics | the same |
//!
//! # Order
//!
//! Stage [`Present`](crate::stage::Present): outside every layer that can refuse, so that each
//! refusal has the same shape, and inside CORS, so that a browser can read them. In axum it stands
//! around the whole router, where it sees the router's own 404 and 405.
//!
//! # Panics
//!
//! Caught are panics in the readiness check, in the call, and in each poll of the response's
//! future. Not caught are:
//!
//! - a panic while the response's body streams: status and header fields have been sent by then;
//! - a panic in a task that the handler spawned, unless the handler propagates it;
//! - any panic in a program built with `panic = "abort"`.
//!
//! After a panic the inner service may have lost its invariants (a lock is poisoned, a count is
//! off). axum, and hyper with `TowerToHyperService`, clone the service for each request, so
//! that only what the clones share can be in that state. A server of your own should do so too.
//!
//! # Security
//!
//! What a 5xx says in plain text, and what a panic says, never reaches the client: both tend to
//! hold paths, queries and names of internal hosts. With the feature `tracing` they are events of
//! level `ERROR` and target `wythe`. Without it the text of a 5xx is dropped. The program's panic
//! hook sees every panic in either case.
//!
//! The text of a 4xx is shown, as it was before this layer. An error of a type other than plain
//! text is not looked at.
//!
//! # Compared with
//!
//! `tower_http::catch_panic` answers panics in plain text unless it is given a function that does
//! otherwise, boxes every response body, does not catch a panic in the readiness check, and leaves
//! other refusals alone.

mod asked;
mod future;
mod panic;
mod present;
mod refusal;
mod service;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tower_layer::Layer;

pub use asked::Asked;
pub use future::PresentedFuture;
pub use service::Presented;

use crate::{
    contract::{Description, Place, Placed, placed, stage},
    wire::Problem,
};

/// Makes every refusal problem+json, and answers 500 when something further in panics.
pub const fn with_presentation() -> Placed<Presentation> {
    placed(Presentation { renderer: None })
}

/// Makes every refusal what the renderer makes of it, and answers 500 when something further in
/// panics.
///
/// The renderer returns the `Content-Type` and the body. It is called for refusals only; should
/// it panic itself, the client gets problem+json.
pub fn with_presentation_as<F>(renderer: F) -> Placed<Presentation>
where
    F: Fn(&Problem, &Asked) -> (HeaderValue, Bytes) + Send + Sync + 'static,
{
    placed(Presentation {
        renderer: Some(Arc::new(renderer)),
    })
}

type Renderer = Arc<dyn Fn(&Problem, &Asked) -> (HeaderValue, Bytes) + Send + Sync>;

/// The layer of [`with_presentation`] and [`with_presentation_as`].
#[derive(Clone)]
#[must_use]
pub struct Presentation {
    renderer: Option<Renderer>,
}

impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.renderer {
            None => "Presentation(problem+json)",
            Some(_) => "Presentation(renderer)",
        })
    }
}

impl Place for Presentation {
    type Stage = stage::Present;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        Description::new("with_presentation").answers(
            StatusCode::INTERNAL_SERVER_ERROR,
            "when something further in panics",
        )
    }
}

impl<S> Layer<S> for Presentation {
    type Service = Presented<S>;

    fn layer(&self, inner: S) -> Presented<S> {
        Presented::new(self.clone(), inner)
    }
}
