//! The policy, and how it is made.

use std::{fmt, sync::Arc};

use super::{input::Input, options::Options, refusal::Refusals, valid::ContextOf};
use crate::contract::{With, with};

/// Reads and validates an input of every request.
///
/// The options follow at once:
///
/// ```
/// use wythe::{Query, with_validation};
///
/// #[derive(serde::Deserialize, garde::Validate)]
/// struct Page {
///     #[garde(range(min = 1, max = 100))]
///     per_page: Option<u32>,
/// }
///
/// let layer = with_validation::<Query<Page>>().max_listed_errors(5);
/// ```
///
/// See the [module](crate::validation) for what passes and what is refused.
pub fn with_validation<I>() -> With<Validation<I>>
where
    I: Input,
    ContextOf<I>: Default,
{
    with(Validation::new())
}

/// How an input is read and validated; see the [module](crate::validation).
#[must_use]
pub struct Validation<I: Input>(pub(super) Arc<Settings<ContextOf<I>>>);

pub(super) struct Settings<C> {
    pub(super) options: Options,
    pub(super) refusals: Refusals,
    pub(super) context: Arc<C>,
}

impl<I: Input> Validation<I> {
    /// The defaults: bodies up to 1 MiB, 32 errors listed, the right content type required.
    pub fn new() -> Self
    where
        ContextOf<I>: Default,
    {
        Self::in_context(ContextOf::<I>::default())
    }

    /// The same, for rules that need a context: a list of words to refuse, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Json, compose, validation::Validation, with};
    ///
    /// struct Reserved(Vec<String>);
    ///
    /// #[derive(serde::Deserialize, garde::Validate)]
    /// #[garde(context(Reserved))]
    /// struct NewTeam {
    ///     #[garde(custom(is_free))]
    ///     name: String,
    /// }
    ///
    /// fn is_free(name: &str, reserved: &Reserved) -> garde::Result {
    ///     if reserved.0.iter().any(|word| word == name) {
    ///         return Err(garde::Error::new("this name is reserved"));
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let reserved = Reserved(vec!["admin".into()]);
    /// let stack = compose((with(Validation::<Json<NewTeam>>::in_context(reserved)),));
    /// ```
    pub fn in_context(context: ContextOf<I>) -> Self {
        Self::of(Options::DEFAULT, Arc::new(context))
    }

    pub(super) fn of(options: Options, context: Arc<ContextOf<I>>) -> Self {
        let refusals = Refusals::new(I::FORMAT, options.max_body_bytes);
        Self(Arc::new(Settings {
            options,
            refusals,
            context,
        }))
    }
}

impl<I: Input> Clone for Validation<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> Default for Validation<I>
where
    I: Input,
    ContextOf<I>: Default,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Input> fmt::Debug for Validation<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("format", &I::FORMAT)
            .field("max_body_bytes", &self.0.options.max_body_bytes)
            .field("max_listed_errors", &self.0.options.max_listed_errors)
            .field("any_content_type", &self.0.options.any_content_type)
            .finish()
    }
}
