//! A layer that may be invalid, without `?`.

use wythe::{CacheControl, Quota, compose, with_cache_control, with_rate_limit};

fn main() {
    let limit = Quota::per_minute(10).by_peer().map(with_rate_limit);
    let _stack = compose((limit, with_cache_control(CacheControl::no_store())));
}
