//! The memory of the store, its longest pause, and the effect of a flood.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, RateLimiter};
use wythe::{rate_limit::Overflow, with_rate_limit};
use wythe_bench_harness::{held, peak_held, thread_time};

use crate::limits::{INTERVAL, by_hand, decide, governor, turn, wythe};

const MILLION: u64 = 1_000_000;

/// Prints the bytes for each key.
pub(crate) fn print_bytes() {
    println!("\n## memory, bytes a key by the allocator's count\n");
    println!("| | at 1 M | at 10 M | the most between 100 k and 10 M |");
    println!("|---|--:|--:|--:|");
    let layer = with_rate_limit(wythe(1, 12_000_000, Overflow::Refuse));
    line("wythe, any key", |n| assert!(decide(&layer, n)));
    drop(layer);
    let limit = governor(1);
    line("governor, a key of 8 bytes", |n| {
        assert!(limit.check_key(&n).is_ok())
    });
    drop(limit);
    let limit = keyed::<IpAddr>();
    line("governor, `IpAddr`", |n| {
        let address = Ipv4Addr::from_bits(u32::try_from(n).expect("10 million"));
        assert!(limit.check_key(&address.into()).is_ok());
    });
}

fn keyed<K: Hash + Eq + Clone>() -> DefaultKeyedRateLimiter<K> {
    let quota = governor::Quota::with_period(INTERVAL).expect("not zero");
    RateLimiter::dashmap(quota.allow_burst(NonZeroU32::MIN))
}

fn line(name: &str, mut add: impl FnMut(u64)) {
    // Memory used before the first key is small compared with a million keys.
    let before = held();
    let per_key = |n: u64| (held().saturating_sub(before)) as f64 / n as f64;
    let (mut peak, mut at_a_million) = (0.0_f64, 0.0);
    for n in 1..=10 * MILLION {
        add(n);
        if n >= 100_000 && n % 10_000 == 0 {
            peak = peak.max(per_key(n));
        }
        if n == MILLION {
            at_a_million = per_key(n);
        }
    }
    println!(
        "| {name} | {at_a_million:.1} | {:.1} | {peak:.1} |",
        per_key(10 * MILLION)
    );
}

/// Prints the longest checks, in CPU time of the thread because the machine has other work, and the
/// least of three runs because the machine adds pauses of its own.
pub(crate) fn print_pauses() {
    println!(
        "\n## the longest check of all, microseconds of the thread's own time: the least of three runs\n"
    );
    println!("| | up to 1 M keys | up to 10 M |");
    println!("|---|--:|--:|");
    let ours = |keys: u64| {
        let layer = with_rate_limit(wythe(1, room(keys), Overflow::Refuse));
        longest(keys, |n| assert!(decide(&layer, n)))
    };
    let theirs = |keys: u64| {
        let limit = governor(1);
        longest(keys, |n| assert!(limit.check_key(&n).is_ok()))
    };
    let row = |name: &str, run: &dyn Fn(u64) -> Duration| {
        let least = |keys| (0..3).map(|_| run(keys)).min().unwrap_or_default();
        println!(
            "| {name} | {} | {} |",
            least(MILLION).as_micros(),
            least(10 * MILLION).as_micros()
        );
    };
    row("wythe, filling", &ours);
    row("wythe, sweeping all that is idle", &sweeping);
    row("governor, filling", &theirs);
    row("governor, `retain_recent`", &|keys| {
        let limit = governor(1);
        (0..keys).for_each(|n| assert!(limit.check_key(&n).is_ok()));
        longest(1, |_| limit.retain_recent())
    });
}

/// All are idle at once, and one key is checked as often as it takes to sweep them.
fn sweeping(keys: u64) -> Duration {
    let layer = with_rate_limit(by_hand(wythe(1, room(keys), Overflow::Refuse)));
    (0..keys).for_each(|n| assert!(decide(&layer, n)));
    turn(2 * INTERVAL);
    let longest = longest(50_000, |_| {
        let _ = decide(&layer, keys + 1);
    });
    assert_eq!(layer.middleware().keys(), 1);
    longest
}

fn longest(times: u64, mut each: impl FnMut(u64)) -> Duration {
    let time = |n| {
        let start = thread_time();
        each(n);
        thread_time() - start
    };
    (0..times).map(time).max().unwrap_or_default()
}

/// A little more, because the shards do not fill up quite evenly.
fn room(keys: u64) -> usize {
    usize::try_from(keys + keys / 5).expect("a number of keys")
}

/// Prints the effect of 10 million invented keys on a limit that may keep one million.
pub(crate) fn print_flood() {
    println!("\n## 10 M made-up keys, a cap of 1 M\n");
    println!("| | most memory, MB | keys | ns a check | longest check, us |");
    println!("|---|--:|--:|--:|--:|");
    for overflow in [Overflow::Evict, Overflow::Refuse] {
        let before = held();
        let layer = with_rate_limit(wythe(1, 1_000_000, overflow));
        let _ = peak_held();
        let start = thread_time();
        let longest = longest(10 * MILLION, |n| {
            let _ = decide(&layer, n);
        });
        let time = (thread_time() - start).as_secs_f64() * 1e9 / (10 * MILLION) as f64;
        let peak = (peak_held() - before) as f64 / 1e6;
        let keys = layer.middleware().keys();
        println!(
            "| {overflow:?} | {peak:.1} | {keys} | {time:.0} | {} |",
            longest.as_micros()
        );
    }
}
