//! How a stack is printed.

use serde::Deserialize;
use wythe::{
    CacheControl, ConfigError, Json, Jwt, Quota, compose, with_auth, with_cache_control,
    with_rate_limit, with_validation,
};

#[derive(Clone, Deserialize)]
struct Claims {}

#[derive(Deserialize, garde::Validate)]
struct NewUser {
    #[garde(length(min = 2))]
    name: String,
}

/// The table on the crate's front page.
const TABLE: &str = "\
layer               stage         answers and sets
with_rate_limit     Throttle      429 when a quota is spent (\"10-per-minute\": 10 requests per minute, one every 6 s)
                                  500 when the server does not provide the address of the peer
                                  sets retry-after, ratelimit, ratelimit-policy, access-control-expose-headers
with_auth           Authenticate  401 without credentials, or with invalid ones
                                  400 without a token after `Bearer`, or with several tokens
                                  sets www-authenticate
with_validation     Validate      400 when the body can't be read or parsed
                                  413 when the body has more than 1048576 bytes
                                  415 when the body has another content type, or a content coding
                                  422 when the input is well-formed but invalid
                                  sets accept, accept-encoding
with_cache_control  Cache         sets cache-control
";

#[test]
fn a_stack_prints_a_table_of_layer_stage_and_answers() -> Result<(), ConfigError> {
    let stack = compose((
        with_rate_limit(Quota::per_minute(10).by_peer()?),
        with_auth(Jwt::<Claims>::hs256(
            b"thirty-two bytes of a secret, or more",
        )?),
        with_validation::<Json<NewUser>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    assert_eq!(stack.to_string(), TABLE);
    Ok(())
}

#[test]
fn a_condition_is_part_of_the_name() {
    let layer = with_cache_control(CacheControl::no_store());
    let stack = compose((layer.clone().when(|_| true), layer.except(|_| true)));
    let names: Vec<_> = stack
        .describe()
        .iter()
        .map(|(_, layer)| layer.name().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "with_cache_control.when(..)",
            "with_cache_control.except(..)"
        ]
    );
}

#[test]
fn the_front_page_shows_the_real_table() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs"));
    for line in TABLE.lines() {
        assert!(page.contains(line), "the front page lacks: {line}");
    }
}
