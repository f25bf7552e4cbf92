//! Says where a layer stands in a stack, what it provides and what it needs there.

use std::{any::type_name, marker::PhantomData};

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
    type Provides: Provision;
    /// `()`, [`Needed<X>`], or a pair of these.
    type Needs;

    /// The layer's name in the log and in a printed stack, ideally as it is written in a stack. By
    /// default the path of the type.
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// What the layer does, as data: what it can answer in the handler's place, which header fields it
    /// sets, whom it accepts. By default only its name is known, and a document says that the layer may
    /// answer anything.
    fn describe(&self) -> Description {
        Description::unknown(self.name())
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

/// What a layer provides: [`Place::Provides`].
pub trait Provision {
    /// The same with every [`Always`] turned into [`Sometimes`], for a layer that acts on some
    /// requests only.
    type Weak: Provision;

    /// Marks a request that a layer of this kind has passed on.
    ///
    /// If an `X` that is provided [`Sometimes`] is missing, the mark distinguishes a request without an
    /// `X` from one that no such layer has seen.
    fn mark(extensions: &mut Extensions);
}

impl Provision for () {
    type Weak = ();

    fn mark(_: &mut Extensions) {}
}

impl<X: 'static> Provision for Always<X> {
    type Weak = Sometimes<X>;

    fn mark(_: &mut Extensions) {}
}

impl<X: 'static> Provision for Sometimes<X> {
    type Weak = Self;

    fn mark(extensions: &mut Extensions) {
        // A type without a size: the extensions do not allocate for it.
        extensions.insert(Seen::<X>(PhantomData));
    }
}

impl<P: Provision, Q: Provision> Provision for (P, Q) {
    type Weak = (P::Weak, Q::Weak);

    fn mark(extensions: &mut Extensions) {
        P::mark(extensions);
        Q::mark(extensions);
    }
}

/// In the extensions of a request: a layer that provides an `X` [`Sometimes`] has seen the request.
struct Seen<X>(PhantomData<fn() -> X>);

impl<X> Clone for Seen<X> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

/// A value that a layer leaves in the request's extensions for the handler.
///
/// Do not implement axum's `FromRequestParts` or `FromRequest` for such a type: where the stack
/// provides it, the compiler could not tell which of the two a handler means ("type annotations
/// needed"), and elsewhere the handler would run without the layer. A plain handler under a layer
/// around the whole router asks for [`FromLayer`](crate::FromLayer) instead.
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

/// `None` if a layer that provides the value [`Sometimes`] has seen the request and has not left one.
///
/// If no such layer has seen the request, nothing is known about it, and the `Option` itself is
/// missing.
impl<P: Provided + 'static> Provided for Option<P> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        match P::from_extensions(extensions) {
            None => extensions.get::<Seen<P>>().map(|_| None),
            value => Some(value),
        }
    }
}
