//! The inputs that layers read: [`DocumentInput`].

use serde_json::Value;

use super::Schemas;
use crate::{
    compose::{Cons, Nil, When},
    contract::{Place, Placed, With, stage},
};

/// A layer of stage [`Validate`](stage::Validate) that knows the schema of its input. A documented
/// [`Api`](crate::Api) demands it of all layers of that stage.
///
/// The part of the request, the media types and the largest size come from the layer's
/// [`Description`](crate::Description).
///
/// # Example: a layer of your own
///
/// ```
/// use serde_json::{Value, json};
/// use wythe::api::openapi::{DocumentInput, Schemas};
///
/// /// Accepts pictures.
/// struct Pictures;
///
/// impl DocumentInput for Pictures {
///     fn schema(_: &mut Schemas) -> Value {
///         json!({ "type": "string", "contentEncoding": "binary" })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the document has no schema of what `{Self}` reads",
    label = "routes have schemas here, because of `.documented()`",
    note = "the type in `with_validation::<Json<T>>()` derives `schemars::JsonSchema`; a layer of your \
            own implements `wythe::api::openapi::DocumentInput`",
    note = "or write `.undocumented(\"why\", |api| api.get(..))`: the audit lists the reason"
)]
pub trait DocumentInput {
    /// The schema of the input; of the first one, if there are several.
    fn schema(schemas: &mut Schemas) -> Value;

    /// The schemas of all inputs, in the order in which the [`Description`](crate::Description) lists
    /// them.
    fn schemas(schemas: &mut Schemas) -> Vec<Value> {
        vec![Self::schema(schemas)]
    }
}

impl<M: DocumentInput> DocumentInput for With<M> {
    fn schema(schemas: &mut Schemas) -> Value {
        M::schema(schemas)
    }

    fn schemas(schemas: &mut Schemas) -> Vec<Value> {
        M::schemas(schemas)
    }
}

impl<L: DocumentInput> DocumentInput for Placed<L> {
    fn schema(schemas: &mut Schemas) -> Value {
        L::schema(schemas)
    }

    fn schemas(schemas: &mut Schemas) -> Vec<Value> {
        L::schemas(schemas)
    }
}

impl<M: DocumentInput, F> DocumentInput for When<M, F> {
    fn schema(schemas: &mut Schemas) -> Value {
        M::schema(schemas)
    }

    fn schemas(schemas: &mut Schemas) -> Vec<Value> {
        M::schemas(schemas)
    }
}

#[cfg(feature = "validation")]
#[diagnostic::do_not_recommend]
impl<I> DocumentInput for crate::layers::validation::policy::Validation<I>
where
    I: crate::layers::validation::input::Input<Value: schemars::JsonSchema>,
{
    fn schema(schemas: &mut Schemas) -> Value {
        schemas.input::<I::Value>()
    }
}

/// The schemas of the inputs of a layer; `None` for a layer that reads none.
pub type SchemaOfInput = Option<fn(&mut Schemas) -> Vec<Value>>;

/// A list of layers that know the schemas of their inputs.
pub trait DocumentLayers {
    /// Adds the schema of each layer, outermost first.
    fn schemas(list: &mut Vec<SchemaOfInput>);
}

impl DocumentLayers for Nil {
    fn schemas(_: &mut Vec<SchemaOfInput>) {}
}

impl<H, T> DocumentLayers for Cons<H, T>
where
    H: Place<Stage: DocumentedAt<H>>,
    T: DocumentLayers,
{
    fn schemas(list: &mut Vec<SchemaOfInput>) {
        list.push(H::Stage::schema());
        T::schemas(list);
    }
}

/// A stage at which this layer is documented.
pub trait DocumentedAt<L> {
    /// The schema of what the layer reads.
    fn schema() -> SchemaOfInput;
}

impl<L: DocumentInput> DocumentedAt<L> for stage::Validate {
    fn schema() -> SchemaOfInput {
        Some(L::schemas)
    }
}

macro_rules! read_nothing {
    ($($stage:ident)*) => {$(
        impl<L> DocumentedAt<L> for stage::$stage {
            fn schema() -> SchemaOfInput {
                None
            }
        }
    )*};
}
read_nothing!(
    Any Observe Cors Present Admit Method Throttle Origin Authenticate Authorize Quota Body Replay
    Cache
);
