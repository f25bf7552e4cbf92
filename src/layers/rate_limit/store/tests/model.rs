//! The store beside a plain map that forgets nothing but what it must.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    super::{Capacity, Overflow, Store},
    key,
};
use crate::request::key::Fingerprint;

#[derive(Clone, Debug)]
enum Step {
    /// Some nanoseconds for each of the times.
    Take(u64, [u64; 3]),
    Read(u64),
    Remove(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || prop_oneof![0..150_u64, 0..6_u64];
    let ahead = || prop_oneof![Just(0), 0..100_u64, 0..20_000_u64];
    let step = prop_oneof![
        8 => (number(), [ahead(), ahead(), ahead()]).prop_map(|(n, ahead)| Step::Take(n, ahead)),
        2 => number().prop_map(Step::Read),
        1 => number().prop_map(Step::Remove),
        2 => prop_oneof![0..200_u64, Just(10_000)].prop_map(Step::Wait),
        // A whole round of sweeps.
        1 => Just(Step::Wait(60_000_000_000)),
    ];
    prop::collection::vec(step, 0..600)
}

/// Keys as hashes are, all in one place, and at both ends.
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

    /// What `take` leads to, and whether there is room for it.
    fn take(&mut self, key: Fingerprint, ahead: &[u64], cap: usize, overflow: Overflow) -> bool {
        self.forget_the_idle();
        let zeros = || vec![0; ahead.len()];
        let mut times = self.times.get(&key).cloned().unwrap_or_else(zeros);
        change(&mut times, self.now, ahead);
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

fn change(times: &mut [u64], now: u64, ahead: &[u64]) {
    for (time, ahead) in times.iter_mut().zip(ahead) {
        *time = (*time).max(now) + ahead;
    }
}

fn run(keys: fn(u64) -> Fingerprint, cap: usize, overflow: Overflow, width: usize, steps: &[Step]) {
    let store = Store::new(Capacity::new(cap, overflow).unwrap(), width);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Take(n, ahead) => {
                let (n, ahead) = (keys(*n), &ahead[..width]);
                let done = store.update(n, model.now, |times| {
                    assert_eq!(times.len(), width);
                    change(times, model.now, ahead);
                });
                let room = model.take(n, ahead, cap, overflow);
                assert_eq!(done.is_some(), room, "{step:?}");
            }
            Step::Read(n) => compare(&store, &model, keys(*n)),
            Step::Remove(n) => {
                let known = store.keeps(keys(*n));
                assert_eq!(store.remove(keys(*n)), known);
                assert!(!store.keeps(keys(*n)));
                model.times.remove(&keys(*n));
            }
            Step::Wait(time) => model.now += time,
        }
        assert!(store.len() <= cap);
    }
    (0..150).for_each(|n| compare(&store, &model, keys(n)));
}

/// A key that is not idle is kept, and nothing is made up.
fn compare(store: &Store, model: &Model, key: Fingerprint) {
    let times = store.read(key, <[u64]>::to_vec);
    let live = |times: &&Vec<u64>| Model::idle_at(times) > model.now;
    assert_eq!(
        times.as_ref().filter(live),
        model.times.get(&key).filter(live)
    );
}

proptest! {
    #[test]
    fn it_keeps_what_a_map_keeps(
        steps in steps(),
        // Up to 32, it is the soonest of all that makes room.
        cap in prop_oneof![Just(1_usize), Just(3), 1..=32_usize, Just(200), Just(1_000_000)],
        overflow in prop_oneof![Just(Overflow::Refuse), Just(Overflow::Evict)],
        width in 1..=3_usize,
    ) {
        run(key, cap, overflow, width, &steps);
        run(crowded, cap, overflow, width, &steps);
    }
}
