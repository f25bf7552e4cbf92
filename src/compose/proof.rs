//! What the compiler proves about a stack: that its layers are in order, that each has what it
//! needs outside it, and that a handler asks only for what the stack provides.

use std::marker::PhantomData;

use super::{Cons, NeededAround, Nil, Presumed};
use crate::contract::{Always, Needed, Place, Sometimes, debug_as_name, stage::Then};

/// A list whose layers may stand in this order inside stage `From`, if `Have` is provided.
///
/// `Have` is `()`, or a pair: what the innermost layer so far provides, and the rest.
pub trait Ordered<From, Have, I> {}

impl<From, Have> Ordered<From, Have, ()> for Nil {}

impl<From, Have, H, T, I, J> Ordered<From, Have, (I, J)> for Cons<H, T>
where
    H: Place + Inside<From>,
    H::Needs: Met<Have, H, I>,
    T: Ordered<H::Out, (H::Provides, Have), J>,
{
}

/// A layer that may stand inside a layer of stage `Outer`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is listed too late in `compose((..))`: it belongs outside the layers of \
               stage `{Outer}`",
    label = "this stack is out of order",
    note = "move it before the `{Outer}` layer (the first listed layer is the outermost; \
            `wythe::stage` shows the whole order)",
    note = "to add this layer to a shared stack that already has a `{Outer}` layer, write \
            `stack.with(layer)`, which puts it in its place"
)]
pub trait Inside<Outer> {
    /// The stage that the next layer is compared with.
    type Out;
}

#[diagnostic::do_not_recommend]
impl<H: Place, Outer: Then<H::Stage>> Inside<Outer> for H {
    type Out = Outer::Out;
}

/// Needs of `Layer` that `Have` meets.
pub trait Met<Have, Layer, I> {}

impl<Have, Layer> Met<Have, Layer, ()> for () {}

/// Met by what is around the stack, which `compose` does not see.
impl<Have, Layer, X> Met<Have, Layer, ()> for NeededAround<X> {}

impl<Have, Layer, N, I> Met<Have, Layer, Option<I>> for Needed<N> where Have: Has<N, Layer, I> {}

impl<Have, Layer, M, N, I, J> Met<Have, Layer, (I, J)> for (M, N)
where
    M: Met<Have, Layer, I>,
    N: Met<Have, Layer, J>,
{
}

/// A list of provided values with the `X` that `Layer` needs.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` needs `{X}`, which no layer outside it provides",
    label = "no layer listed earlier provides `{X}`",
    note = "list the layer that provides it earlier in the stack, or `assume::<{X}>()` if something \
            outside this stack provides it"
)]
pub trait Has<X, Layer, I> {}

#[diagnostic::do_not_recommend]
impl<X, Layer, P: Offers<X, I>, Rest, I> Has<X, Layer, FirstOf<I>> for (P, Rest) {}

#[diagnostic::do_not_recommend]
impl<X, Layer, P, Rest: Has<X, Layer, I>, I> Has<X, Layer, SecondOf<I>> for (P, Rest) {}

/// What a layer provides, with `X` among it.
pub trait Offers<X, I> {}

impl<X> Offers<X, Direct> for Always<X> {}
impl<X> Offers<X, Direct> for Presumed<X> {}
impl<X> Offers<Option<X>, Direct> for Sometimes<X> {}
impl<X, P: Offers<X, I>, Q, I> Offers<X, FirstOf<I>> for (P, Q) {}
impl<X, P, Q: Offers<X, I>, I> Offers<X, SecondOf<I>> for (P, Q) {}

/// A list of layers, one of which provides `X`.
pub trait Gives<X, I> {}

#[diagnostic::do_not_recommend]
impl<X, H: Place, T, I> Gives<X, FirstOf<I>> for Cons<H, T> where H::Provides: Offers<X, I> {}

#[diagnostic::do_not_recommend]
impl<X, H, T: Gives<X, I>, I> Gives<X, SecondOf<I>> for Cons<H, T> {}

/// The index of an argument that the stack provides.
pub struct Given<I>(PhantomData<fn() -> I>);

/// An argument of a plain function that the layers `L` provide.
#[diagnostic::on_unimplemented(
    message = "no layer in this stack provides `{Self}`",
    label = "the function asks for `{Self}`",
    note = "add the layer that provides it to the stack, or `assume::<{Self}>()` if something \
            outside this stack provides it",
    note = "a layer with a condition, such as `.when(..)`, or with `.optional()` provides an `Option<..>`"
)]
pub trait ProvidedBy<L, I> {}

#[diagnostic::do_not_recommend]
impl<X, L: Gives<X, I>, I> ProvidedBy<L, Given<I>> for X {}

/// A list of layers that provides every argument of a function but its request: `Args` is the
/// request and the arguments.
pub trait Covers<Args, I> {}

macro_rules! covers {
    ($($argument:ident $index:ident)*) => {
        impl<L, Request, $($argument, $index),*> Covers<(Request, $($argument,)*), ($($index,)*)>
            for L
        where
            $($argument: ProvidedBy<L, $index>,)*
        {
        }
    };
}
covers!();
covers!(A1 I1);
covers!(A1 I1 A2 I2);
covers!(A1 I1 A2 I2 A3 I3);
covers!(A1 I1 A2 I2 A3 I3 A4 I4);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11);
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11 A12 I12);

/// The index of a match: this itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Direct;

/// The index of a match in the first of two.
pub struct FirstOf<I>(PhantomData<fn() -> I>);

/// The index of a match in the second of two.
pub struct SecondOf<I>(PhantomData<fn() -> I>);

debug_as_name!(FirstOf SecondOf Given);
