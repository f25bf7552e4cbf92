//! A type to validate that has no rules.

use axum::Json;
use serde::Deserialize;
use wythe::{compose, with_validation};

#[derive(Clone, Deserialize)]
struct NewUser {
    name: String,
}

fn main() {
    let stack = compose((with_validation::<Json<NewUser>>(),));
    println!("{stack}");
}
