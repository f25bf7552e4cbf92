//! What all stacks read and answer.

use serde::{Deserialize, Serialize};

/// The request body, with the rules that the peers' stack checks.
#[derive(Debug, Deserialize, garde::Validate)]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    pub(crate) name: String,
    #[garde(email)]
    pub(crate) email: String,
    #[garde(range(min = 18, max = 120))]
    pub(crate) age: Option<u8>,
}

/// The response body.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    pub(crate) id: u64,
    pub(crate) name: String,
}

/// The claims of a token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
}
