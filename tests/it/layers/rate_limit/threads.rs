//! Limits hold when many threads send requests at once.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use http::{Request, StatusCode};
use wythe::{
    Quota, RateLimit, RequestHead, With,
    key::{Key, KeyPart, KeyWriter},
    rate_limit::Limiter,
    with_rate_limit,
};

use crate::common::{
    empty,
    limits::{ManualClock, refused, send},
};

const THREADS: u32 = 8;

fn by_number(head: &RequestHead<'_>) -> Option<u32> {
    head.extensions().get().copied()
}

/// How many of `each` requests from every thread pass, for each of `keys` keys.
fn passed<K: Key>(layer: &With<Limiter<K>>, keys: u32, each: u32) -> Vec<u32> {
    let passed: Vec<_> = (0..keys).map(|_| AtomicU32::new(0)).collect();
    let start = Barrier::new(THREADS.try_into().unwrap());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                // Each thread has a clone, as each connection of a server has.
                let layer = layer.clone();
                start.wait();
                runtime.block_on(async {
                    for n in 0..each {
                        let key = n % keys;
                        let mut request = Request::new(empty());
                        request.extensions_mut().insert(key);
                        let response = send(&layer, request).await;
                        if refused(&response).is_none() {
                            passed[usize::try_from(key).unwrap()].fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            });
        }
    });
    passed.into_iter().map(AtomicU32::into_inner).collect()
}

#[test]
fn exactly_the_quota_passes() {
    for keys in [1, 2, 500] {
        let clock = ManualClock::default();
        let limit = Quota::per_hour(10)
            .by(by_number)
            .unwrap()
            .clock(clock.now());
        let layer = with_rate_limit(limit);
        let passed = passed(&layer, keys, 20 * keys.min(100));
        let attempts = THREADS * 20 * keys.min(100) / keys;
        assert!(
            passed.iter().all(|n| *n == attempts.min(10)),
            "{keys}: {passed:?}"
        );
    }
}

#[test]
fn exactly_the_smaller_quota_passes_and_rejected_requests_do_not_spend_the_larger() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_minute(7).named("minute"),
        Quota::per_day(10).named("day"),
    ];
    let limit = RateLimit::of(quotas)
        .unwrap()
        .by(by_number)
        .clock(clock.now());
    let layer = with_rate_limit(limit);
    assert_eq!(passed(&layer, 3, 300), [7, 7, 7]);
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(passed(&layer, 3, 300), [3, 3, 3]);
}

#[test]
fn a_layer_is_send_and_sync() {
    fn check<T: Send + Sync + Clone + 'static>(_: &T) {}
    check(&with_rate_limit(Quota::per_day(1).by_peer().unwrap()));
    check(&with_rate_limit(
        Quota::per_day(1).by(by_number).unwrap().after_auth(),
    ));
}

#[test]
fn a_key_that_panics_leaves_the_limit_working() {
    struct PanickingKey(u32);
    impl KeyPart for PanickingKey {
        fn write(&self, key: &mut KeyWriter<'_>) {
            assert_ne!(self.0, 13, "13 can't be written");
            key.number(self.0.into());
        }
    }

    let clock = ManualClock::default();
    let key = |head: &RequestHead<'_>| PanickingKey(by_number(head).unwrap());
    let layer = with_rate_limit(Quota::per_day(1).by(key).unwrap().clock(clock.now()));
    let call = |key: u32| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut request = Request::new(empty());
        request.extensions_mut().insert(key);
        runtime.block_on(send(&layer, request)).status()
    };
    thread::scope(|scope| scope.spawn(|| call(13)).join().unwrap_err());
    for key in 14..2_000 {
        assert_eq!(call(key), StatusCode::OK);
        assert_eq!(call(key), StatusCode::TOO_MANY_REQUESTS);
    }
}
