//! Public routes of an `Api` without a reason.

use wythe::{Api, compose};

async fn health() -> &'static str {
    "ok"
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0")
        .public(|open| open.get("/health", compose(()).handler(health)));
    println!("{api:?}");
}
