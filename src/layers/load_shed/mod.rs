//! Answers 503 immediately when the inner service is not ready, instead of waiting for it.
//!
//! 1. A request passes if the inner service's `poll_ready` reports that it is ready.
//! 2. Otherwise the request is refused with 503 and `Retry-After`, and a place in a queue that
//!    `poll_ready` may have taken is released.
//! 3. An error of the inner service is passed on.
//!
//! # What it is for
//!
//! The effect depends on the inner layer or service, which has to report when it is busy, such as
//! tower's `Buffer`, `GlobalConcurrencyLimitLayer` or `RateLimit`, or a client with a pool.
//!
//! **axum's routers and handlers are always ready**, however busy the machine is, and so are the other
//! layers of this crate: around these alone, the layer never refuses. To shed load there, use
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
//! | 503 | the inner service is not ready | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` | `Retry-After` |
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit): before any work. Everything inside it, layers and handler,
//! has to be ready.
//!
//! # Security
//!
//! The layer does not limit anything by itself: the layer inside it decides how many requests it
//! accepts.
//!
//! # Compared with
//!
//! tower's `LoadShed` refuses with an error type that axum's routers do not accept, so a second layer
//! has to turn it into a response. It also keeps the place in the queue: a permit that becomes free
//! then belongs to a service that may not be called for a long time.

pub(crate) mod layer;

pub use self::layer::{LoadShed, Shedding, SheddingFuture};
