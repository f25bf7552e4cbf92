//! Puts layers around a handler: [`compose`] and [`Stack`].

mod condition;
mod function;
mod list;
mod proof;

use std::fmt;

use http::HeaderName;
use tower_layer::Layer;

#[cfg(any(feature = "axum", feature = "method"))]
pub(crate) use self::function::BoxedResponse;
pub use self::{
    condition::{Condition, RouteList, When},
    function::{ErasedHandler, Function, HandlerFuture, Reply},
    list::{
        Append, Assumed, Cons, Foreign, Insert, InsertBefore, IntoList, Merge, NeededAround, Nil,
        Presumed, assume, layer,
    },
    proof::{
        Covers, Direct, FirstOf, Given, Gives, Has, Inside, Met, Offers, Ordered, ProvidedBy,
        SecondOf,
    },
};
use crate::contract::{
    Description, Place,
    description::Answer,
    stage::{Observe, Stage},
};

/// Composes layers into one stack, first listed outermost. It takes a tuple of layers, or one
/// layer.
///
/// The compiler checks the order: each layer must belong to the same [`stage`](crate::stage) as the
/// layer listed before it, or to one further in, and a layer listed before it must provide what it
/// needs. A stack may be listed inside another; [`Stack::with`] adds layers to a stack at their stages.
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
    T::List: Ordered<Observe, (), I>,
{
    Stack {
        list: layers.into_list(),
    }
}

/// Layers in a checked order; made by [`compose`].
///
/// It is a [`tower::Layer`](Layer), and it prints itself as a table: each layer, its stage, and what
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

    /// Adds a layer, or a tuple of them, each at its [`stage`](crate::stage): inside the layers of
    /// the same stage and of earlier ones, outside those of later stages. A layer without a stage
    /// of its own, such as [`layer`](layer())`(..)`, becomes the innermost one.
    ///
    /// The compiler checks the result as [`compose`] does.
    ///
    /// # Example: one base for all routes, extended for one of them
    ///
    /// ```
    /// use http::Method;
    /// use wythe::{CacheControl, Cors, compose, with_cache_control, with_cors, with_methods};
    ///
    /// let base = compose((
    ///     with_cors(Cors::origins(["https://app.example.com"])?),
    ///     with_cache_control(CacheControl::no_store()),
    /// ));
    /// let read_only = base.clone().with(with_methods([Method::GET]));
    ///
    /// let names: Vec<_> = read_only
    ///     .describe()
    ///     .into_iter()
    ///     .map(|(_, layer)| layer.name().to_owned())
    ///     .collect();
    /// assert_eq!(names, ["with_cors", "with_methods", "with_cache_control"]);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn with<T, I>(self, layers: T) -> Stack<L::Out>
    where
        T: IntoList,
        L: Merge<T::List>,
        L::Out: Ordered<Observe, (), I>,
    {
        Stack {
            list: self.list.merge(layers.into_list()),
        }
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

/// A list whose layers describe themselves.
pub trait Describe {
    /// Calls `each` with the stage and the description of every layer, outermost first.
    fn describe_each(&self, each: &mut dyn FnMut(&'static str, Description));
}

impl Describe for Nil {
    fn describe_each(&self, _: &mut dyn FnMut(&'static str, Description)) {}
}

impl<H: Place, T: Describe> Describe for Cons<H, T> {
    fn describe_each(&self, each: &mut dyn FnMut(&'static str, Description)) {
        each(H::Stage::NAME, self.head.describe());
        self.tail.describe_each(each);
    }
}

impl<L: Describe> Stack<L> {
    /// The name of the stage and the description of each layer, outermost first.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, Description)> {
        rows(&self.list)
    }
}

impl<L: Describe> fmt::Display for Stack<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(&rows(&self.list), f)
    }
}

/// The name of the stage and the description of each layer, outermost first.
pub(crate) fn rows(list: &dyn Describe) -> Vec<(&'static str, Description)> {
    let mut all = Vec::new();
    list.describe_each(&mut |stage, description| all.push((stage, description)));
    all
}

/// Writes these layers as a table.
pub(crate) fn write_table(
    rows: &[(&'static str, Description)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let names = rows.iter().map(|(_, layer)| layer.name().chars().count());
    let name_width = names.chain(["layer".len()]).max().unwrap_or_default();
    let stages = rows.iter().map(|(stage, _)| stage.len());
    let stage_width = stages.chain(["stage".len()]).max().unwrap_or_default();

    writeln!(
        f,
        "{:name_width$}  {:stage_width$}  answers and sets",
        "layer", "stage"
    )?;
    for (stage, layer) in rows {
        let mut name = layer.name();
        let mut stage = *stage;
        let mut lines: Vec<_> = layer.answers().iter().map(ToString::to_string).collect();
        lines.extend(sets(layer));
        if lines.is_empty() {
            writeln!(f, "{name:name_width$}  {stage}")?;
        }
        for line in lines {
            writeln!(f, "{name:name_width$}  {stage:stage_width$}  {line}")?;
            (name, stage) = ("", "");
        }
    }
    Ok(())
}

/// The fields that a layer sets on errors of its own and on responses of the handler, in one line. The
/// fields of any other answer are a matter of its protocol, as those of a preflight are.
fn sets(layer: &Description) -> Option<String> {
    let errors = layer
        .answers()
        .iter()
        .filter(|answer| answer.kind_uri().is_some());
    let of_answers = errors.flat_map(Answer::fields);
    let mut fields: Vec<_> = Vec::new();
    for field in of_answers.chain(layer.fields()).map(HeaderName::as_str) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    (!fields.is_empty()).then(|| format!("sets {}", fields.join(", ")))
}
