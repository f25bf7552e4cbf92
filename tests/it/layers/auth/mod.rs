//! `with_auth` and its schemes.

mod alternatives;
#[cfg(feature = "api-key")]
mod api_key;
#[cfg(feature = "basic")]
mod basic;
#[cfg(feature = "jwks")]
mod jwks;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(all(
    feature = "api-key",
    feature = "basic",
    feature = "jwt",
    feature = "tracing"
))]
mod log;
mod own_scheme;
#[cfg(feature = "session")]
mod session;
