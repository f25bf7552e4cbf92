//! `with_client_ip`.

#[cfg(all(feature = "axum", feature = "ip-filter"))]
mod servers;
mod sources;
