//! The options of the policy: on the policy itself, and on the layer that it becomes.

use std::sync::Arc;

use super::{input::Input, policy::Validation};
use crate::contract::{With, with};

#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) max_body_bytes: usize,
    pub(super) max_listed_errors: usize,
    pub(super) any_content_type: bool,
}

impl Options {
    pub(super) const DEFAULT: Self = Self {
        max_body_bytes: 1024 * 1024,
        max_listed_errors: 32,
        any_content_type: false,
    };
}

impl<I: Input> Validation<I> {
    /// The largest body that is read, in bytes; 1,048,576 unless told. With 0, only an empty form
    /// passes. A query is as long as the server lets a URI be.
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        self.change(|options| options.max_body_bytes = bytes)
    }

    /// How many errors a 422 lists; 32 unless told. All are counted.
    pub fn max_listed_errors(self, errors: usize) -> Self {
        self.change(|options| options.max_listed_errors = errors)
    }

    /// Reads bodies of any content type, charset parameter included, or of none.
    ///
    /// Dangerous: a page of another origin can send such a body without asking first, with the
    /// user's cookies. Only for clients that can't be changed, and where no cookie identifies
    /// anyone. With [`JsonOrForm`](super::JsonOrForm), what does not say that it is a form is JSON.
    pub fn dangerously_ignore_content_type(self) -> Self {
        self.change(|options| options.any_content_type = true)
    }

    fn change(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.0.options;
        change(&mut options);
        Self::of(options, Arc::clone(&self.0.context))
    }
}

impl<I: Input> With<Validation<I>> {
    /// See [`Validation::max_body_bytes`].
    pub fn max_body_bytes(self, bytes: usize) -> Self {
        with(self.into_middleware().max_body_bytes(bytes))
    }

    /// See [`Validation::max_listed_errors`].
    pub fn max_listed_errors(self, errors: usize) -> Self {
        with(self.into_middleware().max_listed_errors(errors))
    }

    /// See [`Validation::dangerously_ignore_content_type`].
    pub fn dangerously_ignore_content_type(self) -> Self {
        with(self.into_middleware().dangerously_ignore_content_type())
    }
}
