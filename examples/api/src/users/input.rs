//! The data of a user that a client sends.

use garde::Validate;
use serde::Deserialize;

/// A user as a client describes one, to create it or to replace it.
#[derive(Deserialize, Validate)]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    pub(crate) name: String,
    #[garde(custom(wythe::validation::email))]
    pub(crate) email: String,
    #[garde(range(min = 18, max = 120))]
    pub(crate) age: Option<u8>,
}
