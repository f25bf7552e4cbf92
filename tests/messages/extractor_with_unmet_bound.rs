//! A handler takes JSON of a type that can't be deserialized.

use axum::{Json, Router, routing::post};
use wythe::{CacheControl, compose, with_cache_control};

struct Order {
    item: String,
}

async fn order(Json(order): Json<Order>) -> String {
    order.item
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _: Router = Router::new().route("/", post(stack.handler(order)));
}
