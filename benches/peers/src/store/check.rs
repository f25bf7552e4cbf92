//! The cost of one check with this many live keys.

use std::time::Instant;

use wythe::{rate_limit::Overflow, with_rate_limit};

use crate::{
    limits::{
        Check, LARGE_LIMIT, decide, governor, governor_layer, request_alone, tower_governor_layer,
        wythe, wythe_layer,
    },
    random::Random,
};

const CHECKS: u32 = 100_000;
const ROUNDS: u32 = 15;

/// Prints a table for checks that pass, and one for checks that are rejected.
pub(crate) fn print() {
    for (title, burst) in [("passes", LARGE_LIMIT), ("is refused", 1)] {
        println!("\n## a check that {title}, nanoseconds: least, median\n");
        println!(
            "| live keys | the request alone | wythe, decision | governor, `check_key` | wythe, layer | governor, layer | tower_governor, layer |"
        );
        println!("|--:|--:|--:|--:|--:|--:|--:|");
        for keys in [1, 10_000, 1_000_000] {
            let room = 1_500_000;
            let limit = || wythe(burst, room, Overflow::Evict);
            let (ours, theirs) = (with_rate_limit(limit()), governor(burst));
            let checks: [Check; 6] = [
                Box::new(request_alone),
                Box::new(move |key| decide(&ours, key)),
                Box::new(move |key| theirs.check_key(&key).is_ok()),
                wythe_layer(limit()),
                governor_layer(burst),
                tower_governor_layer(burst),
            ];
            let times = measure(checks, keys, burst > 1);
            print!("| {keys}");
            times
                .iter()
                .for_each(|(least, median)| print!(" | {least:.0}, {median:.0}"));
            println!(" |");
        }
    }
}

/// They take turns, so that anything that slows the machine down affects all of them.
fn measure<const N: usize>(mut checks: [Check; N], keys: u64, passes: bool) -> [(f64, f64); N] {
    for check in &mut checks {
        (0..keys).for_each(|key| assert!(check(key)));
    }
    let mut random = Random::new();
    let mut order = vec![0; CHECKS as usize];
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        order.fill_with(|| random.below(keys));
        for (n, (check, times)) in checks.iter_mut().zip(&mut times).enumerate() {
            let start = Instant::now();
            let passed = order.iter().filter(|key| check(**key)).count();
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(CHECKS));
            let expected = if passes || n == 0 { order.len() } else { 0 };
            assert_eq!(passed, expected);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    })
}
