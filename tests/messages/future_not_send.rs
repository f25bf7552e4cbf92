//! A handler keeps what can't be sent between threads while it waits.

use std::rc::Rc;

use axum::{Router, routing::get};
use wythe::{CacheControl, compose, with_cache_control};

async fn show() -> String {
    let name = Rc::new(String::from("Ada"));
    std::future::ready(()).await;
    name.to_string()
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _: Router = Router::new().route("/", get(stack.handler(show)));
}
