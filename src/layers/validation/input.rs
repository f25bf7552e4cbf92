//! An input that a request can be read as, with its rules or without them, and what the handler gets.

use std::{fmt, ops::Deref};

use bytes::Bytes;
use garde::{Report, Validate, error::Path as RulePath};
use http::Extensions;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

use super::{
    encoding::{Encoding, Format},
    errors::{self, MAX_LISTED_ERRORS},
};
use crate::{contract::Provided, request::take_once::TakeOnce, wire::Problem};

/// A part of a request that can be read: [`Json`], [`Form`], [`JsonOrForm`], [`Text`], [`Binary`],
/// [`Query`], [`Header`], [`Cookie`], the [`Path`](crate::Path) of an [`Api`](crate::Api), an `Option`
/// of one of them, or a wrapper of your own.
///
/// # Example: a wrapper of your own
///
/// ```
/// use wythe::{Input, validation::Format};
///
/// /// The filter that all lists of this API take.
/// struct Filter<T>(T);
///
/// impl<T: serde::de::DeserializeOwned + Send + 'static> Input for Filter<T> {
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
    message = "`{Self}` is not an input that can be read from a request",
    label = "not a `Json<T>`, `Form<T>`, `Text<T>`, `Binary`, `Query<T>`, `Path<T>`, `Header<T>` or \
             `Cookie<T>`",
    note = "write `with_validation::<Json<T>>()`, where `T` derives `serde::Deserialize` and \
            `garde::Validate`"
)]
pub trait Input: Sized + Send + 'static {
    /// What is deserialized: it implements `serde::Deserialize`.
    type Value: Send + 'static;

    /// Which part of the request it is, and its format.
    const FORMAT: Format;

    /// Whether the request may lack it.
    const IS_OPTIONAL: bool = false;

    /// Wraps the value.
    fn from_value(value: Self::Value) -> Self;

    /// The value inside.
    fn value(&self) -> &Self::Value;

    /// The value for the bytes of a body, where nothing is deserialized.
    #[doc(hidden)]
    #[must_use]
    fn of_bytes(_: &Bytes) -> Option<Self::Value> {
        None
    }

    /// Why the value can't be made from path parameters with these names.
    #[doc(hidden)]
    fn check_path(_: &[&str]) -> Result<(), String>
    where
        Self::Value: DeserializeOwned,
    {
        Ok(())
    }
}

macro_rules! inputs {
    ($($(#[$doc:meta])* $name:ident<$value:ident $(= $default:ty)?>)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
        pub struct $name<$value $(= $default)?>(pub $value);

        #[diagnostic::do_not_recommend]
        impl<T: Send + 'static> Input for $name<T> {
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

        /// As the value itself.
        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                T::deserialize(reader).map(Self)
            }
        }

        /// As the value itself.
        impl<T: Validate> Validate for $name<T> {
            type Context = T::Context;

            fn validate_into(
                &self,
                context: &T::Context,
                parent: &mut dyn FnMut() -> RulePath,
                report: &mut Report,
            ) {
                self.0.validate_into(context, parent, report);
            }
        }
    )*};
}

inputs! {
    /// A JSON body.
    Json<T>
    /// A form as browsers send it: `application/x-www-form-urlencoded`. A repeated key becomes a `Vec`.
    Form<T>
    /// A body in JSON or of a form, by its `Content-Type`.
    JsonOrForm<T>
    /// A body of text: `text/plain` in UTF-8. `T` is a `String`, or a newtype of one with rules.
    Text<T = String>
    /// The query of the URI. A repeated key becomes a `Vec`.
    Query<T>
    /// Header fields: a field of `T` is the header field of its name, with `-` for `_`. A list, separated
    /// by commas or in several lines, becomes a `Vec`.
    Header<T>
    /// Cookies: a field of `T` is the cookie of its name.
    Cookie<T>
}

#[cfg(feature = "multipart")]
inputs! {
    /// A form with files, `multipart/form-data`, that [`with_multipart`](crate::with_multipart) has
    /// received.
    Upload<T>
}

/// A body of any content type, as bytes. [`Validation::media_types`](crate::Validation::media_types)
/// restricts it.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct Binary(pub Bytes);

impl Input for Binary {
    type Value = Self;
    const FORMAT: Format = Format::Binary;

    fn from_value(value: Self) -> Self {
        value
    }

    fn value(&self) -> &Self {
        self
    }

    fn of_bytes(bytes: &Bytes) -> Option<Self> {
        Some(Self(bytes.clone()))
    }
}

impl Deref for Binary {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Binary {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct BytesVisitor;

        impl Visitor<'_> for BytesVisitor {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(Bytes::copy_from_slice(bytes)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Binary, E> {
                self.visit_bytes(text.as_bytes())
            }
        }

        reader.deserialize_bytes(BytesVisitor)
    }
}

/// It has no rules: the limits of the layer are those of its size and its content type.
impl Validate for Binary {
    type Context = ();

    fn validate_into(&self, _: &(), _: &mut dyn FnMut() -> RulePath, _: &mut Report) {}
}

/// An input that a request may lack: no body, an empty query, no cookies.
impl<I: Input> Input for Option<I> {
    type Value = Self;
    const FORMAT: Format = I::FORMAT;
    const IS_OPTIONAL: bool = true;

    fn from_value(value: Self) -> Self {
        value
    }

    fn value(&self) -> &Self {
        self
    }

    fn of_bytes(bytes: &Bytes) -> Option<Self> {
        I::of_bytes(bytes).map(|value| Some(I::from_value(value)))
    }
}

/// Inputs are parsed and checked against their rules: [`with_validation`](crate::with_validation).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WithRules;

/// Inputs are parsed, and have no rules: [`with_parsing`](crate::with_parsing).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WithoutRules;

/// [`WithRules`] or [`WithoutRules`].
pub trait ReadMode: 'static {
    /// What the handler gets: [`Valid`] or [`Parsed`].
    type Output<I: Send + 'static>: Provided + Send + 'static;
}

impl ReadMode for WithRules {
    type Output<I: Send + 'static> = Valid<I>;
}

impl ReadMode for WithoutRules {
    type Output<I: Send + 'static> = Parsed<I>;
}

/// An input that is read [`WithRules`] or [`WithoutRules`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an input that `with_validation` can read",
    label = "its type does not derive `serde::Deserialize` and `garde::Validate`",
    note = "write `with_validation::<Json<T>>()`, where `T` derives `serde::Deserialize` and \
            `garde::Validate`",
    note = "the derive is a feature of garde: `garde = {{ version = \"0.23\", features = \
            [\"derive\"] }}`",
    note = "without rules: `with_parsing::<Json<T>>()`, where `T` derives `serde::Deserialize`"
)]
pub trait ReadAs<R: ReadMode>: Input<Value: DeserializeOwned> {
    /// What the rules need to know.
    type Context: Send + Sync + 'static;

    #[doc(hidden)]
    fn check(value: &Self::Value, context: &Self::Context) -> Result<(), Report>;

    #[doc(hidden)]
    fn output(value: Self::Value) -> R::Output<Self>;
}

#[diagnostic::do_not_recommend]
impl<I> ReadAs<WithRules> for I
where
    I: Input<Value: DeserializeOwned + Validate<Context: Send + Sync + 'static>>,
{
    type Context = <I::Value as Validate>::Context;

    fn check(value: &I::Value, context: &Self::Context) -> Result<(), Report> {
        value.validate_with(context)
    }

    fn output(value: I::Value) -> Valid<I> {
        Valid(I::from_value(value))
    }
}

#[diagnostic::do_not_recommend]
impl<I: Input<Value: DeserializeOwned>> ReadAs<WithoutRules> for I {
    type Context = ();

    fn check(_: &I::Value, (): &()) -> Result<(), Report> {
        Ok(())
    }

    fn output(value: I::Value) -> Parsed<I> {
        Parsed(I::from_value(value))
    }
}

/// The context of an input's garde rules.
type ContextOf<I> = <<I as Input>::Value as Validate>::Context;

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

impl<I: Input<Value: Validate>> Valid<I> {
    /// Validates an input that does not come from a request: in the test of a handler, for example.
    ///
    /// # Errors
    ///
    /// The same 422 that a client would get, except that fields have their names in Rust: there is no
    /// document to find others in.
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
    /// As for [`check`](Self::check).
    pub fn check_in(input: I, context: &ContextOf<I>) -> Result<Self, Problem> {
        input.value().validate_with(context).map_err(|report| {
            errors::refuse(&report, Encoding::only(I::FORMAT), MAX_LISTED_ERRORS)
        })?;
        Ok(Self(input))
    }
}

/// An input that was parsed, and has no rules: see [`with_parsing`](crate::with_parsing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct Parsed<I>(pub I);

macro_rules! provided {
    ($($name:ident)*) => {$(
        impl<I> $name<I> {
            /// The input, by value.
            pub fn into_inner(self) -> I {
                self.0
            }
        }

        impl<I> Deref for $name<I> {
            type Target = I;

            fn deref(&self) -> &I {
                &self.0
            }
        }

        impl<I: Send + 'static> Provided for $name<I> {
            fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
                extensions.remove::<TakeOnce<Self>>()?.take()
            }
        }
    )*};
}
provided!(Valid Parsed);
