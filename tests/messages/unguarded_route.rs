//! A route of an `Api` whose stack does not provide what the `Api` demands.

use serde::Deserialize;
use wythe::{Api, Auth, CacheControl, Path, compose, with_cache_control};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn show(Path(id): Path<u64>) -> String {
    format!("user {id}")
}

fn main() {
    let no_store = compose(with_cache_control(CacheControl::no_store()));
    let api = Api::<Auth<Claims>>::new("Users", "1.0.0")
        .get("/users/{id}", no_store.handler(show));
    println!("{api:?}");
}
