//! The inputs that a request can be read as, and [`Valid`], an input that passed its rules.

use std::ops::Deref;

use garde::Validate;
use http::Extensions;
use serde::de::DeserializeOwned;

use super::{
    errors,
    field_path::FieldPaths,
    parse::{Encoding, parse},
    policy::MAX_LISTED_ERRORS,
};
use crate::{contract::Provided, request::take_once::TakeOnce, wire::Problem};

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
    message = "`{Self}` is not an input that `with_validation` can read",
    label = "not a `Json<T>`, `Form<T>`, `JsonOrForm<T>` or `Query<T>`",
    note = "write `with_validation::<Json<T>>()`, where `T` derives `serde::Deserialize` and \
            `garde::Validate`",
    note = "the derive is a feature of garde: `garde = {{ version = \"0.23\", features = \
            [\"derive\"] }}`"
)]
pub trait Input: Sized + Send + 'static {
    /// What is deserialized and validated.
    type Value: DeserializeOwned + Validate;

    /// Which part of the request it is, and its format.
    const FORMAT: Format;

    /// Wraps the value.
    fn from_value(value: Self::Value) -> Self;

    /// The value inside.
    fn value(&self) -> &Self::Value;
}

/// Where an [`Input`] is in a request, and its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A body of `application/json`, or of any `application/*+json`.
    Json,
    /// A body of `application/x-www-form-urlencoded`.
    Form,
    /// Either of these, by `Content-Type`.
    JsonOrForm,
    /// The query of the URI, in the format of a form.
    Query,
}

impl Format {
    /// The content types of a body; for JSON, all others that end in `+json` as well.
    pub(super) const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Form => &["application/x-www-form-urlencoded"],
            Self::JsonOrForm => &["application/json", "application/x-www-form-urlencoded"],
            Self::Query => &[],
        }
    }
}

macro_rules! inputs {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
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
    /// A form as browsers send it: `application/x-www-form-urlencoded`. A repeated key becomes a `Vec`.
    Form
    /// A body in JSON or of a form, by its `Content-Type`.
    JsonOrForm
    /// The query of the URI. A repeated key becomes a `Vec`.
    Query
}

/// The context of an input's garde rules.
pub(super) type ContextOf<I> = <<I as Input>::Value as Validate>::Context;

/// An input that passed its rules.
///
/// Only [`with_validation`](crate::with_validation) and [`check`](Self::check) create it, so a
/// function that takes a `Valid<Json<NewUser>>` needs no checks of its own. It can be read, and
/// [`into_inner`](Self::into_inner) gives the input, but it can't be changed.
///
/// # Example
///
/// ```
/// use wythe::{Json, Valid};
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct NewUser {
///     #[garde(length(chars, min = 2, max = 50))]
///     name: String,
/// }
///
/// fn greet(user: Valid<Json<NewUser>>) -> String {
///     let Json(NewUser { name }) = user.into_inner();
///     format!("Hello, {name}!")
/// }
///
/// let ada = Valid::check(Json(NewUser { name: "Ada".into() }))?;
/// assert_eq!(ada.name, "Ada");
/// assert_eq!(greet(ada), "Hello, Ada!");
/// assert!(Valid::check(Json(NewUser { name: "A".into() })).is_err());
/// # Ok::<(), wythe::Problem>(())
/// ```
///
/// There is no other way to create one:
///
/// ```compile_fail,E0423
/// use wythe::{Json, Valid};
///
/// let unchecked = Valid(Json(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<I>(I);

impl<I: Input> Valid<I> {
    /// Validates an input that does not come from a request: in the test of a handler, for example.
    ///
    /// # Errors
    ///
    /// The same 422 that a client would get, except for names that serde renames: there is no
    /// document to find them in.
    pub fn check(input: I) -> Result<Self, Problem>
    where
        ContextOf<I>: Default,
    {
        Self::check_in(input, &ContextOf::<I>::default())
    }

    /// Validates an input with rules that need a context.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_in(input: I, context: &ContextOf<I>) -> Result<Self, Problem> {
        input.value().validate_with(context).map_err(|report| {
            errors::refuse(&report, &FieldPaths::in_rust(I::FORMAT), MAX_LISTED_ERRORS)
        })?;
        Ok(Self(input))
    }

    /// Reads and validates the input of a request.
    pub(super) fn read(
        bytes: &[u8],
        encoding: Encoding,
        context: &ContextOf<I>,
        max_listed_errors: usize,
    ) -> Result<Self, Problem> {
        let value = parse::<I>(bytes, encoding)?;
        value.validate_with(context).map_err(|report| {
            errors::refuse(&report, &FieldPaths::of(bytes, encoding), max_listed_errors)
        })?;
        Ok(Self(I::from_value(value)))
    }

    /// Leaves it in the extensions for the handler.
    pub(super) fn provide(self, extensions: &mut Extensions) {
        extensions.insert(TakeOnce::new(self));
    }
}

impl<I> Valid<I> {
    /// The input, by value.
    pub fn into_inner(self) -> I {
        self.0
    }
}

impl<I> Deref for Valid<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.0
    }
}

impl<I: Send + 'static> Provided for Valid<I> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.remove::<TakeOnce<Self>>()?.take()
    }
}
