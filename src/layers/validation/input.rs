//! What a request is read as: the inputs.

use std::ops::Deref;

use garde::Validate;
use serde::de::DeserializeOwned;

/// A part of a request that can be read and validated: [`Json`], [`Form`], [`JsonOrForm`],
/// [`Query`], or a wrapper of your own.
///
/// # Example: a wrapper of your own
///
/// ```
/// use wythe::{Input, validation::Format};
///
/// /// The filter that all lists of this API take.
/// struct Filter<T>(T);
///
/// impl<T> Input for Filter<T>
/// where
///     T: serde::de::DeserializeOwned + garde::Validate + Send + 'static,
/// {
///     type Value = T;
///     const FORMAT: Format = Format::Query;
///
///     fn from_value(value: T) -> Self {
///         Self(value)
///     }
///
///     fn value(&self) -> &T {
///         &self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no input that `with_validation` can read",
    label = "neither `Json<T>`, `Form<T>`, `JsonOrForm<T>` nor `Query<T>` of a valid `T`",
    note = "write `with_validation::<Json<T>>()`, where `T` derives `serde::Deserialize` and \
            `garde::Validate`"
)]
pub trait Input: Sized + Send + 'static {
    /// What is deserialized and validated.
    type Value: DeserializeOwned + Validate;

    /// Which part of the request it is, and how it is written.
    const FORMAT: Format;

    /// Wraps the value.
    fn from_value(value: Self::Value) -> Self;

    /// The value inside.
    fn value(&self) -> &Self::Value;
}

/// Where an [`Input`] stands in a request, and how it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A body of `application/json`, or of any `application/*+json`.
    Json,
    /// A body of `application/x-www-form-urlencoded`.
    Form,
    /// Either of both, as `Content-Type` says.
    JsonOrForm,
    /// The query of the URI, written as a form.
    Query,
}

macro_rules! inputs {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[expect(clippy::exhaustive_structs, reason = "a wrapper to be taken apart by patterns")]
        pub struct $name<T>(pub T);

        #[diagnostic::do_not_recommend]
        impl<T: DeserializeOwned + Validate + Send + 'static> Input for $name<T> {
            type Value = T;
            const FORMAT: Format = Format::$name;

            fn from_value(value: T) -> Self {
                Self(value)
            }

            fn value(&self) -> &T {
                &self.0
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    )*};
}

inputs! {
    /// A JSON body.
    Json
    /// A form as browsers send it: `application/x-www-form-urlencoded`. A repeated key is a `Vec`.
    Form
    /// A body in JSON or from a form, as its `Content-Type` says.
    JsonOrForm
    /// The query of the URI. A repeated key is a `Vec`.
    Query
}
