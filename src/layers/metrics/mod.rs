//! Measures requests: how many there are, how long they take, how large they are, and how they are answered.
//!
//! 1. Each request is counted when its response has ended, by method, route and status.
//! 2. A gauge counts the requests in progress. A request whose client disconnects, or whose handler
//!    panics, is not left in the count.
//! 3. Refusals are counted by layer and reason, wherever they are logged.
//!
//! The numbers go to the recorder of the [`metrics`](https://docs.rs/metrics) facade that the program has
//! installed; without one, they go nowhere.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use wythe::{Metrics, compose, with_metrics};
//!
//! // First: the recorder, such as that of `metrics-exporter-prometheus`.
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(async || "Ada"))
//!     .layer(compose((with_metrics(Metrics::new()),)));
//! ```
//!
//! # What is measured
//!
//! Names, units and labels are those of the [semantic conventions] of OpenTelemetry for HTTP servers, in the
//! spelling of Prometheus.
//!
//! | name | kind | labels | |
//! |---|---|---|---|
//! | `http_server_request_duration_seconds` | histogram | method, route, status | from the head of the request to the end of the response |
//! | `http_server_active_requests` | gauge | method | requests whose response has not ended |
//! | `http_server_request_body_size_bytes` | histogram | method, route, status | `Content-Length` of the request, if it has one and the answer is not an error: a body that is rejected may not have been received |
//! | `http_server_response_body_size_bytes` | histogram | method, route, status | the bytes of the body that the server has taken |
//! | `wythe_refusals_total` | counter | `layer`, `reason`, `status` | each [event of the log](crate::guide::logging), including those below the level of the log |
//! | `wythe_redis_up` | gauge | `store` | 0 while a Redis store is considered down, 1 otherwise; from the first failure on |
//! | `wythe_redis_outages_total` | counter | `store` | how often it went down |
//! | `wythe_redis_errors_total` | counter | `store`, `reason` | commands without a usable answer: `timeout`, `error` of the connection or the server, `unexpected_reply`; not those that were not sent |
//! | `wythe_rate_limit_keys` | gauge | `limit` | keys that limits in memory keep, from the first one on |
//! | `wythe_rate_limit_evictions_total` | counter | `limit` | keys that were dropped before their quotas were replenished, because the limit was [full](crate::rate_limit::Overflow::Evict): from then on they have more than their quota |
//! | `wythe_jwks_fetches_total` | counter | `keys`, `outcome` | `success` or `failure` |
//! | `wythe_jwks_last_success_timestamp_seconds` | gauge | `keys` | Unix time; the age of the keys is `time() - ..` |
//!
//! | label | value |
//! |---|---|
//! | `http_request_method` | one of nine methods, or `_OTHER` |
//! | `http_route` | the route as it is written, `/users/{id}`; `none` for paths without a route |
//! | `http_response_status_code` | the status, or `none` if the client disconnected or the handler panicked first |
//! | `layer` | the name of the layer, `handler`, or `Api` for an unknown path or method |
//! | `reason` | of refusals, the [`reason`](crate::Problem::reason) of the problem, or `none` |
//! | `limit` | the names of the quotas, separated by commas: those of the first plan, if there are several |
//!
//! A stream counts when it ends, which may be hours later.
//!
//! # Buckets
//!
//! The exporter sets the buckets of histograms. Those that OpenTelemetry advises for durations are
//! [`DURATION_BUCKETS`]; with `metrics-exporter-prometheus`:
//!
//! ```ignore
//! PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &DURATION_BUCKETS)?
//!     .set_buckets_for_metric(Matcher::Suffix("_body_size_bytes".to_owned()), &SIZE_BUCKETS)?
//!     .install_recorder()?;
//! ```
//!
//! # Responses
//!
//! The layer rejects nothing, and sets no field.
//!
//! # Order
//!
//! Stage [`Observe`](crate::stage::Observe), around everything: `Api::around`, or `Router::layer`. Around an
//! [`ApiService`](crate::api::ApiService) the route is known as well. Around a router of axum, outside of
//! `Router::layer`, it is `none`.
//!
//! Install the recorder before the first request. The layer asks it once for each route, method and status, and
//! keeps what it gets.
//!
//! # Security
//!
//! - Clients can't create time series: no label has a value that they choose.
//! - Metrics show which routes exist and how often they are called. Serve them on a listener that only the
//!   monitoring reaches, not beside the API; `examples/api` does so.
//!
//! # Cost
//!
//! No allocation, and no lock, for a request to a route, method and status that has been measured
//! before. Around an `ApiService`, a request costs one allocation and a read lock. A refusal asks the
//! recorder for its counter.
//!
//! # Compared with
//!
//! `axum-prometheus` builds its labels for each request and by default uses the path of the request as
//! the route if none has matched; its count of requests in progress covers the head of the response
//! only.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/

mod handles;
pub(crate) mod policy;
mod service;

pub use self::{
    handles::{
        ACTIVE_REQUESTS, DURATION, DURATION_BUCKETS, REQUEST_BODY_SIZE, RESPONSE_BODY_SIZE,
        SIZE_BUCKETS,
    },
    service::{Measured, MeasuredBody, MeasuredFuture},
};
