//! A route of an `Api` whose handler takes the state of another.

use axum::extract::State;
use wythe::{Api, compose};

#[derive(Clone)]
struct Ours;

#[derive(Clone)]
struct Theirs;

async fn hello(State(Theirs): State<Theirs>) -> &'static str {
    "hello"
}

fn main() {
    let api = Api::<(), Ours>::new("Hello", "1.0.0").get("/", compose(()).handler(hello));
    println!("{api:?}");
}
