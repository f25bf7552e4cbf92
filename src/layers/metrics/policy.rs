//! The policy, [`Metrics`], and the layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tower_layer::Layer;

use super::{handles::Registry, service::Measured};
use crate::{
    contract::{Description, Place, Placed, placed, stage},
    support::clock::Clock,
};

const NAME: &str = "with_metrics";

/// Measures requests; see the [module](super).
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use wythe::{Metrics, compose, with_metrics};
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello"))
///     .layer(compose((with_metrics(Metrics::new()),)));
/// ```
pub const fn with_metrics(metrics: Metrics) -> Placed<Metrics> {
    placed(metrics)
}

/// The measurements of [`with_metrics`]. Clones share the handles of the recorder.
#[derive(Clone)]
#[must_use]
pub struct Metrics {
    pub(super) registry: Arc<Registry>,
    pub(super) clock: Clock,
}

impl Metrics {
    /// Measures with the recorder that is installed when the first request comes.
    pub fn new() -> Self {
        Self {
            registry: Arc::default(),
            clock: Clock::system(),
        }
    }

    /// The clock that measures durations.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        Self {
            clock: clock.into(),
            ..self
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Place for Metrics {
    type Stage = stage::Observe;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        Description::new(self.name())
    }
}

impl<S> Layer<S> for Metrics {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured {
            metrics: self.clone(),
            first_route: Arc::new(OnceLock::new()),
            inner,
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
