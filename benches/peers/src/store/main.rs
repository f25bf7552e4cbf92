//! The store of a rate limit compared with governor's: time of a check, memory, pauses.
//!
//! A word among the arguments selects: `check`, `bytes`, `pauses` or `flood`.
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "counts far below 2^52, to be printed"
)]

mod check;
mod limits;
mod memory;
mod random;

use std::env;

use wythe_bench_harness::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PARTS: [(&str, fn()); 4] = [
    ("check", check::print),
    ("bytes", memory::print_bytes),
    ("pauses", memory::print_pauses),
    ("flood", memory::print_flood),
];

fn main() {
    let word = env::args().skip(1).find(|word| !word.starts_with('-'));
    for (name, print) in PARTS {
        if word.as_deref().is_none_or(|word| word == name) {
            print();
        }
    }
}
