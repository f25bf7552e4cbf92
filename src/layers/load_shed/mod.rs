//! Answers 503 at once when the service inside is not ready, instead of waiting for it.
//!
//! 1. A request passes if the service inside is ready, by its `poll_ready`.
//! 2. Otherwise the request is refused with 503 and `Retry-After`, and the place in a queue that
//!    `poll_ready` may have taken is given up.
//! 3. An error of the service inside passes.
//!
//! # What it is for
//!
//! It depends on what it surrounds: a layer or service that says when it is busy, such as tower's
//! `Buffer`, `GlobalConcurrencyLimitLayer` or `RateLimit`, or a client with a pool.
//!
//! **axum's routers and handlers are always ready**, however busy the machine is, and so are the
//! other layers of this crate: around these alone it never refuses. To shed load there, use
//! [`with_concurrency_limit`](crate::ConcurrencyLimit) without a queue.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tokio::sync::Semaphore;
//! use tower::{ServiceExt, limit::GlobalConcurrencyLimitLayer};
//! use wythe::{compose, layer, with_load_shed};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let permits = Arc::new(Semaphore::new(1));
//! let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
//! let stack = compose((with_load_shed(), layer(limit)));
//! let app: Router = Router::new().route("/", get(async || "hello")).layer(stack);
//! let ask = || app.clone().oneshot(Request::new(Body::empty()));
//! assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
//!
//! let busy = permits.acquire().await.unwrap();
//! let refused = ask().await.unwrap();
//! assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(refused.headers()["retry-after"], "1");
//!
//! drop(busy);
//! assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | the service inside is not ready | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` | `Retry-After` |
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit): before any work. Everything inside it has to be ready, the
//! layers and the handler.
//!
//! # Security
//!
//! It does not limit anything by itself: the layer inside decides how much gets in.
//!
//! # Compared with
//!
//! tower's `LoadShed` refuses with an error of a type that axum's routers can't have, so a second
//! layer has to turn it into a response. It also keeps the place in the queue: a permit that
//! becomes free then belongs to a service that nobody may call for a long time.

pub(crate) mod layer;

pub use self::layer::{LoadShed, Shedding, SheddingFuture};
