//! Clocks, keys and closures at their worst.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    super::{Capacity, Overflow, Store},
    SECOND, key, store,
};
use crate::request::key::Fingerprint;

#[test]
fn a_clock_that_jumps_neither_loops_nor_panics() {
    let store = store(5_000, Overflow::Refuse);
    let nows = [0, u64::MAX, 5, u64::MAX / 2, 0, SECOND, u64::MAX - 1, 1];
    for (round, now) in nows.into_iter().cycle().take(80).enumerate() {
        for n in 0..500 {
            let number = n + 100 * round as u64;
            store.update(key(number), now, |times| {
                times[0] = now.saturating_add(SECOND);
            });
        }
        assert!(store.len() <= 5_000);
    }
}

#[test]
fn sweeps_go_on_after_a_clock_went_back() {
    let store = store(100_000, Overflow::Evict);
    store.take(key(0), 1_000_000 * SECOND, 1);
    for n in 0..50_000 {
        store.take(key(n), 0, SECOND);
    }
    assert!(store.len() >= 50_000);
    for n in 0..200 {
        store.take(key(0), 2 * SECOND + n * SECOND, SECOND);
    }
    assert_eq!(store.len(), 1);
}

#[test]
fn keys_that_meet_in_one_shard_and_one_slot_are_told_apart() {
    for (high, step) in [(0, 1 << 20), (u64::MAX, 1 << 20), (7, 1)] {
        let keys = |n: u64| Fingerprint {
            high,
            low: n * step,
        };
        let store = store(100_000, Overflow::Evict);
        // All in one shard, or all in one place of each.
        for n in 0..2_000 {
            assert_eq!(store.take(keys(n), 0, n + 1), Some(0));
        }
        let known = (0..2_000).filter(|n| store.read(keys(*n), |t| t[0]) == Some(n + 1));
        assert_eq!(known.count(), store.len());
        assert!(store.len() >= 1_500);
        for n in (0..2_000).rev() {
            store.remove(keys(n));
        }
        assert_eq!(store.len(), 0);
    }
}

#[test]
fn a_closure_that_panics_leaves_the_store_whole() {
    let store = store(10, Overflow::Evict);
    store.take(key(1), 0, SECOND);
    for n in [1, 2] {
        let panics = || store.update(key(n), 0, |_| panic!("on purpose"));
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    }
    assert_eq!(store.take(key(1), 0, SECOND), Some(SECOND));
    assert_eq!(store.take(key(2), 0, SECOND), Some(0));
    assert_eq!(store.len(), 2);
}

#[test]
fn each_of_eight_times_is_kept() {
    for width in 1..=8 {
        let store = Store::new(Capacity::default(), width);
        for n in 0..3_000 {
            store.update(key(n), 0, |times| {
                assert_eq!(times, vec![0; width]);
                times
                    .iter_mut()
                    .zip(n..)
                    .for_each(|(time, n)| *time = n + 1);
            });
        }
        for n in 0..3_000 {
            let expected: Vec<u64> = (n + 1..).take(width).collect();
            assert_eq!(store.read(key(n), <[u64]>::to_vec), Some(expected));
        }
    }
}
