//! A layer of another crate, without `layer(..)` around it.

use tower::layer::util::Identity;
use wythe::{CacheControl, compose, with_cache_control};

fn main() {
    let stack = compose((Identity::new(), with_cache_control(CacheControl::no_store())));
    println!("{stack}");
}
