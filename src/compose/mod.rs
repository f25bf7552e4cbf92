//! Puts layers around a handler: [`compose`] and [`Stack`].

mod condition;
mod element;
mod function;
mod list;
mod order;
mod proof;
mod table;

use tower_layer::Layer;

pub use condition::When;
pub use element::{Assumed, Foreign, assume, layer};
pub use function::{Function, FunctionFuture, FunctionService};
pub use list::{Append, Cons, IntoList, Nil};
pub use order::{Has, Inside, Met, Ordered};
pub use proof::{Argument, Covers, Direct, Extracted, FirstOf, Given, Gives, Offers, SecondOf};
pub use table::Describe;
#[cfg(feature = "axum")]
pub(crate) use table::{rows, write_table};

/// Puts layers together to one stack, first listed outermost.
///
/// The order is checked by the compiler: each layer must stand in the same [`stage`](crate::stage)
/// as the layer listed before it, or further in; what it needs must be provided by a layer listed
/// before it. A stack may be listed in a stack.
///
/// # Example
///
/// ```
/// use wythe::{CacheControl, Cors, compose, with_cache_control, with_cors};
///
/// let stack = compose((
///     with_cors(Cors::origins(["https://app.example.com"])?),
///     with_cache_control(CacheControl::no_store()),
/// ));
/// println!("{stack}");
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// The other way round does not compile:
///
/// ```compile_fail
/// use wythe::{CacheControl, Cors, compose, with_cache_control, with_cors};
///
/// let stack = compose((
///     with_cache_control(CacheControl::no_store()),
///     with_cors(Cors::origins(["https://app.example.com"])?),
/// ));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub fn compose<T, I>(layers: T) -> Stack<T::List>
where
    T: IntoList,
    T::List: Ordered<crate::contract::stage::Observe, (), I>,
{
    Stack {
        list: layers.into_list(),
    }
}

/// Layers in an order that was checked; made by [`compose`].
///
/// It is a [`tower::Layer`](Layer) itself, and prints itself as a table of layer, stage and what
/// the layer can answer.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Stack<L> {
    list: L,
}

impl<L> Stack<L> {
    /// Puts the stack around a service.
    pub fn service<S>(&self, service: S) -> L::Service
    where
        L: Layer<S>,
    {
        self.list.layer(service)
    }

    #[cfg(feature = "axum")]
    pub(crate) const fn list(&self) -> &L {
        &self.list
    }
}

impl<S, L: Layer<S>> Layer<S> for Stack<L> {
    type Service = L::Service;

    fn layer(&self, inner: S) -> Self::Service {
        self.list.layer(inner)
    }
}
