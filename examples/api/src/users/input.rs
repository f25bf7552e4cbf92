//! The data of a user that a client sends.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::database::{STORABLE, storable};

/// A user as a client describes one, to create it or to replace it.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "name": "Grace", "email": "grace@example.com", "age": 36 }))]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50), custom(storable))]
    #[schemars(regex(pattern = STORABLE))]
    pub(crate) name: String,
    /// No other user has this address.
    #[garde(custom(wythe::validation::email))]
    #[schemars(email)]
    pub(crate) email: String,
    #[garde(range(min = 18, max = 120))]
    pub(crate) age: Option<u8>,
}
