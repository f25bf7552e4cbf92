//! Turns a tuple of layers into a list, so that every property of a stack is two impls.

use tower_layer::Layer;

use super::{Assumed, Foreign, Stack};
use crate::contract::{Placed, With};

/// No layers.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Nil;

/// A layer, and the layers inside it.
#[derive(Clone, Copy, Debug)]
pub struct Cons<H, T> {
    pub(super) head: H,
    pub(super) tail: T,
}

impl<H, T> Cons<H, T> {
    #[cfg(feature = "tower-http")]
    pub(crate) const fn new(head: H, tail: T) -> Self {
        Self { head, tail }
    }
}

impl<S> Layer<S> for Nil {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

impl<S, H, T> Layer<S> for Cons<H, T>
where
    T: Layer<S>,
    H: Layer<T::Service>,
{
    type Service = H::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.head.layer(self.tail.layer(inner))
    }
}

/// An element of a stack: a `with_*` layer, [`placed`](crate::placed), [`layer`](super::layer),
/// [`assume`](super::assume), or a stack.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of this crate",
    label = "not an element of a stack",
    note = "a policy needs its function around it: `with_cors(Cors::..)`, `with_auth(Jwt::..)`, \
            or `with(..)` for a middleware of your own, or `placed(..)` for \
            a layer of your own",
    note = "any other `tower::Layer` goes in through `layer(..)`"
)]
pub trait Append<T> {
    /// This element with the list `T` behind it.
    type Out;

    /// Puts the list behind this element.
    fn append(self, tail: T) -> Self::Out;
}

macro_rules! one_element {
    ($($element:ident)*) => {$(
        impl<L, T> Append<T> for $element<L> {
            type Out = Cons<Self, T>;

            fn append(self, tail: T) -> Self::Out {
                Cons { head: self, tail }
            }
        }
    )*};
}
one_element!(With Placed Foreign Assumed);

impl<T> Append<T> for Nil {
    type Out = T;

    fn append(self, tail: T) -> T {
        tail
    }
}

impl<H, R: Append<T>, T> Append<T> for Cons<H, R> {
    type Out = Cons<H, R::Out>;

    fn append(self, tail: T) -> Self::Out {
        Cons {
            head: self.head,
            tail: self.tail.append(tail),
        }
    }
}

impl<L: Append<T>, T> Append<T> for Stack<L> {
    type Out = L::Out;

    fn append(self, tail: T) -> L::Out {
        self.list.append(tail)
    }
}

/// A tuple of up to 16 elements.
#[diagnostic::on_unimplemented(
    message = "`compose` takes a tuple of layers, and `{Self}` is none",
    label = "not a tuple of up to 16 layers",
    note = "one layer is a tuple too: `compose((with_cors(..),))`; more than 16 go into a stack \
            of stacks"
)]
pub trait IntoList {
    /// The list, outermost layer first.
    type List;

    /// The tuple as a list.
    fn into_list(self) -> Self::List;
}

impl IntoList for () {
    type List = Nil;

    fn into_list(self) -> Nil {
        Nil
    }
}

macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first, $($rest),*> IntoList for ($first, $($rest,)*)
        where
            ($($rest,)*): IntoList,
            $first: Append<<($($rest,)*) as IntoList>::List>,
        {
            type List = $first::Out;

            #[expect(non_snake_case, reason = "a variable for each type parameter")]
            fn into_list(self) -> Self::List {
                let ($first, $($rest,)*) = self;
                $first.append(($($rest,)*).into_list())
            }
        }
        tuples!($($rest)*);
    };
}
tuples!(A B C D E F G H I J K L M N O P);
