//! Holds what can stand in a stack beside a middleware: foreign layers and assumptions.

use std::{fmt, marker::PhantomData};

use tower_layer::Layer;

use crate::contract::{Always, Description, Place, stage::Any};

/// A layer of another crate in a stack; made by [`layer`].
#[derive(Clone, Copy, Debug)]
pub struct Foreign<L>(L);

/// Takes any [`tower::Layer`](Layer) into a stack, at any place.
///
/// # Example
///
/// ```
/// use tower::layer::util::Identity;
/// use wythe::{compose, layer};
///
/// let stack = compose((layer(Identity::new()),));
/// ```
pub const fn layer<L>(layer: L) -> Foreign<L> {
    Foreign(layer)
}

impl<L: Layer<S>, S> Layer<S> for Foreign<L> {
    type Service = L::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(inner)
    }
}

impl<L> Place for Foreign<L> {
    type Stage = Any;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        Description::of::<L>()
    }
}

/// Says that something outside the stack provides `X`; made by [`assume`].
pub struct Assumed<X>(PhantomData<fn() -> X>);

/// Says that something outside this stack provides `X`: a layer around the whole router, or a
/// layer of another crate.
///
/// # Example
///
/// ```
/// use wythe::{Auth, assume, compose};
///
/// struct Claims;
/// let stack = compose((assume::<Auth<Claims>>(),));
/// ```
#[must_use]
pub const fn assume<X>() -> Assumed<X> {
    Assumed(PhantomData)
}

impl<X> Clone for Assumed<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Assumed<X> {}

impl<X> fmt::Debug for Assumed<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assumed")
    }
}

impl<X, S> Layer<S> for Assumed<X> {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

impl<X> Place for Assumed<X> {
    type Stage = Any;
    type Provides = Always<X>;
    type Needs = ();

    fn describe(&self) -> Description {
        Description::new("assume").suffix(&format!(" {}", Description::of::<X>().name()))
    }
}
