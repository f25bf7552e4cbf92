//! How much the cache holds.

use serde_json::json;
use wythe::TokenCache;

use super::{TestClock, counts, of_user, passes};
use crate::layers::auth::jwt::{Claims, NOW, hs256, token};

#[test]
fn refuses_a_cache_without_room() {
    let cases = [
        (
            TokenCache::<Claims>::of(0).unwrap_err(),
            "TokenCache: a cache needs room for at least one token",
        ),
        (
            TokenCache::<Claims>::of(1)
                .unwrap()
                .bytes(16_383)
                .unwrap_err(),
            "TokenCache: a cache needs at least 16384 bytes, not 16383",
        ),
    ];
    for (error, expected) in cases {
        let shown = error.to_string();
        assert!(shown.starts_with(expected), "{shown}");
    }
    drop(
        TokenCache::<Claims>::of(usize::MAX)
            .unwrap()
            .bytes(usize::MAX)
            .unwrap(),
    );
}

#[test]
fn a_cache_of_one_token_holds_the_last() {
    let cache = TokenCache::of(1).unwrap();
    let jwt = hs256::<Claims>().cache(&cache);
    let (ann, bob) = (of_user("ann"), of_user("bob"));
    for (token, expected) in [
        (&ann, 0),
        (&ann, 1),
        (&bob, 1),
        (&bob, 2),
        (&ann, 2),
        (&ann, 3),
    ] {
        assert!(passes(&jwt, token));
        assert_eq!((cache.hits(), cache.len()), (expected, 1));
    }
}

#[test]
fn a_flood_of_valid_tokens_stays_within_the_bounds_and_spares_those_in_use() {
    for tokens in [2, 10, 100, 1_000] {
        let cache = TokenCache::of(tokens).unwrap();
        let jwt = hs256::<Claims>().cache(&cache);
        let in_use = of_user("ann");
        assert!(passes(&jwt, &in_use));
        for n in 0..2_500 {
            assert!(passes(&jwt, &of_user(&n.to_string())));
            assert!(passes(&jwt, &in_use));
            assert!(cache.len() <= tokens, "{}", cache.len());
        }
        // It is looked for right after each of the others, and has been used in between.
        assert_eq!(counts(&cache), (2_500, 2_501), "{tokens}");
        assert!(cache.len() > tokens / 2);
    }
}

#[test]
fn long_tokens_stay_within_the_bytes() {
    let bytes = 32 << 10;
    let cache = TokenCache::of(100).unwrap().bytes(bytes).unwrap();
    let jwt = hs256::<Claims>().cache(&cache);
    for n in 0..200_usize {
        let length = if n % 3 == 0 { 5_000 } else { n };
        let claims = json!({ "sub": n.to_string(), "exp": NOW + 60, "x": "x".repeat(length) });
        let token = token(&claims);
        assert!(passes(&jwt, &token));
        assert!(passes(&jwt, &token));
        assert!(cache.size() <= bytes, "{}", cache.size());
        assert!(cache.size() > token.len());
    }
    assert_eq!(cache.hits(), 200);
    cache.clear();
    assert_eq!((cache.len(), cache.size()), (0, 0));
}

#[test]
fn a_token_larger_than_the_cache_is_verified_each_time() {
    let cache = TokenCache::of(9).unwrap().bytes(16 << 10).unwrap();
    let jwt = hs256::<Claims>()
        .max_length(32 << 10)
        .unwrap()
        .cache(&cache);
    let small = of_user("ann");
    assert!(passes(&jwt, &small));
    let claims = json!({ "sub": "ann", "exp": NOW + 60, "x": "x".repeat(14_000) });
    for _ in 0..2 {
        assert!(passes(&jwt, &token(&claims)));
    }
    // And puts nothing out.
    assert!(passes(&jwt, &small));
    assert_eq!((cache.len(), cache.hits()), (1, 1));
}

#[test]
fn insertions_remove_expired_tokens() {
    let clock = TestClock::at(NOW);
    let cache = TokenCache::of(200).unwrap();
    let jwt = hs256::<Claims>().clock(clock.now()).cache(&cache);
    for n in 0..100 {
        assert!(passes(&jwt, &of_user(&n.to_string())));
    }
    assert_eq!(cache.len(), 100);
    clock.set(NOW + 60);
    for n in 0..30 {
        let later = token(&json!({ "sub": n.to_string(), "exp": NOW + 120 }));
        assert!(passes(&jwt, &later));
    }
    // Each of the thirty looked at four.
    assert_eq!(cache.len(), 30);
}
