//! An extractor of one's own, without `Extract` around it.

use axum::{Router, extract::FromRequestParts, routing::get};
use http::request::Parts;
use wythe::{CacheControl, Problem, compose, with_cache_control};

struct Session(String);

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(String::new()))
    }
}

async fn hello(session: Session) -> String {
    session.0
}

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    let _: Router = Router::new().route("/", get(stack.handler(hello)));
}
