//! What happens when there are as many keys as there may be.

use super::{super::Overflow, SECOND, key, store};

#[test]
fn never_more_keys_than_asked_for() {
    for cap in [1, 2, 3, 7, 1_000, 2_047, 2_048, 5_000, 100_001] {
        for overflow in [Overflow::Refuse, Overflow::Evict] {
            let store = store(cap, overflow);
            let mut refused = 0;
            for n in 0..2 * cap as u64 {
                refused += usize::from(store.take(key(n), 0, SECOND).is_none());
            }
            assert!(store.len() <= cap, "{cap} {overflow:?}");
            // Shards fill up almost evenly.
            assert!(store.len() >= cap - cap / 1_000, "{cap} {}", store.len());
            if overflow == Overflow::Refuse {
                assert_eq!(refused, 2 * cap - store.len());
            } else {
                assert_eq!(refused, 0);
            }
        }
    }
}

#[test]
fn a_store_that_refuses_serves_those_it_knows_and_others_when_some_are_idle() {
    let store = store(3, Overflow::Refuse);
    for n in 0..3 {
        assert_eq!(store.take(key(n), 0, (n + 1) * SECOND), Some(0));
    }
    assert_eq!(store.take(key(3), 0, SECOND), None);
    assert_eq!(store.take(key(1), 0, SECOND), Some(2 * SECOND));
    // What leaves a key whole needs no room.
    assert_eq!(store.take(key(3), 0, 0), Some(0));
    assert_eq!(store.take(key(3), SECOND - 1, SECOND), None);
    assert_eq!(store.take(key(3), SECOND, 9 * SECOND), Some(0));
    assert!(!store.keeps(key(0)));
    assert_eq!(store.take(key(4), SECOND, SECOND), None);
    assert!(store.remove(key(1)));
    assert_eq!(store.take(key(4), SECOND, SECOND), Some(0));
}

#[test]
fn what_is_idle_goes_before_what_is_not() {
    let store = store(200, Overflow::Evict);
    for n in 0..200 {
        // One of them is idle after a second. There are more than those that are looked at.
        let ahead = if n == 77 { SECOND } else { 60 * SECOND };
        store.take(key(n), 0, ahead);
    }
    store.take(key(200), SECOND, 1);
    assert!((0..=200).all(|n| store.keeps(key(n)) == (n != 77)));
}

#[test]
fn a_flood_of_made_up_keys_does_not_free_those_who_are_locked_out() {
    let store = store(10_000, Overflow::Evict);
    for n in 0..1_000 {
        store.take(key(n), 0, 3_600 * SECOND);
    }
    // One request each, in ten minutes: of 60 a minute, so that each is whole after a second.
    // And then of 60 an hour: nothing becomes whole as quickly as it comes.
    for (from, ahead) in [(1_000, SECOND), (301_000, 60 * SECOND)] {
        for n in from..from + 300_000 {
            store.take(key(n), n * 2_000_000, ahead);
        }
    }
    let kept = (0..1_000).filter(|n| store.keeps(key(*n))).count();
    assert_eq!(kept, 1_000);
    assert!(store.len() <= 10_000);
}
