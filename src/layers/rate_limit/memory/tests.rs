//! Unit tests, because what the store keeps, drops and refuses is hard to observe from outside.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use proptest::prelude::*;

use super::{Capacity, Full, Memory, Overflow};
use crate::{request::key::Fingerprint, support::clock::Clock};

const SECOND: u64 = 1_000_000_000;

fn store(keys: usize, overflow: Overflow) -> Memory {
    Memory::new(Capacity::new(keys, overflow).unwrap(), 1, Clock::system())
}

/// The same key for the same number, distributed like hashes.
fn key(number: u64) -> Fingerprint {
    let mix = |number: u64| {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let high = mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15));
    Fingerprint {
        high,
        low: mix(high),
    }
}

impl Memory {
    /// Takes this much of a key, as a rate limit does; returns the time before. `None` if full.
    fn spend(&self, key: Fingerprint, now: u64, cost: u64) -> Option<u64> {
        self.update(key, now, |times| {
            let before = times[0];
            times[0] = before.max(now) + cost;
            before
        })
        .ok()
    }

    /// The number of bytes that it holds on the heap.
    fn bytes(&self) -> usize {
        let tables: usize = self.shards.each().map(|shard| shard.table.bytes()).sum();
        tables.saturating_add(self.shards.bytes())
    }

    fn keeps(&self, key: Fingerprint) -> bool {
        self.read(key, |_| ()).is_some()
    }
}

// Behavior at the maximum number of keys.

#[test]
fn never_keeps_more_keys_than_the_maximum() {
    for cap in [1, 2, 3, 7, 1_000, 2_047, 2_048, 5_000, 100_001] {
        for overflow in [Overflow::Refuse, Overflow::Evict] {
            let store = store(cap, overflow);
            let mut refused = 0;
            for n in 0..2 * cap as u64 {
                refused += usize::from(store.spend(key(n), 0, SECOND).is_none());
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
fn a_full_store_that_refuses_serves_known_keys_and_new_ones_once_some_are_idle() {
    let store = store(3, Overflow::Refuse);
    for n in 0..3 {
        assert_eq!(store.spend(key(n), 0, (n + 1) * SECOND), Some(0));
    }
    assert_eq!(store.spend(key(3), 0, SECOND), None);
    assert_eq!(store.spend(key(1), 0, SECOND), Some(2 * SECOND));
    // A key that stays full needs no room.
    assert_eq!(store.spend(key(3), 0, 0), Some(0));
    assert_eq!(store.spend(key(3), SECOND - 1, SECOND), None);
    assert_eq!(store.spend(key(3), SECOND, 9 * SECOND), Some(0));
    assert!(!store.keeps(key(0)));
    assert_eq!(store.spend(key(4), SECOND, SECOND), None);
    assert!(store.reset(key(1)));
    assert_eq!(store.spend(key(4), SECOND, SECOND), Some(0));
}

#[test]
fn idle_keys_are_dropped_first() {
    let store = store(200, Overflow::Evict);
    for n in 0..200 {
        // One of them is idle after a second. There are more than are compared.
        let cost = if n == 77 { SECOND } else { 60 * SECOND };
        store.spend(key(n), 0, cost);
    }
    store.spend(key(200), SECOND, 1);
    assert!((0..=200).all(|n| store.keeps(key(n)) == (n != 77)));
}

#[test]
fn a_flood_of_new_keys_does_not_free_locked_out_keys() {
    let store = store(10_000, Overflow::Evict);
    for n in 0..1_000 {
        store.spend(key(n), 0, 3_600 * SECOND);
    }
    // One request each, within ten minutes: first at 60 per minute, so that each key is full after a
    // second, and then at 60 per hour, so that keys arrive faster than others become full.
    for (from, cost) in [(1_000, SECOND), (301_000, 60 * SECOND)] {
        for n in from..from + 300_000 {
            store.spend(key(n), n * 2_000_000, cost);
        }
    }
    let kept = (0..1_000).filter(|n| store.keeps(key(*n))).count();
    assert_eq!(kept, 1_000);
    assert!(store.len() <= 10_000);
}

// Memory use, and that memory is released.

#[test]
fn a_key_takes_at_most_48_bytes_at_any_number_of_keys() {
    let store = store(2_000_000, Overflow::Evict);
    let mut peak = 0;
    for n in 1..=400_000 {
        store.spend(key(n), 0, SECOND);
        if n >= 100_000 && n % 1_000 == 0 {
            peak = peak.max(store.bytes() / store.len());
        }
    }
    assert_eq!(store.len(), 400_000);
    assert!((24..=48).contains(&peak), "{peak}");
}

#[test]
fn an_unused_store_takes_little_memory() {
    assert!(store(1, Overflow::Evict).bytes() <= 64);
    assert!(store(1_000_000, Overflow::Evict).bytes() <= 40_000);
    assert!(store(usize::MAX, Overflow::Evict).bytes() <= 5_000_000);
}

#[test]
fn a_flood_takes_no_more_memory_than_the_cap() {
    let store = store(20_000, Overflow::Evict);
    let mut peak = 0;
    for n in 0..400_000 {
        store.spend(key(n), n, SECOND);
        if n % 1_000 == 0 {
            peak = peak.max(store.bytes());
        }
    }
    assert!(peak <= 20_000 * 48, "{peak}");
}

#[test]
fn memory_is_released_even_if_only_one_key_is_used() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.spend(key(n), 0, SECOND);
    }
    assert!(store.bytes() > 6_000_000);
    // One request per second: each sweeps one of the 512 shards.
    let mut now = SECOND;
    for _ in 0..512 {
        now += SECOND;
        store.spend(key(0), now, SECOND / 2);
    }
    assert!(store.len() <= 1);
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}

#[test]
fn under_steady_traffic_memory_is_released_within_a_minute() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.spend(key(n), 0, SECOND);
    }
    for n in 0..61_000 {
        store.spend(key(0), SECOND + n * SECOND / 1_000, SECOND / 2);
    }
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}

#[test]
fn missed_sweeps_are_made_up_for() {
    let store = store(100_000, Overflow::Evict);
    for n in 0..50_000 {
        store.spend(key(n), 0, SECOND);
    }
    // All at the same moment, an hour later: as many as there are shards.
    for _ in 0..64 {
        store.spend(key(0), 3_600 * SECOND, SECOND);
    }
    assert_eq!(store.len(), 1);
}

#[test]
fn memory_is_released_after_keys_were_removed() {
    let store = store(1_000_000, Overflow::Evict);
    let empty = store.bytes();
    for n in 0..200_000 {
        store.spend(key(n), 0, 3_600 * SECOND);
    }
    assert!((0..200_000).all(|n| store.reset(key(n))));
    for n in 0..61_000 {
        store.spend(key(0), n * SECOND / 1_000, SECOND);
    }
    assert!(store.bytes() <= empty + 200, "{}", store.bytes());
}

// Clocks, keys and closures at their worst.

#[test]
fn a_clock_that_jumps_neither_loops_nor_panics() {
    let store = store(5_000, Overflow::Refuse);
    let nows = [0, u64::MAX, 5, u64::MAX / 2, 0, SECOND, u64::MAX - 1, 1];
    for (round, now) in nows.into_iter().cycle().take(80).enumerate() {
        for n in 0..500 {
            let number = n + 100 * round as u64;
            let take = |times: &mut [u64]| times[0] = now.saturating_add(SECOND);
            let _: Result<(), Full> = store.update(key(number), now, take);
        }
        assert!(store.len() <= 5_000);
    }
}

#[test]
fn sweeps_continue_after_a_clock_was_set_back() {
    let store = store(100_000, Overflow::Evict);
    store.spend(key(0), 1_000_000 * SECOND, 1);
    for n in 0..50_000 {
        store.spend(key(n), 0, SECOND);
    }
    assert!(store.len() >= 50_000);
    for n in 0..200 {
        store.spend(key(0), 2 * SECOND + n * SECOND, SECOND);
    }
    assert_eq!(store.len(), 1);
}

#[test]
fn keys_in_the_same_shard_and_slot_are_distinguished() {
    for (high, step) in [(0, 1 << 20), (u64::MAX, 1 << 20), (7, 1)] {
        let keys = |n: u64| Fingerprint {
            high,
            low: n * step,
        };
        let store = store(100_000, Overflow::Evict);
        // All in one shard, or all in one slot of each.
        for n in 0..2_000 {
            assert_eq!(store.spend(keys(n), 0, n + 1), Some(0));
        }
        let known = (0..2_000).filter(|n| store.read(keys(*n), |t| t[0]) == Some(n + 1));
        assert_eq!(known.count(), store.len());
        assert!(store.len() >= 1_500);
        for n in (0..2_000).rev() {
            store.reset(keys(n));
        }
        assert_eq!(store.len(), 0);
    }
}

#[test]
fn a_closure_that_panics_leaves_the_store_intact() {
    let store = store(10, Overflow::Evict);
    store.spend(key(1), 0, SECOND);
    for n in [1, 2] {
        let panics = || store.update(key(n), 0, |_| panic!("on purpose"));
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    }
    assert_eq!(store.spend(key(1), 0, SECOND), Some(SECOND));
    assert_eq!(store.spend(key(2), 0, SECOND), Some(0));
    assert_eq!(store.len(), 2);
}

#[test]
fn each_of_eight_times_is_kept() {
    for width in 1..=8 {
        let store = Memory::new(Capacity::default(), width, Clock::system());
        for n in 0..3_000 {
            store
                .update(key(n), 0, |times| {
                    assert_eq!(times, vec![0; width]);
                    times
                        .iter_mut()
                        .zip(n..)
                        .for_each(|(time, n)| *time = n + 1);
                })
                .unwrap();
        }
        for n in 0..3_000 {
            let expected: Vec<u64> = (n + 1..).take(width).collect();
            assert_eq!(store.read(key(n), <[u64]>::to_vec), Some(expected));
        }
    }
}

// Many threads at once: nothing is lost and nothing counted twice.

const THREADS: u64 = 8;
const FAR_FUTURE: u64 = u64::MAX / 2;

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
                    let count = |times: &mut [u64]| times[0] = times[0].max(FAR_FUTURE) + 1;
                    store.update(key(number), now, count).unwrap();
                }
                let passing = 1_000_000 * (thread + 1) + 10_000 * round + n;
                store.spend(key(passing), now, SECOND);
            }
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || work(thread));
        }
    });
    let count = |number| store.read(key(number), |times| times[0] - FAR_FUTURE);
    for n in 0..4_000 {
        assert_eq!(count(n), Some(THREADS * 5));
        assert!((1..=THREADS).all(|thread| count(10_000 * thread + n) == Some(5)));
    }
    // Expired keys were swept: of 160,000, one sweep every 60 s leaves some.
    assert!(store.len() < 36_000 + 80_000, "{}", store.len());
}

#[test]
fn a_full_store_that_refuses_hands_out_exactly_the_quota_of_one_key() {
    let store = store(1, Overflow::Refuse);
    let work = |_| {
        let taken = (0..20_000).filter(|_| {
            let taken = store.update(key(7), 0, |times| {
                let free = times[0] < 1_000;
                times[0] += u64::from(free);
                free
            });
            let new = store.update(key(8), 0, |times| times[0] = 1);
            assert!(new.is_err());
            taken.ok() == Some(true)
        });
        taken.count()
    };
    store.spend(key(7), 0, 1);
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

// Compares the store with a plain map that drops only what it must.

#[derive(Clone, Debug)]
enum Step {
    /// The number of nanoseconds for each of the times.
    Take(u64, [u64; 3]),
    Read(u64),
    Remove(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || prop_oneof![0..150_u64, 0..6_u64];
    let cost = || prop_oneof![Just(0), 0..100_u64, 0..20_000_u64];
    let step = prop_oneof![
        8 => (number(), [cost(), cost(), cost()]).prop_map(|(n, cost)| Step::Take(n, cost)),
        2 => number().prop_map(Step::Read),
        1 => number().prop_map(Step::Remove),
        2 => prop_oneof![0..200_u64, Just(10_000)].prop_map(Step::Wait),
        // A complete round of sweeps.
        1 => Just(Step::Wait(60_000_000_000)),
    ];
    prop::collection::vec(step, 0..600)
}

/// Keys like hashes, all in one place, and at both ends.
fn crowded(number: u64) -> Fingerprint {
    let high = match number % 4 {
        0 => u64::MAX,
        1 => 0,
        2 => u64::MAX / 2,
        _ => 1,
    };
    Fingerprint { high, low: number }
}

#[derive(Default)]
struct Model {
    times: HashMap<Fingerprint, Vec<u64>>,
    now: u64,
}

impl Model {
    fn idle_at(times: &[u64]) -> u64 {
        times.iter().copied().max().unwrap()
    }

    fn forget_the_idle(&mut self) {
        let now = self.now;
        self.times.retain(|_, times| Self::idle_at(times) > now);
    }

    /// The result of `take`, and whether there is room for it.
    fn take(&mut self, key: Fingerprint, cost: &[u64], cap: usize, overflow: Overflow) -> bool {
        self.forget_the_idle();
        let zeros = || vec![0; cost.len()];
        let mut times = self.times.get(&key).cloned().unwrap_or_else(zeros);
        change(&mut times, self.now, cost);
        if Self::idle_at(&times) <= self.now {
            return true;
        }
        if !self.times.contains_key(&key) && self.times.len() == cap {
            if overflow == Overflow::Refuse {
                return false;
            }
            let soonest = self.times.iter().map(|(k, t)| (Self::idle_at(t), *k)).min();
            self.times.remove(&soonest.unwrap().1);
        }
        self.times.insert(key, times);
        true
    }
}

fn change(times: &mut [u64], now: u64, cost: &[u64]) {
    for (time, cost) in times.iter_mut().zip(cost) {
        *time = (*time).max(now) + cost;
    }
}

fn run(keys: fn(u64) -> Fingerprint, cap: usize, overflow: Overflow, width: usize, steps: &[Step]) {
    let store = Memory::new(
        Capacity::new(cap, overflow).unwrap(),
        width,
        Clock::system(),
    );
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Take(n, cost) => {
                let (n, cost) = (keys(*n), &cost[..width]);
                let done = store.update(n, model.now, |times| {
                    assert_eq!(times.len(), width);
                    change(times, model.now, cost);
                });
                let room = model.take(n, cost, cap, overflow);
                assert_eq!(done.is_ok(), room, "{step:?}");
            }
            Step::Read(n) => compare(&store, &model, keys(*n)),
            Step::Remove(n) => {
                let known = store.keeps(keys(*n));
                assert_eq!(store.reset(keys(*n)), known);
                assert!(!store.keeps(keys(*n)));
                model.times.remove(&keys(*n));
            }
            Step::Wait(time) => model.now += time,
        }
        assert!(store.len() <= cap);
    }
    (0..150).for_each(|n| compare(&store, &model, keys(n)));
}

/// A key that is not idle is kept, and no key is invented.
fn compare(store: &Memory, model: &Model, key: Fingerprint) {
    let times = store.read(key, <[u64]>::to_vec);
    let live = |times: &&Vec<u64>| Model::idle_at(times) > model.now;
    assert_eq!(
        times.as_ref().filter(live),
        model.times.get(&key).filter(live)
    );
}

proptest! {
    #[test]
    fn keeps_the_same_keys_as_a_plain_map(
        steps in steps(),
        // With up to 32 keys, the first to become full of all keys makes room.
        cap in prop_oneof![Just(1_usize), Just(3), 1..=32_usize, Just(200), Just(1_000_000)],
        overflow in prop_oneof![Just(Overflow::Refuse), Just(Overflow::Evict)],
        width in 1..=3_usize,
    ) {
        run(key, cap, overflow, width, &steps);
        run(crowded, cap, overflow, width, &steps);
    }
}
