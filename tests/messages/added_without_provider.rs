//! A limit by the address of the client is added to a stack where no layer finds it.

use wythe::{Cors, Quota, compose, with_cors, with_rate_limit};

fn main() {
    let base = compose(with_cors(Cors::any()));
    let limit = Quota::per_minute(60).by_client_ip().unwrap();
    let stack = base.with(with_rate_limit(limit));
    println!("{stack}");
}
