//! The list of layers that a stack holds, its elements, and how a tuple becomes one.
//!
//! A tuple of layers becomes `Cons<A, Cons<B, Nil>>`, so every property of a stack needs two impls.

use std::{any::type_name, fmt, marker::PhantomData};

use http::{Extensions, StatusCode};
use tower_layer::Layer;

use super::Stack;
use crate::contract::{
    Description, Place, Placed, Provision, Sometimes, With, debug_as_name,
    description::Answer,
    stage::{Any, FurtherIn, No, Yes},
};

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

/// A layer of another crate in a stack; made by [`layer`].
#[derive(Clone, Copy, Debug)]
pub struct Foreign<L>(L);

/// Makes any [`tower::Layer`](Layer) an element of a stack. It may be listed anywhere.
///
/// # Example
///
/// ```
/// use tower::layer::util::Identity;
/// use wythe::{compose, layer};
///
/// let stack = compose(layer(Identity::new()));
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

    fn name(&self) -> &'static str {
        type_name::<L>()
    }
}

/// States that something outside the stack provides `X`; made by [`assume`].
pub struct Assumed<X>(PhantomData<fn() -> X>);

/// States that something outside this stack provides `X`: a layer around the whole router, or a
/// layer of another crate.
///
/// # Example
///
/// ```
/// use wythe::{Auth, assume, compose};
///
/// struct Claims;
/// let stack = compose(assume::<Auth<Claims>>());
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

impl<X: 'static> Place for Assumed<X> {
    type Stage = Any;
    type Provides = Presumed<X>;
    type Needs = NeededAround<X>;

    fn name(&self) -> &'static str {
        "assume"
    }

    fn describe(&self) -> Description {
        let assumed = Description::of::<X>();
        let missing = Answer::new(StatusCode::INTERNAL_SERVER_ERROR)
            .when("when nothing around the stack has provided it");
        Description::new(self.name())
            .suffix(&format!(" {}", assumed.name()))
            .assumption(missing)
    }
}

/// What [`assume`] provides: an `X` that handlers and layers can ask for, but no proof that a route is
/// guarded.
pub struct Presumed<X>(PhantomData<fn() -> X>);

impl<X: 'static> Provision for Presumed<X> {
    type Weak = Sometimes<X>;

    fn mark(_: &mut Extensions) {}
}

/// What [`assume`] needs: something around the stack that provides an `X`. [`compose`](super::compose)
/// does not see what is around it and takes this as given; an `Api` proves it.
pub struct NeededAround<X>(PhantomData<fn() -> X>);

debug_as_name!(Presumed NeededAround);

/// An element of a stack: a `with_*` layer, [`placed`](crate::placed), [`layer`], [`assume`], or
/// a stack.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of this crate",
    label = "not an element of a stack",
    note = "a policy needs its function: `with_cors(Cors::..)`, `with_auth(Jwt::..)`; a middleware \
            of your own goes into `with(..)`, a layer of your own into `placed(..)`",
    note = "a layer of tower-http needs the feature `tower-http`, and tower-http 0.7",
    note = "any other `tower::Layer` goes into `layer(..)`",
    note = "a layer that can be invalid is a `Result`: write `?` after it, as in \
            `with_scopes(Scopes::all([..])?)`"
)]
pub trait Append<T> {
    /// This element with the list `T` inside it.
    type Out;

    /// Puts the list inside this element.
    fn append(self, tail: T) -> Self::Out;
}

impl<T> Append<T> for Nil {
    type Out = T;

    fn append(self, tail: T) -> T {
        tail
    }
}

impl<H, R: Append<T>, T> Append<T> for Cons<H, R> {
    type Out = Cons<H, R::Out>;

    fn append(self, tail: T) -> Self::Out {
        Cons::new(self.head, self.tail.append(tail))
    }
}

impl<L: Append<T>, T> Append<T> for Stack<L> {
    type Out = L::Out;

    fn append(self, tail: T) -> L::Out {
        self.list.append(tail)
    }
}

/// What [`compose`](super::compose) takes: one layer, or a tuple of up to 16.
#[diagnostic::on_unimplemented(
    message = "`compose` takes a layer of this crate or a tuple of them, not `{Self}`",
    label = "not a layer, and not a tuple of up to 16 layers",
    note = "a policy needs its function: `with_cors(Cors::..)`, `with_auth(Jwt::..)`; a middleware \
            of your own goes into `with(..)`, a layer of your own into `placed(..)`",
    note = "a layer of tower-http needs the feature `tower-http`, and tower-http 0.7",
    note = "any other `tower::Layer` goes into `layer(..)`; more than 16 layers go into several \
            stacks, which can be composed",
    note = "a layer that can be invalid is a `Result`: write `?` after it, as in \
            `with_scopes(Scopes::all([..])?)`"
)]
pub trait IntoList {
    /// The list, outermost layer first.
    type List;

    /// The layers as a list.
    fn into_list(self) -> Self::List;
}

macro_rules! one_element {
    ($($element:ident)*) => {$(
        impl<L, T> Append<T> for $element<L> {
            type Out = Cons<Self, T>;

            fn append(self, tail: T) -> Self::Out {
                Cons::new(self, tail)
            }
        }

        impl<L> IntoList for $element<L> {
            type List = Cons<Self, Nil>;

            fn into_list(self) -> Self::List {
                Cons::new(self, Nil)
            }
        }
    )*};
}
one_element!(With Placed Foreign Assumed);

impl<L> IntoList for Stack<L> {
    type List = L;

    fn into_list(self) -> L {
        self.list
    }
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

/// A list that takes in the layers of another list, each at its stage.
pub trait Merge<Layers> {
    /// The list with these layers.
    type Out;

    /// Takes the layers in.
    fn merge(self, layers: Layers) -> Self::Out;
}

#[diagnostic::do_not_recommend]
impl<L> Merge<Nil> for L {
    type Out = L;

    fn merge(self, _: Nil) -> L {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<L, H, T> Merge<Cons<H, T>> for L
where
    L: Insert<H, Out: Merge<T>>,
{
    type Out = <L::Out as Merge<T>>::Out;

    fn merge(self, layers: Cons<H, T>) -> Self::Out {
        self.insert(layers.head).merge(layers.tail)
    }
}

/// A list that takes in one layer: inside the layers of the same stage and of those further out,
/// and inside the layers of no stage that follow these.
pub trait Insert<X> {
    /// The list with this layer.
    type Out;

    /// Takes the layer in.
    fn insert(self, layer: X) -> Self::Out;
}

impl<X> Insert<X> for Nil {
    type Out = Cons<X, Self>;

    fn insert(self, layer: X) -> Self::Out {
        Cons::new(layer, self)
    }
}

impl<X, H, T> Insert<X> for Cons<H, T>
where
    X: Place,
    H: Place<Stage: FurtherIn<X::Stage, Answer: InsertBefore<X, H, T>>>,
{
    type Out = <<H::Stage as FurtherIn<X::Stage>>::Answer as InsertBefore<X, H, T>>::Out;

    fn insert(self, layer: X) -> Self::Out {
        <H::Stage as FurtherIn<X::Stage>>::Answer::insert(layer, self)
    }
}

/// Whether a layer goes before the head of a list, or somewhere into its tail.
pub trait InsertBefore<X, H, T> {
    /// The list with this layer.
    type Out;

    /// Takes the layer in.
    fn insert(layer: X, list: Cons<H, T>) -> Self::Out;
}

impl<X, H, T> InsertBefore<X, H, T> for Yes {
    type Out = Cons<X, Cons<H, T>>;

    fn insert(layer: X, list: Cons<H, T>) -> Self::Out {
        Cons::new(layer, list)
    }
}

impl<X, H, T: Insert<X>> InsertBefore<X, H, T> for No {
    type Out = Cons<H, T::Out>;

    fn insert(layer: X, list: Cons<H, T>) -> Self::Out {
        Cons::new(list.head, list.tail.insert(layer))
    }
}
