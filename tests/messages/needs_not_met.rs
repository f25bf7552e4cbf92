//! A middleware of one's own that needs what no layer outside it provides.

use http::Request;
use serde::Deserialize;
use wythe::{Auth, Later, Middleware, Needed, Place, Step, compose, stage, with};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Clone)]
struct AdminsOnly;

impl Place for AdminsOnly {
    type Stage = stage::Authorize;
    type Provides = ();
    type Needs = Needed<Auth<Claims>>;
}

impl<B> Middleware<B> for AdminsOnly {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }
}

fn main() {
    let stack = compose((with(AdminsOnly),));
    println!("{stack}");
}
