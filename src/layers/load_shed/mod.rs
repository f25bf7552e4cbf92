//! Answers 503 at once where the service inside it is not ready, instead of waiting for it.
//!
//! 1. A request passes if the service inside is ready: if its `poll_ready` says so.
//! 2. If that would have to be waited for, the request is refused with 503 and `Retry-After`, and
//!    the place in line that the question may have taken is given up.
//! 3. An error of the service inside passes.
//!
//! # What it is for
//!
//! It is only as good as what stands inside it: a layer or service that says when it is busy, such
//! as tower's `Buffer`, `GlobalConcurrencyLimitLayer` or `RateLimit`, or a client with a pool.
//!
//! **axum's routers and handlers are always ready**, however busy the machine is, and so are the
//! other layers of this crate: around these alone it never refuses. What sheds load there is
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
//! Stage [`Admit`](crate::stage::Admit): before any work, outside of what it asks. It asks
//! everything inside it, the layers and the handler; they all have to be ready.
//!
//! # Security
//!
//! It bounds nothing by itself: how much is let in is for the layer inside it to say.
//!
//! # Compared with
//!
//! tower's `LoadShed` refuses with an error, of a type that axum's routers can't have, so that a
//! second layer has to make an answer of it. It also leaves the place in line as it is: a permit
//! that becomes free then belongs to a service which nobody may call for a long time.

mod future;
mod service;

use std::{fmt, time::Duration};

use http::{StatusCode, header};
use tower_layer::Layer;

pub use self::{future::SheddingFuture, service::Shedding};
use crate::{
    contract::{Description, Place, Placed, placed, stage},
    wire::Problem,
};

/// Answers 503 at once where the service inside is not ready; see the [module](self).
pub fn with_load_shed() -> Placed<LoadShed> {
    placed(LoadShed::new(Duration::from_secs(1)))
}

/// The layer of [`with_load_shed`].
#[derive(Clone)]
#[must_use]
pub struct LoadShed {
    refusal: Problem,
}

impl LoadShed {
    fn new(retry_after: Duration) -> Self {
        Self {
            refusal: Problem::reduced_capacity()
                .reason("overload")
                .retry_after(retry_after),
        }
    }
}

impl Placed<LoadShed> {
    /// When a client that was refused is told to try again: in whole seconds, rounded up, and at
    /// least one. One second unless told.
    pub fn retry_after(self, time: Duration) -> Self {
        placed(LoadShed::new(time))
    }
}

impl Place for LoadShed {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        Description::new("with_load_shed")
            .answers(
                StatusCode::SERVICE_UNAVAILABLE,
                "when what stands inside is not ready",
            )
            .adds(header::RETRY_AFTER)
    }
}

impl<S> Layer<S> for LoadShed {
    type Service = Shedding<S>;

    fn layer(&self, inner: S) -> Shedding<S> {
        Shedding::new(self.clone(), inner)
    }
}

impl fmt::Debug for LoadShed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadShed").finish_non_exhaustive()
    }
}
