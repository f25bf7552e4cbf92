//! Lets axum's own wrappers be inputs of `with_validation`.

use axum::{Form, Json, extract::Query};
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::layers::validation::{Format, Input};

macro_rules! inputs {
    ($($name:ident)*) => {$(
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
    )*};
}
inputs!(Json Form Query);
