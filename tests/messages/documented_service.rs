//! A router of axum does not say what it answers.

use axum::Router;
use wythe::Api;

fn main() {
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .public("these routes move later", |open| open.router("/old", Router::new()));
}
