//! Holds what was validated: `Valid`.

use std::ops::Deref;

use garde::Validate;
use http::Extensions;

use super::{
    errors,
    input::Input,
    names::Names,
    options::Options,
    parse::{self, Encoding},
};
use crate::{contract::Provided, request::take_once::TakeOnce, wire::Problem};

/// What garde's rules of an input are given.
pub(super) type ContextOf<I> = <<I as Input>::Value as Validate>::Context;

/// An input that passed its rules.
///
/// Only [`with_validation`](super::with_validation) and [`check`](Self::check) make one, so
/// a function that takes a `Valid<Json<NewUser>>` needs no checks of its own. It can be read
/// through, and taken apart, but not changed.
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
/// There is no other way to make one:
///
/// ```compile_fail,E0423
/// use wythe::{Json, Valid};
///
/// let unchecked = Valid(Json(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid<I>(I);

impl<I: Input> Valid<I> {
    /// Validates an input that did not come with a request: in the test of a handler, for example.
    ///
    /// # Errors
    ///
    /// The same 422 that a client would get, but for names that serde changes: there is no
    /// document here to find them in.
    pub fn check(input: I) -> Result<Self, Problem>
    where
        ContextOf<I>: Default,
    {
        Self::check_in(input, &ContextOf::<I>::default())
    }

    /// Validates an input by rules that need a context.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_in(input: I, context: &ContextOf<I>) -> Result<Self, Problem> {
        input.value().validate_with(context).map_err(|report| {
            let names = Names::unknown(I::FORMAT);
            errors::refuse(&report, &names, Options::DEFAULT.max_listed_errors)
        })?;
        Ok(Self(input))
    }

    /// Reads and validates what stands in a request.
    pub(super) fn read(
        written: &[u8],
        encoding: Encoding,
        context: &ContextOf<I>,
        max_listed_errors: usize,
    ) -> Result<Self, Problem> {
        let value: I::Value = parse::parse(written, encoding)?;
        value.validate_with(context).map_err(|report| {
            let names = Names::of(written, encoding);
            errors::refuse(&report, &names, max_listed_errors)
        })?;
        Ok(Self(I::from_value(value)))
    }

    /// Leaves it to the handler.
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

impl<I: Input> Provided for Valid<I> {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.remove::<TakeOnce<Self>>()?.take()
    }
}
