//! Checks the order of a stack, and that each layer has what it needs outside it.

use super::proof::{FirstOf, Offers, SecondOf};
use crate::contract::{Needed, Place, stage::Then};

/// A list whose layers may stand in this order, inside stage `From`, with `Have` provided.
///
/// `Have` is `()`, or what the innermost layer so far provides, paired with the rest.
pub trait Ordered<From, Have, I> {}

impl<From, Have> Ordered<From, Have, ()> for super::Nil {}

impl<From, Have, H, T, I, J> Ordered<From, Have, (I, J)> for super::Cons<H, T>
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
    note = "move it before the `{Outer}` layer; the first listed is the outermost, and \
            `wythe::stage` shows the whole order"
)]
pub trait Inside<Outer> {
    /// The stage that the next layer is held against.
    type Out;
}

#[diagnostic::do_not_recommend]
impl<H: Place, Outer: Then<H::Stage>> Inside<Outer> for H {
    type Out = Outer::Out;
}

/// Needs that are met by `Have`.
pub trait Met<Have, Layer, I> {}

impl<Have, Layer> Met<Have, Layer, ()> for () {}

impl<Have, Layer, N, I> Met<Have, Layer, Option<I>> for Needed<N> where Have: Has<N, Layer, I> {}

impl<Have, Layer, M, N, I, J> Met<Have, Layer, (I, J)> for (M, N)
where
    M: Met<Have, Layer, I>,
    N: Met<Have, Layer, J>,
{
}

/// A list of what is provided that holds `X`, which `Layer` needs.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` needs `{X}`, which no layer listed before it provides",
    label = "nothing listed earlier provides `{X}`",
    note = "list the layer that provides it earlier in `compose((..))`, or write \
            `assume::<{X}>()` there if something outside this stack does"
)]
pub trait Has<X, Layer, I> {}

#[diagnostic::do_not_recommend]
impl<X, Layer, P: Offers<X, I>, Rest, I> Has<X, Layer, FirstOf<I>> for (P, Rest) {}

#[diagnostic::do_not_recommend]
impl<X, Layer, P, Rest: Has<X, Layer, I>, I> Has<X, Layer, SecondOf<I>> for (P, Rest) {}
