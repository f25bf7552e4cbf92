//! A route of an `Api` takes a handler in its stack, and this one has none.

use wythe::Api;

async fn hello() -> &'static str {
    "hello"
}

fn main() {
    let api = Api::<()>::new("Hello", "1.0.0").get("/", hello);
}
