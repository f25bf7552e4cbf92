//! Makes a layer with a service of its own an element of a stack.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::contract::{Description, Place, Provision};

/// A layer that has a service of its own and knows its place; made by [`placed`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Placed<L>(L);

/// Lets a [`tower::Layer`](Layer) that implements [`Place`] stand in
/// [`compose`](crate::compose()).
///
/// Most middlewares are better written as a [`Middleware`](crate::Middleware), without a service
/// and a future. This is for those that can't be: a middleware that must see the response's body,
/// or that races the handler against a timer. A layer of another crate, which has no place, goes in
/// through [`layer`](crate::compose::layer).
///
/// # Example
///
/// ```
/// use tower::limit::ConcurrencyLimitLayer;
/// use tower_layer::Layer;
/// use wythe::{Place, compose, placed, stage};
///
/// /// Lets eight requests at a time pass.
/// #[derive(Clone)]
/// struct EightAtATime;
///
/// impl<S> Layer<S> for EightAtATime {
///     type Service = tower::limit::ConcurrencyLimit<S>;
///
///     fn layer(&self, inner: S) -> Self::Service {
///         ConcurrencyLimitLayer::new(8).layer(inner)
///     }
/// }
///
/// impl Place for EightAtATime {
///     type Stage = stage::Admit;
///     type Provides = ();
///     type Needs = ();
/// }
///
/// let stack = compose((placed(EightAtATime),));
/// assert_eq!(stack.describe()[0].0, "Admit");
/// ```
pub const fn placed<L>(layer: L) -> Placed<L> {
    Placed(layer)
}

impl<L> Placed<L> {
    /// The layer inside.
    pub const fn inner(&self) -> &L {
        &self.0
    }

    /// The layer inside, by value.
    pub(crate) fn into_inner(self) -> L {
        self.0
    }
}

impl<L: Layer<S> + Place, S> Layer<S> for Placed<L> {
    type Service = Marked<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Marked {
            service: self.0.layer(inner),
            mark: L::Provides::mark,
        }
    }
}

/// The service of a [`Placed`] layer. It marks each request as seen by a layer that provides something.
// What it provides is not in its type, so that a service is compiled once for all such types.
#[derive(Clone)]
pub struct Marked<S> {
    service: S,
    mark: fn(&mut Extensions),
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Marked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        (self.mark)(request.extensions_mut());
        self.service.call(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for Marked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Marked").field(&self.service).finish()
    }
}

impl<L: Place> Place for Placed<L> {
    type Stage = L::Stage;
    type Provides = L::Provides;
    type Needs = L::Needs;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn describe(&self) -> Description {
        self.0.describe()
    }
}
