//! The store of a rate limit beside governor's: time of a check, memory, pauses.

mod check;
mod limits;
mod random;

use wythe_bench_harness::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    check::print();
}
