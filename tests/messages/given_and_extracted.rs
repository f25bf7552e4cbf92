//! A type that a layer provides and that is an extractor as well.

use axum::{Router, extract::FromRequestParts, routing::get};
use http::{Extensions, Request, request::Parts};
use wythe::{Always, Later, Middleware, Place, Problem, Provided, Step, compose, stage, with};

#[derive(Clone)]
struct Tenant(String);

impl Provided for Tenant {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().cloned()
    }
}

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(String::new()))
    }
}

#[derive(Clone)]
struct Tenancy;

impl Place for Tenancy {
    type Stage = stage::Admit;
    type Provides = Always<Tenant>;
    type Needs = ();
}

impl<B> Middleware<B> for Tenancy {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }
}

async fn hello(tenant: Tenant) -> String {
    tenant.0
}

fn main() {
    let stack = compose(with(Tenancy));
    let _: Router = Router::new().route("/", get(stack.handler(hello)));
}
