//! A route is added to an `Api` after `finish`.

use wythe::{Api, FinishedApi, compose};

async fn health() -> &'static str {
    "healthy"
}

fn api() -> FinishedApi<()> {
    Api::new("Users", "1.0.0").finish()
}

fn main() {
    let api = api().get("/health", compose(()).handler(health));
}
