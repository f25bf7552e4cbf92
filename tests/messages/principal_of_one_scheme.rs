//! The stack takes two schemes, and the handler asks for the principal of one.

use axum::{Router, routing::get};
use http::{HeaderValue, request::Parts};
use serde::Deserialize;
use wythe::{Auth, ConfigError, Jwt, Later, auth::{Authenticate, Verdict}, compose, with_auth};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Clone)]
struct Partner;

struct Badges;

impl Authenticate for Badges {
    type Principal = Partner;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, _: &Parts) -> Later<Verdict<Partner>> {
        Later::Ready(Verdict::Missing)
    }
}

async fn me(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose((with_auth(jwt.either(Badges)),));
    let _: Router = Router::new().route("/me", get(stack.handler(me)));
    Ok(())
}
