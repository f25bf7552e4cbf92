//! One layer, without the comma that makes it a tuple.

use wythe::{CacheControl, compose, with_cache_control};

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store())));
    println!("{stack}");
}
