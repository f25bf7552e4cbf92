//! A limit by the address of the client, and no layer finds it.

use wythe::{Quota, compose, with_rate_limit};

fn main() {
    let limit = Quota::per_minute(60).by_client_ip().unwrap();
    let stack = compose((with_rate_limit(limit),));
    println!("{stack}");
}
