//! Says where a layer stands in a stack, what it provides and what it needs there.

use std::marker::PhantomData;

use http::Extensions;

use crate::contract::{Description, stage::Stage};

/// Where a layer stands in a stack, what it provides to the handler, and what it needs.
///
/// [`compose`](crate::compose()) reads these types and nothing else of a layer.
///
/// # Example
///
/// ```
/// use wythe::{Always, Place, stage};
///
/// /// The tenant, named by the first label of the host.
/// struct Tenant(String);
///
/// struct Tenancy;
///
/// impl Place for Tenancy {
///     type Stage = stage::Admit;
///     type Provides = Always<Tenant>;
///     type Needs = ();
/// }
/// ```
pub trait Place {
    /// One of the types of [`stage`](crate::stage).
    type Stage: Stage;
    /// `()`, [`Always<X>`], [`Sometimes<X>`], or a pair of these.
    type Provides;
    /// `()`, [`Needed<X>`], or a pair of these.
    type Needs;

    /// The layer in words: its name, what it can answer in the handler's place, which header
    /// fields it adds.
    fn describe(&self) -> Description {
        Description::of::<Self>()
    }
}

/// Every request that reaches the handler has an `X`.
pub struct Always<X>(PhantomData<fn() -> X>);

/// A request that reaches the handler may have an `X`: the handler can ask for `Option<X>`.
pub struct Sometimes<X>(PhantomData<fn() -> X>);

/// A layer outside this one must provide an `X`.
pub struct Needed<X>(PhantomData<fn() -> X>);

/// Types that stand for something and hold nothing show their name.
macro_rules! debug_as_name {
    ($($name:ident)*) => {$(
        impl<X> std::fmt::Debug for $name<X> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
debug_as_name!(Always Sometimes Needed);
pub(crate) use debug_as_name;

/// What becomes of [`Place::Provides`] when the layer acts on some requests only.
pub trait Weaken {
    /// The same with every [`Always`] turned into [`Sometimes`].
    type Weak;
}

impl Weaken for () {
    type Weak = ();
}
impl<X> Weaken for Always<X> {
    type Weak = Sometimes<X>;
}
impl<X> Weaken for Sometimes<X> {
    type Weak = Self;
}
impl<P: Weaken, Q: Weaken> Weaken for (P, Q) {
    type Weak = (P::Weak, Q::Weak);
}

/// A value that a layer leaves in the request's extensions for the handler.
///
/// # Example
///
/// ```
/// use http::Extensions;
/// use wythe::Provided;
///
/// #[derive(Clone)]
/// struct Tenant(String);
///
/// impl Provided for Tenant {
///     fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
///         extensions.get().cloned()
///     }
/// }
/// ```
pub trait Provided: Sized {
    /// The value, if the layer has left it there.
    fn from_extensions(extensions: &mut Extensions) -> Option<Self>;
}

impl<P: Provided> Provided for Option<P> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        Some(P::from_extensions(extensions))
    }
}
