//! How much memory requests take: counted on the heap, request by request. Alone in its program: the
//! allocator that counts is that of the whole process.

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
