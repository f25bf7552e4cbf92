//! Orders the layers of a stack: one type for each stage, outermost first.
//!
//! A layer names its stage in [`Place::Stage`](crate::Place::Stage). [`compose`](crate::compose())
//! accepts a stack only if every layer is in the same stage as the layer before it, or further in.
//!
//! | stage | layers | because |
//! |---|---|---|
//! | [`Observe`] | trace, request id, metrics | sees everything, including crashes |
//! | [`Cors`] | CORS | a refusal without CORS headers is unreadable to the browser; a preflight has no credentials |
//! | [`Present`] | problem format, panic guard, security headers, compression | shapes every response, refusals and panics too, and CORS headers still go on top |
//! | [`Admit`] | client address, IP filter, timeout, load shedding | cheap, before any work |
//! | [`Method`] | method guard | 405 before anything is spent; after CORS, so preflights pass |
//! | [`Throttle`] | rate limit by client address | protects the password and signature checks behind it |
//! | [`Origin`] | CSRF | before credentials take effect |
//! | [`Authenticate`] | who it is | |
//! | [`Authorize`] | scopes, roles | needs the principal |
//! | [`Quota`] | rate limit by principal | needs the principal |
//! | [`Body`] | size limits, decompression, webhook signature | exact bytes, before any parser |
//! | [`Replay`] | idempotency keys | needs the principal, and reads the body within its limits |
//! | [`Validate`] | parse and validate | |
//! | [`Cache`] | cache-control, conditional requests | only the handler's own answers, never a 401 or 429 |
//!
//! [`Entrance`] (hosts, TLS) goes anywhere up to `Admit`: outside `Cors`, it also sees preflights.
//! [`Any`] goes anywhere: it is the stage of a layer about which the crate knows nothing.

/// The place of the stage of this name in the order; `None` for [`Entrance`] and [`Any`].
pub(crate) fn position(name: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == name)
}

/// One of the stages of this module.
pub trait Stage: sealed::Sealed {
    /// The stage's name, as in the printed stack.
    const NAME: &'static str;
}

/// Holds where a layer of stage `Next` may stand inside a layer of this stage.
#[diagnostic::on_unimplemented(
    message = "a `{Next}` layer is inside an `{Self}` layer, but belongs outside it",
    label = "this stack is out of order",
    note = "list the `{Next}` layer earlier in `compose((..))`, before the `{Self}` layer"
)]
pub trait Then<Next> {
    /// The stage that the next layer is compared with.
    type Out;
}

/// The inner one of two stages: the place of something that needs both.
pub trait Inner<Other>: Stage {
    /// Whichever of the two is further in.
    type Out: Stage;
}

/// The innermost of some stages: the stage of a tuple of [keys](crate::key).
pub trait Innermost {
    /// Whichever is furthest in.
    type Out: Stage;
}

impl<A: Stage> Innermost for (A,) {
    type Out = A;
}
impl<A: Inner<B>, B> Innermost for (A, B) {
    type Out = A::Out;
}

macro_rules! innermost {
    ($($rest:ident)*) => {
        impl<A: Inner<B>, B, $($rest),*> Innermost for (A, B, $($rest,)*)
        where
            (A::Out, $($rest,)*): Innermost,
        {
            type Out = <(A::Out, $($rest,)*) as Innermost>::Out;
        }
    };
}
innermost!(C);
innermost!(C D);
innermost!(C D E);
innermost!(C D E F);

/// Whether this stage is further in than another: [`Yes`] or [`No`]. [`Any`] is not.
pub trait FurtherIn<Other> {
    /// [`Yes`] or [`No`].
    type Answer;
}

/// This stage is further in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Yes;

/// This stage is the same, is further out, or is [`Any`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct No;

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {}
}

/// Declares the stages, outermost first, and which may stand inside which.
macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The names, outermost first.
        const ORDER: &[&str] = &[$(stringify!($name)),*];

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            pub struct $name;
            impl sealed::Sealed for $name {}
            impl Stage for $name {
                const NAME: &'static str = stringify!($name);
            }
            // A layer that stands anywhere leaves the stage as it was.
            impl Then<Any> for $name {
                type Out = $name;
            }
            impl Inner<$name> for $name {
                type Out = $name;
            }
            impl Inner<Any> for $name {
                type Out = $name;
            }
            impl Inner<$name> for Any {
                type Out = $name;
            }
            impl FurtherIn<$name> for $name {
                type Answer = No;
            }
            impl FurtherIn<Any> for $name {
                type Answer = No;
            }
            impl FurtherIn<$name> for Any {
                type Answer = No;
            }
            impl FurtherIn<$name> for Entrance {
                type Answer = No;
            }
            impl FurtherIn<Entrance> for $name {
                type Answer = <Self as FurtherIn<Admit>>::Answer;
            }
        )*
        stages!(@order $($name)*);
    };
    (@order) => {};
    (@order $outer:ident $($inner:ident)*) => {
        impl Then<$outer> for $outer {
            type Out = $outer;
        }
        $(
            impl Then<$inner> for $outer {
                type Out = $inner;
            }
            impl Inner<$inner> for $outer {
                type Out = $inner;
            }
            impl Inner<$outer> for $inner {
                type Out = $inner;
            }
            impl FurtherIn<$outer> for $inner {
                type Answer = Yes;
            }
            impl FurtherIn<$inner> for $outer {
                type Answer = No;
            }
        )*
        stages!(@order $($inner)*);
    };
}

stages! {
    /// Sees everything: traces, request ids, metrics.
    Observe,
    /// Cross-origin resource sharing.
    Cors,
    /// Shapes every response: the format of refusals, the panic guard, compression.
    Present,
    /// Cheap admission: client address, IP filter, timeout, load shedding.
    Admit,
    /// The method guard.
    Method,
    /// Rate limits by client address.
    Throttle,
    /// Cross-site request forgery.
    Origin,
    /// Finds out who sent the request.
    Authenticate,
    /// Decides what they may do.
    Authorize,
    /// Rate limits by principal.
    Quota,
    /// The exact bytes of the body: size limits, decompression, signatures.
    Body,
    /// Idempotency keys.
    Replay,
    /// Parses and validates.
    Validate,
    /// Caching of the handler's own answers.
    Cache,
}

/// Stands anywhere up to [`Admit`]: checks of where a request was sent to, and over what.
///
/// Outside [`Cors`], such a layer checks preflights as well, and a browser does not send the request that
/// follows. Inside [`Present`], its refusals have the shape of all others.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entrance;
impl sealed::Sealed for Entrance {}
impl Stage for Entrance {
    const NAME: &'static str = "Entrance";
}
impl FurtherIn<Self> for Entrance {
    type Answer = No;
}
impl FurtherIn<Any> for Entrance {
    type Answer = No;
}
impl FurtherIn<Entrance> for Any {
    type Answer = No;
}
// It leaves the stage as it was.
impl Then<Entrance> for Observe {
    type Out = Self;
}
impl Then<Entrance> for Cors {
    type Out = Self;
}
impl Then<Entrance> for Present {
    type Out = Self;
}
impl Then<Entrance> for Admit {
    type Out = Self;
}

/// Stands anywhere in a stack.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Any;
impl sealed::Sealed for Any {}
impl Stage for Any {
    const NAME: &'static str = "Any";
}
impl Inner<Self> for Any {
    type Out = Self;
}
impl FurtherIn<Self> for Any {
    type Answer = No;
}
