//! What the store takes, and that it gives it back.

use super::{super::Overflow, SECOND, key, store};

#[test]
fn a_key_takes_at_most_48_bytes_however_many_there_are() {
    let store = store(2_000_000, Overflow::Evict);
    let mut most = 0;
    for n in 1..=400_000 {
        store.take(key(n), 0, SECOND);
        if n >= 100_000 && n % 1_000 == 0 {
            most = most.max(store.bytes() / store.len());
        }
    }
    assert_eq!(store.len(), 400_000);
    assert!((24..=48).contains(&most), "{most}");
}

#[test]
fn an_unused_store_takes_little() {
    assert!(store(1, Overflow::Evict).bytes() <= 64);
    assert!(store(1_000_000, Overflow::Evict).bytes() <= 40_000);
    assert!(store(usize::MAX, Overflow::Evict).bytes() <= 5_000_000);
}

#[test]
fn a_flood_takes_no_more_than_the_cap() {
    let store = store(20_000, Overflow::Evict);
    let mut most = 0;
    for n in 0..400_000 {
        store.take(key(n), n, SECOND);
        if n % 1_000 == 0 {
            most = most.max(store.bytes());
        }
    }
    assert!(most <= 20_000 * 48, "{most}");
}

#[test]
fn memory_comes_back_though_only_one_key_is_used() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.take(key(n), 0, SECOND);
    }
    assert!(store.bytes() > 6_000_000);
    // One request a second: each sweeps one of the 512 shards.
    let mut now = SECOND;
    for _ in 0..512 {
        now += SECOND;
        store.take(key(0), now, SECOND / 2);
    }
    assert!(store.len() <= 1);
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}

#[test]
fn under_steady_traffic_memory_comes_back_within_a_minute() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.take(key(n), 0, SECOND);
    }
    for n in 0..61_000 {
        store.take(key(0), SECOND + n * SECOND / 1_000, SECOND / 2);
    }
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}

#[test]
fn sweeps_that_were_missed_are_made_up_for() {
    let store = store(100_000, Overflow::Evict);
    for n in 0..50_000 {
        store.take(key(n), 0, SECOND);
    }
    // All at one moment, an hour later: as many as there are shards.
    for _ in 0..64 {
        store.take(key(0), 3_600 * SECOND, SECOND);
    }
    assert_eq!(store.len(), 1);
}

#[test]
fn memory_comes_back_after_keys_were_removed() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.take(key(n), 0, 3_600 * SECOND);
    }
    assert!((0..200_000).all(|n| store.remove(key(n))));
    for n in 0..61_000 {
        store.take(key(0), n * SECOND / 1_000, SECOND);
    }
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}
