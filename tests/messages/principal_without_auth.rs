//! A limit by principal, and no layer finds out who it is.

use wythe::{Quota, compose, with_rate_limit};

#[derive(Clone)]
struct Claims {
    sub: String,
}

fn main() {
    let limit = Quota::per_minute(60).by_principal(|claims: &Claims| &claims.sub).unwrap();
    let stack = compose((with_rate_limit(limit),));
    println!("{stack}");
}
