//! The layers around an `Api`, set after a route.

use wythe::{Api, CacheControl, compose, with_cache_control};

async fn hello() -> &'static str {
    "hello"
}

fn main() {
    let no_store = compose(with_cache_control(CacheControl::no_store()));
    let api = Api::<()>::new("Hello", "1.0.0")
        .get("/", compose(()).handler(hello))
        .around(no_store);
    println!("{api:?}");
}
