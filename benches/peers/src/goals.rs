//! Compares the measurements with the goals of the project.

use wythe_bench_harness::Costs;

use crate::{API_CACHED, BARE, CACHED, WYTHE};

const MAX_TIME_RATIO: f64 = 1.7;
const MAX_API_TIME_RATIO: f64 = 1.4;
const MAX_EXTRA_ALLOCATIONS: f64 = 6.0;

/// The refusals of the stack that must not cost more than an accepted request.
const REFUSALS: [&str; 5] = [
    "wythe, preflight",
    "wythe, 429",
    "wythe, 401 without a token",
    "wythe, 401 to a forged token",
    "wythe, 422",
];

/// Prints the measurement for each goal.
pub(crate) fn print(costs: &Costs) {
    let (Some(bare), Some(wythe), Some(cached)) =
        (costs.of(BARE), costs.of(WYTHE), costs.of(CACHED))
    else {
        return;
    };
    println!("\n## goals\n");
    if let (Some(bare), Some(cached)) = (bare.instructions, cached.instructions) {
        print_goal(
            "instructions with a cached token, times the bare handler",
            cached / bare,
            MAX_TIME_RATIO,
        );
    }
    let api = costs.of(API_CACHED).and_then(|cost| cost.instructions);
    if let (Some(bare), Some(api)) = (bare.instructions, api) {
        print_goal("the same in an `Api`", api / bare, MAX_API_TIME_RATIO);
    }
    let more = cached.allocations - bare.allocations;
    print_goal(
        "allocations with a cached token, more than the bare handler",
        more,
        MAX_EXTRA_ALLOCATIONS,
    );
    for name in REFUSALS {
        let refusal = costs.of(name).and_then(|cost| cost.instructions);
        if let (Some(refusal), Some(accepted)) = (refusal, wythe.instructions) {
            print_goal(
                &format!("instructions of `{name}`, times those of a 201"),
                refusal / accepted,
                1.0,
            );
        }
    }
}

fn print_goal(what: &str, measured: f64, max: f64) {
    let outcome = if measured <= max { "met" } else { "missed" };
    println!("- {what}: {measured:.2}, at most {max:.2}: {outcome}");
}
