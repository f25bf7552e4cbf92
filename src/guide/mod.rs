//! Pages to read: nothing here but text.

#[cfg(feature = "full")]
#[doc = include_str!("coming_from_nextjs.md")]
pub mod coming_from_nextjs {}

#[cfg(feature = "full")]
#[doc = include_str!("guarded_routes.md")]
pub mod guarded_routes {}

#[cfg(feature = "full")]
#[doc = include_str!("existing_app.md")]
pub mod existing_app {}

#[cfg(feature = "full")]
#[doc = include_str!("bodies.md")]
pub mod bodies {}

#[cfg(feature = "full")]
#[doc = include_str!("conditional_requests.md")]
pub mod conditional_requests {}

#[doc = include_str!("order.md")]
pub mod order {}

#[doc = include_str!("paths.md")]
pub mod paths {}

#[doc = include_str!("refusals.md")]
pub mod refusals {}

#[doc = include_str!("logging.md")]
pub mod logging {}

#[cfg(feature = "full")]
#[doc = include_str!("operation.md")]
pub mod operation {}

#[doc = include_str!("own_middleware.md")]
pub mod own_middleware {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[cfg(feature = "full")]
#[doc = include_str!("testing_an_api.md")]
pub mod testing_an_api {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[cfg(feature = "full")]
#[doc = include_str!("security.md")]
pub mod security {}

#[cfg(feature = "full")]
#[doc = include_str!("versions.md")]
pub mod versions {}

#[cfg(feature = "full")]
#[doc = include_str!("typescript_client.md")]
pub mod typescript_client {}

#[cfg(all(feature = "client-ip", feature = "rate-limit-redis"))]
#[doc = include_str!("rate_limits.md")]
pub mod rate_limits {}

#[cfg(feature = "full")]
#[doc = include_str!("where_it_runs.md")]
pub mod where_it_runs {}
