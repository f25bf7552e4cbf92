//! What layers leave in a request: who sends it, from where, and by which key it is counted.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "each feature uses some of it; a build with all features finds what none uses"
    )
)]

mod address;
mod head;
#[cfg(any(
    feature = "concurrency-limit",
    feature = "idempotency",
    feature = "rate-limit"
))]
pub mod key;
#[cfg(feature = "axum")]
mod path_params;
mod principal;
mod request_id;
#[cfg(feature = "trace")]
mod request_span;
mod routes;
pub(crate) mod take_once;
#[cfg(feature = "trace")]
mod trace_context;
#[cfg(any(
    feature = "hosts",
    feature = "https-only",
    feature = "proxy",
    feature = "security-headers"
))]
mod transport;

#[cfg(feature = "axum")]
pub(crate) use self::path_params::{PathParams, malformed_path, with_path_params};
#[cfg(feature = "trace")]
pub(crate) use self::request_span::{RequestSpan, SpanName};
#[cfg(feature = "trace")]
pub use self::trace_context::TraceContext;
#[cfg(any(
    feature = "hosts",
    feature = "https-only",
    feature = "proxy",
    feature = "security-headers"
))]
pub use self::transport::Transport;
pub use self::{
    address::{ClientIp, PeerAddr},
    head::RequestHead,
    principal::{Auth, Authenticated, Either},
    request_id::RequestId,
};
pub(crate) use self::{
    address::{NO_PEER_ADDR, peer_addr},
    head::{RouteSlot, known_method, matched_route, original_uri},
    routes::{Routes, parameter_names, same_route},
};
