//! Cache-control outside a rate limit: a CDN would cache the 429.

use wythe::{CacheControl, ConfigError, Quota, compose, with_cache_control, with_rate_limit};

fn main() -> Result<(), ConfigError> {
    let stack = compose((
        with_cache_control(CacheControl::no_store()),
        with_rate_limit(Quota::per_minute(10).by_peer()?),
    ));
    println!("{stack}");
    Ok(())
}
