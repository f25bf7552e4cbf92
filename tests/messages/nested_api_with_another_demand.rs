//! A nested `Api` that demands something else than the outer one.

use serde::Deserialize;
use wythe::{Api, Auth, FinishedApi};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

fn health() -> FinishedApi<()> {
    Api::new("Health", "1.0.0").finish()
}

fn main() {
    let api = Api::<Auth<Claims>>::new("Users", "1.0.0").nest("/health", health());
    println!("{api:?}");
}
