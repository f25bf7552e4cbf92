//! The layers, one by one.

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "authorization")]
mod authorization;
#[cfg(all(feature = "axum", feature = "body-limit", feature = "validation"))]
mod body_limit;
#[cfg(feature = "cache-control")]
mod cache_control;
#[cfg(feature = "client-ip")]
mod client_ip;
#[cfg(all(
    feature = "axum",
    feature = "compression-br",
    feature = "compression-deflate",
    feature = "conditional",
    feature = "presentation",
    feature = "tower-http-compression"
))]
mod compression;
#[cfg(feature = "concurrency-limit")]
mod concurrency_limit;
#[cfg(all(
    feature = "axum",
    feature = "cache-control",
    feature = "conditional",
    feature = "cors",
    feature = "idempotency"
))]
mod conditional;
#[cfg(feature = "cors")]
mod cors;
#[cfg(feature = "csrf")]
mod csrf;
#[cfg(all(
    feature = "axum",
    feature = "body-limit",
    feature = "decompression-br",
    feature = "decompression-deflate",
    feature = "validation"
))]
mod decompression;
#[cfg(feature = "deprecation")]
mod deprecation;
#[cfg(feature = "drain")]
mod drain;
#[cfg(feature = "hosts")]
mod hosts;
#[cfg(feature = "https-only")]
mod https_only;
#[cfg(feature = "idempotency")]
mod idempotency;
#[cfg(feature = "ip-filter")]
mod ip_filter;
#[cfg(feature = "api")]
mod lingering_close;
#[cfg(feature = "load-shed")]
mod load_shed;
#[cfg(feature = "method")]
mod method;
#[cfg(feature = "full")]
mod metrics;
#[cfg(all(feature = "axum", feature = "body-limit", feature = "multipart"))]
mod multipart;
#[cfg(feature = "negotiation")]
mod negotiation;
#[cfg(feature = "presentation")]
mod presentation;
#[cfg(feature = "rate-limit")]
mod rate_limit;
#[cfg(all(feature = "axum", feature = "presentation", feature = "request-id"))]
mod request_id;
#[cfg(all(
    feature = "axum",
    feature = "presentation",
    feature = "security-headers"
))]
mod security_headers;
#[cfg(feature = "full")]
mod timeout;
#[cfg(all(
    feature = "api",
    feature = "client-ip",
    feature = "presentation",
    feature = "request-id",
    feature = "trace"
))]
mod trace;
#[cfg(feature = "validation")]
mod validation;
#[cfg(feature = "version")]
mod version;
#[cfg(feature = "webhook")]
mod webhook;
