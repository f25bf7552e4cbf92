//! A scheme of a user's own, with claims that are not `Clone`.

use http::{HeaderValue, request::Parts};
use wythe::{
    Later,
    auth::{Authenticate, Verdict},
    compose, with_auth,
};

struct Claims {
    sub: String,
}

struct Scheme;

impl Authenticate for Scheme {
    type Principal = Claims;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Key")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<Claims>> {
        Later::Ready(Verdict::Missing)
    }
}

async fn me(wythe::Auth(claims): wythe::Auth<Claims>) -> String {
    claims.sub
}

fn main() {
    let stack = compose(with_auth(Scheme));
    let _: axum::Router = axum::Router::new().route("/me", axum::routing::get(stack.handler(me)));
}
