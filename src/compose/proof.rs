//! Proves that a handler asks only for what its stack provides.

use std::marker::PhantomData;

use super::Cons;
use crate::contract::{Always, Place, Sometimes, debug_as_name};

/// Where something was found: it is this very thing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Direct;

/// Where something was found: it is in the first of two.
pub struct FirstOf<I>(PhantomData<fn() -> I>);

/// Where something was found: it is in the second of two.
pub struct SecondOf<I>(PhantomData<fn() -> I>);

debug_as_name!(FirstOf SecondOf Given);

/// What a layer provides, if `X` is among it.
pub trait Offers<X, I> {}

impl<X> Offers<X, Direct> for Always<X> {}
impl<X> Offers<Option<X>, Direct> for Sometimes<X> {}
impl<X, P: Offers<X, I>, Q, I> Offers<X, FirstOf<I>> for (P, Q) {}
impl<X, P, Q: Offers<X, I>, I> Offers<X, SecondOf<I>> for (P, Q) {}

/// A list of layers, one of which provides `X`.
pub trait Gives<X, I> {}

#[diagnostic::do_not_recommend]
impl<X, H: Place, T, I> Gives<X, FirstOf<I>> for Cons<H, T> where H::Provides: Offers<X, I> {}

#[diagnostic::do_not_recommend]
impl<X, H, T: Gives<X, I>, I> Gives<X, SecondOf<I>> for Cons<H, T> {}

/// An argument that the stack gives.
pub struct Given<I>(PhantomData<fn() -> I>);

/// An argument that the handler's framework extracts by itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Extracted;

/// An argument that a handler inside the list `L` may ask for.
#[diagnostic::on_unimplemented(
    message = "no layer in this stack provides `{Self}`",
    label = "the handler asks for `{Self}`",
    note = "add the layer that provides it to `compose((..))`, or `assume::<{Self}>()` if \
            something outside this stack does",
    note = "a layer with `.when(..)`, `.except(..)` or `.optional()` provides an `Option<..>`",
    note = "an extractor of your own goes into `Extract<..>`: `Extract(session): Extract<Session>`"
)]
pub trait Argument<L, I> {}

#[diagnostic::do_not_recommend]
impl<X, L, I> Argument<L, Given<I>> for X where L: Gives<X, I> {}

/// A list of layers that gives everything in `Args` that is not extracted.
pub trait Covers<Args, I> {}

macro_rules! covers {
    ($($argument:ident $index:ident)*) => {
        impl<L, Marker, $($argument, $index),*> Covers<(Marker, $($argument,)*), ($($index,)*)>
            for L
        where
            $($argument: Argument<L, $index>,)*
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
covers!(A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11 A12 I12 A13 I13);
covers!(
    A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11 A12 I12 A13 I13 A14 I14
);
covers!(
    A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11 A12 I12 A13 I13 A14 I14
    A15 I15
);
covers!(
    A1 I1 A2 I2 A3 I3 A4 I4 A5 I5 A6 I6 A7 I7 A8 I8 A9 I9 A10 I10 A11 I11 A12 I12 A13 I13 A14 I14
    A15 I15 A16 I16
);
