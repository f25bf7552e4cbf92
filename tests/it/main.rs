//! The tests of what users see, in one program: its folders are those of `src/`.
//!
//! Apart are only those that cannot share a process: `allocations` counts every allocation of its
//! thread with an allocator of its own, `jwt_provider` installs a provider of cryptography for the
//! whole process, `messages` runs the compiler, and `architecture` reads the sources.

#[cfg(all(
    feature = "api",
    feature = "cache-control",
    feature = "cors",
    feature = "csrf",
    feature = "jwt",
    feature = "presentation",
    feature = "rate-limit",
    feature = "tracing"
))]
mod api;
mod common;
mod compose;
mod contract;
mod integrations;
mod layers;
mod request;
#[cfg(feature = "testing")]
mod testing;
mod wire;
