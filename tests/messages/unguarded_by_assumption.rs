//! A route of an `Api` that only assumes what the `Api` demands.

use serde::Deserialize;
use wythe::{Api, Auth, assume, compose};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn whoami(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() {
    let stack = compose(assume::<Auth<Claims>>());
    let api = Api::<Auth<Claims>>::new("Users", "1.0.0").get("/whoami", stack.handler(whoami));
    println!("{api:?}");
}
