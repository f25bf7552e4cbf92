//! The inputs that layers read: [`DocumentInput`].

use serde_json::Value;

use super::schemas::Schemas;
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
    note = "derive `schemars::JsonSchema` for the type in `with_validation::<Json<T>>()`; \
            implement `wythe::api::openapi::DocumentInput` for a layer of your own",
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

/// What these read is a header field, which the description names.
#[cfg(feature = "negotiation")]
mod negotiation {
    use serde_json::Value;

    use super::{DocumentInput, Schemas};
    use crate::layers::negotiation::{languages::Languages, media_types::MediaTypes};

    macro_rules! no_schema {
        ($($layer:ident)*) => {$(
            #[diagnostic::do_not_recommend]
            impl DocumentInput for $layer {
                fn schema(_: &mut Schemas) -> Value {
                    Value::Bool(true)
                }

                fn schemas(_: &mut Schemas) -> Vec<Value> {
                    Vec::new()
                }
            }
        )*};
    }
    no_schema!(MediaTypes Languages);
}

#[cfg(feature = "validation")]
mod validation {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator};
    use serde_json::Value;

    use super::{DocumentInput, Schemas};
    #[cfg(feature = "multipart")]
    use crate::layers::validation::input::Upload;
    use crate::layers::validation::{
        input::{Binary, Cookie, Form, Header, Input, Json, JsonOrForm, Query, Text},
        policy::Validation,
    };

    #[diagnostic::do_not_recommend]
    impl<I: InputSchemas, R> DocumentInput for Validation<I, R> {
        fn schema(schemas: &mut Schemas) -> Value {
            I::schemas(schemas).into_iter().next().unwrap_or_default()
        }

        fn schemas(schemas: &mut Schemas) -> Vec<Value> {
            I::schemas(schemas)
        }
    }

    /// Inputs whose types have schemas.
    #[expect(unnameable_types, reason = "it only carries the schemas to the layer")]
    pub trait InputSchemas {
        /// The schema of each input.
        fn schemas(schemas: &mut Schemas) -> Vec<Value>;
    }

    #[diagnostic::do_not_recommend]
    impl<I: Input<Value: JsonSchema>> InputSchemas for I {
        fn schemas(schemas: &mut Schemas) -> Vec<Value> {
            vec![schemas.input::<I::Value>()]
        }
    }

    macro_rules! input_schemas {
        ($($input:ident)*) => {
            #[diagnostic::do_not_recommend]
            impl<$($input: Input<Value: JsonSchema>),*> InputSchemas for ($($input,)*) {
                fn schemas(schemas: &mut Schemas) -> Vec<Value> {
                    vec![$(schemas.input::<$input::Value>()),*]
                }
            }
        };
    }
    input_schemas!(A);
    input_schemas!(A B);
    input_schemas!(A B C);
    input_schemas!(A B C D);
    input_schemas!(A B C D E);
    input_schemas!(A B C D E F);

    macro_rules! as_their_values {
        ($($name:ident)*) => {$(
            /// As the value itself.
            impl<T: JsonSchema> JsonSchema for $name<T> {
                fn inline_schema() -> bool {
                    T::inline_schema()
                }

                fn schema_name() -> Cow<'static, str> {
                    T::schema_name()
                }

                fn schema_id() -> Cow<'static, str> {
                    T::schema_id()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    T::json_schema(generator)
                }
            }
        )*};
    }
    as_their_values!(Json Form JsonOrForm Text Query Header Cookie);
    #[cfg(feature = "multipart")]
    as_their_values!(Upload);

    /// Any bytes: OpenAPI 3.1, section 4.8.14.3.
    impl JsonSchema for Binary {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "Binary".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            Schema::default()
        }
    }
}

#[cfg(feature = "multipart")]
mod multipart {
    use std::borrow::Cow;

    use garde::Validate;
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde_json::Value;

    use super::{DocumentInput, Schemas};
    use crate::layers::multipart::{file::UploadedFile, policy::ReceiveMultipart};

    #[diagnostic::do_not_recommend]
    impl<T: JsonSchema + Validate> DocumentInput for ReceiveMultipart<T> {
        fn schema(schemas: &mut Schemas) -> Value {
            schemas.input::<T>()
        }
    }

    /// The bytes of a file: OpenAPI 3.1, section 4.8.14.3. `format` is for readers of OpenAPI 3.0.
    impl JsonSchema for UploadedFile {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "UploadedFile".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "string",
                "format": "binary",
                "contentMediaType": "application/octet-stream",
            })
        }
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
    Any Entrance Observe Cors Present Admit Method Throttle Origin Authenticate Authorize Quota Body Replay
    Cache
);
