//! A shared stack ends further in than the layer that follows it.

use wythe::{CacheControl, Cors, Quota, compose, with_cache_control, with_cors, with_rate_limit};

fn main() -> Result<(), wythe::ConfigError> {
    let shared = compose((
        with_cors(Cors::origins(["https://app.example.com"])?),
        with_cache_control(CacheControl::no_store()),
    ));
    let _stack = compose((shared, with_rate_limit(Quota::per_minute(10).by_peer()?)));
    Ok(())
}
