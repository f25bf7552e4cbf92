//! The inputs of a layer: one, or a tuple of up to six.

use http::Extensions;
use serde::de::DeserializeOwned;

use super::{
    encoding::Format,
    input::{Input, ReadAs, ReadMode},
    parse::Reading,
};
use crate::{
    contract::{Always, Provision},
    request::take_once::TakeOnce,
    wire::{Problem, type_name},
};

/// An input of a layer, or a tuple of up to six.
///
/// At most one input of a tuple is the body; two do not compile:
///
/// ```compile_fail,E0080
/// use wythe::{Form, Json, with_parsing};
///
/// let layer = with_parsing::<(Json<u8>, Form<u8>)>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an input that `with_validation` can read",
    label = "not a `Json<T>`, `Form<T>`, `Text<T>`, `Query<T>`, `Path<T>`, `Header<T>`, `Cookie<T>`, or a \
             tuple of these",
    note = "write `with_validation::<Json<T>>()`, where `T` derives `serde::Deserialize` and \
            `garde::Validate`",
    note = "the derive is a feature of garde: `garde = {{ version = \"0.23\", features = \
            [\"derive\"] }}`",
    note = "without rules: `with_parsing::<Json<T>>()`, where `T` derives `serde::Deserialize`"
)]
pub trait InputSet<R>: ProvidedInputs<R> {
    /// What the rules need to know: the context of the input, or a tuple of those of all inputs.
    type Context: Send + Sync + 'static;

    /// The values, as a check sees them: a reference, or a tuple of references.
    type Values<'a>;

    #[doc(hidden)]
    type Owned: Send + 'static;

    #[doc(hidden)]
    fn inputs() -> Vec<InputType>;

    #[doc(hidden)]
    fn read(
        reading: &mut Reading<'_>,
        context: &Self::Context,
    ) -> Result<Option<Self::Owned>, Problem>;

    #[doc(hidden)]
    fn values(owned: &Self::Owned) -> Self::Values<'_>;

    #[doc(hidden)]
    fn provide(owned: Self::Owned, extensions: &mut Extensions);
}

/// What a layer provides for an input, or for a tuple of inputs. It says nothing about the rules, so that
/// a type without them is one error, and not one for each use of the stack.
pub trait ProvidedInputs<R>: 'static {
    /// An [`Always`] for each input.
    type Provides: Provision;
}

#[diagnostic::do_not_recommend]
impl<R: ReadMode, I: Input> ProvidedInputs<R> for I {
    type Provides = Always<R::Output<I>>;
}

/// What is known about the type of an input.
#[derive(Debug)]
#[doc(hidden)]
#[expect(unnameable_types, reason = "only the crate reads it")]
pub struct InputType {
    pub(super) format: Format,
    pub(super) is_optional: bool,
    pub(super) name: String,
    pub(super) check_path: fn(&[&str]) -> Result<(), String>,
}

impl InputType {
    fn of<I: Input<Value: DeserializeOwned>>() -> Self {
        Self {
            format: I::FORMAT,
            is_optional: I::IS_OPTIONAL,
            name: type_name::<I>(),
            check_path: I::check_path,
        }
    }

    pub(super) const fn is_body(&self) -> bool {
        self.format.is_body()
    }
}

/// Reads an input, and notes the rules that it breaks.
fn read<I: ReadAs<R>, R: ReadMode>(
    reading: &mut Reading<'_>,
    context: &I::Context,
) -> Result<Option<I::Value>, Problem> {
    #[cfg(feature = "multipart")]
    const {
        assert!(
            !matches!(I::FORMAT, Format::Upload),
            "a form with files is read by `with_multipart`"
        );
    }
    let Some(value) = reading.read::<I>()? else {
        return Ok(None);
    };
    match I::check(&value, context) {
        Ok(()) => Ok(Some(value)),
        Err(report) => {
            reading.note_broken_rules::<I, R>(&report, context)?;
            Ok(None)
        }
    }
}

fn provide<I: ReadAs<R>, R: ReadMode>(value: I::Value, extensions: &mut Extensions) {
    extensions.insert(TakeOnce::new(I::output(value)));
}

#[diagnostic::do_not_recommend]
impl<R: ReadMode, I: ReadAs<R>> InputSet<R> for I {
    type Context = I::Context;
    type Values<'a> = &'a I::Value;
    type Owned = I::Value;

    fn inputs() -> Vec<InputType> {
        vec![InputType::of::<I>()]
    }

    fn read(reading: &mut Reading<'_>, context: &I::Context) -> Result<Option<I::Value>, Problem> {
        read::<I, R>(reading, context)
    }

    fn values(owned: &I::Value) -> &I::Value {
        owned
    }

    fn provide(owned: I::Value, extensions: &mut Extensions) {
        provide::<I, R>(owned, extensions);
    }
}

/// `(Always<A>, (Always<B>, Always<C>))`.
macro_rules! all_provided {
    ($only:ident) => { Always<R::Output<$only>> };
    ($first:ident $($rest:ident)+) => { (Always<R::Output<$first>>, all_provided!($($rest)+)) };
}

macro_rules! input_sets {
    ($($input:ident $value:ident $place:tt),+) => {
        #[diagnostic::do_not_recommend]
        impl<R: ReadMode, $($input: Input),+> ProvidedInputs<R> for ($($input,)+) {
            type Provides = all_provided!($($input)+);
        }

        #[diagnostic::do_not_recommend]
        impl<R: ReadMode, $($input: ReadAs<R>),+> InputSet<R> for ($($input,)+) {
            type Context = ($($input::Context,)+);
            type Values<'a> = ($(&'a $input::Value,)+);
            type Owned = ($($input::Value,)+);

            fn inputs() -> Vec<InputType> {
                const {
                    let bodies = 0 $(+ $input::FORMAT.is_body() as u8)+;
                    assert!(bodies < 2, "only one input of a tuple can be the body");
                }
                vec![$(InputType::of::<$input>()),+]
            }

            fn read(
                reading: &mut Reading<'_>,
                context: &Self::Context,
            ) -> Result<Option<Self::Owned>, Problem> {
                // All of them, so that a client learns of all errors at once.
                $(let $value = read::<$input, R>(reading, &context.$place)?;)+
                Ok(match ($($value,)+) {
                    ($(Some($value),)+) => Some(($($value,)+)),
                    _ => None,
                })
            }

            fn values(owned: &Self::Owned) -> Self::Values<'_> {
                ($(&owned.$place,)+)
            }

            fn provide(owned: Self::Owned, extensions: &mut Extensions) {
                $(provide::<$input, R>(owned.$place, extensions);)+
            }
        }
    };
}
input_sets!(A a 0);
input_sets!(A a 0, B b 1);
input_sets!(A a 0, B b 1, C c 2);
input_sets!(A a 0, B b 1, C c 2, D d 3);
input_sets!(A a 0, B b 1, C c 2, D d 3, E e 4);
input_sets!(A a 0, B b 1, C c 2, D d 3, E e 4, F f 5);
