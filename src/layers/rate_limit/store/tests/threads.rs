//! Many threads at once: nothing is lost and nothing counted twice.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::{super::Overflow, SECOND, key, store};

const THREADS: u64 = 8;
const FAR: u64 = u64::MAX / 2;

#[test]
fn counts_are_exact_while_shards_grow_and_are_swept() {
    let store = store(200_000, Overflow::Evict);
    let clock = AtomicU64::new(0);
    let work = |thread: u64| {
        for round in 0..5 {
            for n in 0..4_000 {
                let now = clock.fetch_add(SECOND / 100, Ordering::Relaxed);
                // One key of all threads, one of this thread, and one that is soon idle.
                for number in [n, 10_000 * (thread + 1) + n] {
                    store.update(key(number), now, |times| times[0] = times[0].max(FAR) + 1);
                }
                let passing = 1_000_000 * (thread + 1) + 10_000 * round + n;
                store.take(key(passing), now, SECOND);
            }
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || work(thread));
        }
    });
    let count = |number| store.read(key(number), |times| times[0] - FAR);
    for n in 0..4_000 {
        assert_eq!(count(n), Some(THREADS * 5));
        assert!((1..=THREADS).all(|thread| count(10_000 * thread + n) == Some(5)));
    }
    // Those that passed by were swept: of 160,000, one sweep every 60 s lets some stay.
    assert!(store.len() < 36_000 + 80_000, "{}", store.len());
}

#[test]
fn of_one_key_a_full_store_that_refuses_gives_out_what_there_is() {
    let store = store(1, Overflow::Refuse);
    let work = |_| {
        let taken = (0..20_000).filter(|_| {
            let taken = store.update(key(7), 0, |times| {
                let free = times[0] < 1_000;
                times[0] += u64::from(free);
                free
            });
            let new = store.update(key(8), 0, |times| times[0] = 1);
            assert_eq!(new, None);
            taken == Some(true)
        });
        taken.count()
    };
    store.take(key(7), 0, 1);
    let taken: usize = thread::scope(|scope| {
        #[expect(
            clippy::needless_collect,
            reason = "all are started before one is waited for"
        )]
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || work(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(taken, 999);
}
