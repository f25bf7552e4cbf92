//! How much memory requests allocate, counted on the heap per request. This is a program of its own
//! because the counting allocator applies to the whole process.

#[cfg(all(
    feature = "axum",
    feature = "body-limit",
    feature = "decompression",
    feature = "lingering-close"
))]
mod bodies;
#[cfg(feature = "jwks")]
mod jwks;
#[cfg(all(
    feature = "authorization",
    feature = "axum",
    feature = "cache-control",
    feature = "client-ip",
    feature = "cors",
    feature = "csrf",
    feature = "method",
    feature = "rate-limit"
))]
mod layers;

use wythe_bench_harness::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
