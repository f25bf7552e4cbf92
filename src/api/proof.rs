//! What the compiler proves about a route of an [`Api`](super::Api): that its stack, with what
//! stands around it, provides what the `Api` demands, is in order, and finds around it what it
//! assumes.

use std::{fmt, marker::PhantomData};

use crate::{
    compose::{Cons, FirstOf, NeededAround, Nil, Offers, SecondOf},
    contract::{
        Always, Needed, Place, Sometimes, debug_as_name,
        stage::{Observe, Then},
    },
};

/// A stack that, with the layers `Guard` around it, provides what an [`Api`](super::Api) demands.
#[diagnostic::on_unimplemented(
    message = "this route does not provide `{Demand}`, which the `Api` demands of every route: add \
               the layer that provides it, or move the route into `.public(\"why\", ..)`",
    label = "no layer of this route provides `{Demand}`",
    note = "`Auth<..>` is provided by `with_auth(..)`, in the stack of the route or in \
            `.guard(..)` of the `Api`; with `.optional()` or a condition it is not",
    note = "`assume::<..>()` proves nothing, and layers in `.around(..)` do not count"
)]
pub trait Guarded<Demand, Guard, I> {}

/// The index of a demand that the route's own stack meets.
pub struct MetByRoute<I>(PhantomData<fn() -> I>);

/// The index of a demand that the guard of the `Api` meets.
pub struct MetByGuard<I>(PhantomData<fn() -> I>);

/// The index of one of several demands, of which one has to be met.
pub struct MetByOne<I>(PhantomData<fn() -> I>);

debug_as_name!(MetByRoute MetByGuard MetByOne);

/// The index of no demand.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoDemand;

/// A demand that one of two values meets: `Api::<AnyOf<(Auth<User>, Auth<Machine>)>>`. For more than
/// two, the second is an `AnyOf` again.
pub struct AnyOf<T>(PhantomData<fn() -> T>);

debug_as_name!(AnyOf);

/// `Api<()>` demands nothing.
#[diagnostic::do_not_recommend]
impl<L, Guard> Guarded<(), Guard, NoDemand> for L {}

#[diagnostic::do_not_recommend]
impl<L, X, Guard, I> Guarded<X, Guard, MetByRoute<I>> for L where L: Proves<X, I> {}

#[diagnostic::do_not_recommend]
impl<L, X, Guard, I> Guarded<X, Guard, MetByGuard<I>> for L where Guard: Proves<X, I> {}

#[diagnostic::do_not_recommend]
impl<L, X, Y, Guard, I> Guarded<AnyOf<(X, Y)>, Guard, MetByOne<FirstOf<I>>> for L where
    L: Guarded<X, Guard, I>
{
}

#[diagnostic::do_not_recommend]
impl<L, X, Y, Guard, I> Guarded<AnyOf<(X, Y)>, Guard, MetByOne<SecondOf<I>>> for L where
    L: Guarded<Y, Guard, I>
{
}

/// A list of layers, one of which provides `X` itself, and does not only assume it.
pub trait Proves<X, I> {}

impl<X, H: Place, T, I> Proves<X, FirstOf<I>> for Cons<H, T> where H::Provides: Proven<X, I> {}
impl<X, H, T: Proves<X, I>, I> Proves<X, SecondOf<I>> for Cons<H, T> {}

/// What a layer provides, with `X` among it.
pub trait Proven<X, I> {}

impl<X, I> Proven<X, I> for Always<X> where Self: Offers<X, I> {}
impl<X, I> Proven<Option<X>, I> for Sometimes<X> where Self: Offers<Option<X>, I> {}
impl<X, P: Proven<X, I>, Q, I> Proven<X, FirstOf<I>> for (P, Q) {}
impl<X, P, Q: Proven<X, I>, I> Proven<X, SecondOf<I>> for (P, Q) {}

/// What stands around a part of a stack: the stage of the innermost layer, and what the layers
/// provide, as `()` or a pair of the innermost and the rest.
pub struct Surroundings<Stage, Have>(PhantomData<fn() -> (Stage, Have)>);

impl<Stage, Have> fmt::Debug for Surroundings<Stage, Have> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// Nothing stands around the outermost part.
pub type Nothing = Surroundings<Observe, ()>;

/// A list of layers inside these surroundings.
pub trait Enclose<Outer> {
    /// The surroundings of the layers inside the list.
    type Out;
}

impl<Outer> Enclose<Outer> for Nil {
    type Out = Outer;
}

impl<Stage, Have, H, T> Enclose<Surroundings<Stage, Have>> for Cons<H, T>
where
    H: Place,
    Stage: Then<H::Stage>,
    T: Enclose<Surroundings<Stage::Out, (H::Provides, Have)>>,
{
    type Out = T::Out;
}

/// A list of layers that may stand inside these surroundings, which provide what it assumes.
pub trait InOrder<Outer, I> {}

impl<Outer> InOrder<Outer, ()> for Nil {}

impl<Stage, Have, H, T, I, J> InOrder<Surroundings<Stage, Have>, (I, J)> for Cons<H, T>
where
    H: Place + StandsInside<Stage>,
    H::Needs: MetAround<Have, I>,
    T: InOrder<Surroundings<H::Out, (H::Provides, Have)>, J>,
{
}

/// A layer of a route that may stand inside a layer of stage `Outer`, which is around the route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is inside a layer of stage `{Outer}` here, but belongs outside it",
    label = "out of order with what is around this route",
    note = "move it into `.around(..)` or `.guard(..)` of the `Api`, or move the `{Outer}` layer from \
            there into the stacks of the routes (`wythe::stage` shows the whole order)"
)]
pub trait StandsInside<Outer> {
    /// The stage that the next layer is compared with.
    type Out;
}

#[diagnostic::do_not_recommend]
impl<H: Place, Outer: Then<H::Stage>> StandsInside<Outer> for H {
    type Out = Outer::Out;
}

/// The needs of a layer, as far as `compose` could not prove them.
pub trait MetAround<Have, I> {}

impl<Have> MetAround<Have, ()> for () {}
impl<Have, X> MetAround<Have, ()> for Needed<X> {}
impl<Have, X, I> MetAround<Have, Option<I>> for NeededAround<X> where Have: StandsAround<X, I> {}
impl<Have, M, N, I, J> MetAround<Have, (I, J)> for (M, N)
where
    M: MetAround<Have, I>,
    N: MetAround<Have, J>,
{
}

/// What stands around a route, with an `X` among it.
#[diagnostic::on_unimplemented(
    message = "nothing around this route provides `{X}`, which its stack assumes",
    label = "`assume::<{X}>()` is not met",
    note = "add the layer that provides it to `.around(..)` or `.guard(..)` of the `Api`, or put it \
            into the stack instead of `assume::<..>()`",
    note = "a public route is not inside `.guard(..)`"
)]
pub trait StandsAround<X, I> {}

#[diagnostic::do_not_recommend]
impl<X, P: Offers<X, I>, Rest, I> StandsAround<X, FirstOf<I>> for (P, Rest) {}

#[diagnostic::do_not_recommend]
impl<X, P, Rest: StandsAround<X, I>, I> StandsAround<X, SecondOf<I>> for (P, Rest) {}
