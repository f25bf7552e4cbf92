//! Many threads at once.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use serde_json::json;
use wythe::{
    Later, TokenCache,
    auth::{Authenticate, Verdict},
};

use super::{TestClock, head, of_user, passes};
use crate::layers::auth::jwt::{Claims, NOW, hs256, token};

/// Says that it is over when it is dropped, so that nobody waits for a thread that has panicked.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn each_thread_gets_the_claims_of_its_own_token() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 400;
    let cache = TokenCache::of(24).unwrap();
    let jwt = hs256::<Claims>().cache(&cache);
    let names: Vec<String> = (0..32).map(|n| format!("user {n}")).collect();
    let heads: Vec<_> = names.iter().map(|name| head(&of_user(name))).collect();
    let forged = head(&format!("{}A", of_user("user 1")));
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (jwt, cache, names, heads, forged) = (&jwt, &cache, &names, &heads, &forged);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let at = (n * 7 + round * (n + 1)) % heads.len();
                    match jwt.authenticate(&heads[at]) {
                        Later::Ready(Verdict::Verified(claims)) => {
                            assert_eq!(claims.sub, names[at]);
                        }
                        other => panic!("{other:?}"),
                    }
                    assert!(matches!(
                        jwt.authenticate(forged),
                        Later::Ready(Verdict::Refused(_))
                    ));
                    match (n, round % 50) {
                        (0, 0) => cache.clear(),
                        (1, 0) => drop(cache.forget_where(|claims| claims.sub == "user 3")),
                        (2, 0) => drop(cache.forget(of_user("user 5"))),
                        _ => assert!(cache.len() <= 24),
                    }
                }
            });
        }
    });
    let asked = (THREADS * ROUNDS * 2) as u64;
    assert_eq!(cache.hits() + cache.misses(), asked);
    assert!(cache.hits() > 0);
}

/// Once the clock shows the second, no thread lets the token pass.
#[test]
fn no_thread_finds_a_token_past_its_expiry() {
    let clock = TestClock::at(NOW);
    let jwt = hs256::<Claims>().clock(clock.now());
    let over = AtomicBool::new(false);
    let tokens: Vec<String> = (1..50_u64)
        .map(|n| token(&json!({ "sub": "ann", "exp": NOW + n })))
        .collect();
    let passed = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let _set_on_drop = SetOnDrop(&over);
                while !over.load(Ordering::Relaxed) {
                    for (token, expiry) in tokens.iter().zip(NOW + 1..) {
                        let before = clock.0.load(Ordering::Relaxed);
                        let passes = passes(&jwt, token);
                        assert!(!passes || before < expiry);
                        passed.fetch_add(u64::from(passes), Ordering::Relaxed);
                    }
                }
            });
        }
        for now in NOW..NOW + 50 {
            clock.set(now);
            // Everybody has had a look.
            let seen = passed.load(Ordering::Relaxed);
            let enough = || passed.load(Ordering::Relaxed) >= seen + 20;
            while now < NOW + 49 && !enough() && !over.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
        drop(SetOnDrop(&over));
    });
    assert!(jwt.token_cache().unwrap().hits() > 0);
}

/// A token that was forgotten before a request came is verified for it.
#[test]
fn nothing_outlives_a_clear() {
    let cache = TokenCache::of(100).unwrap();
    let jwt = hs256::<Claims>().cache(&cache);
    let token = of_user("ann");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let _set_on_drop = SetOnDrop(&over);
                while !over.load(Ordering::Relaxed) {
                    assert!(passes(&jwt, &token));
                }
            });
        }
        for _ in 0..300 {
            let before = cache.misses();
            cache.clear();
            // Somebody has to verify it, for it is not there.
            while cache.misses() == before && !over.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
        drop(SetOnDrop(&over));
    });
}
