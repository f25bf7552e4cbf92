//! A route of an `Api` whose stack does not provide what the `Api` demands.

use serde::Deserialize;
use wythe::{Api, Auth, CacheControl, compose, with_cache_control};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn report() -> &'static str {
    "a report"
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let api = Api::<Auth<Claims>>::new("Reports", "1.0.0").get("/report", stack.handler(report));
    println!("{api:?}");
}
