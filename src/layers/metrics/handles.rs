//! The handles of the recorder, which are resolved once for each route, method and status.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use ::metrics::{
    Gauge, Histogram, Label, SharedString, Unit, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};
use http::{Method, StatusCode};

use crate::{contract::REFUSALS, request::known_method};

/// The name of the histogram of durations.
pub const DURATION: &str = "http_server_request_duration_seconds";

/// The name of the gauge of requests in progress.
pub const ACTIVE_REQUESTS: &str = "http_server_active_requests";

/// The name of the histogram of the sizes of request bodies.
pub const REQUEST_BODY_SIZE: &str = "http_server_request_body_size_bytes";

/// The name of the histogram of the sizes of response bodies.
pub const RESPONSE_BODY_SIZE: &str = "http_server_response_body_size_bytes";

/// The buckets that OpenTelemetry advises for durations, in seconds.
pub const DURATION_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Buckets for the sizes of bodies, in bytes: each four times the one before, up to 16 MiB.
pub const SIZE_BUCKETS: [f64; 10] = [
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// What is known about all routes.
#[derive(Default)]
pub(super) struct Registry {
    described: OnceLock<()>,
    active: [OnceLock<Gauge>; METHODS],
    routes: RwLock<HashMap<Arc<str>, Arc<RouteHandles>>>,
}

/// The methods that the semantic conventions list, and all others.
const METHODS: usize = 10;

/// A method, by its index among the known ones.
#[derive(Clone, Copy)]
pub(super) struct KnownMethod {
    index: usize,
    label: &'static str,
}

impl From<&Method> for KnownMethod {
    fn from(method: &Method) -> Self {
        const NAMES: [&str; METHODS] = [
            "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
            "_OTHER",
        ];
        let known = known_method(method).unwrap_or("_OTHER");
        let mut names = NAMES.into_iter().enumerate();
        let found = names.find(|(_, name)| *name == known);
        let (index, label) = found.unwrap_or((METHODS - 1, "_OTHER"));
        Self { index, label }
    }
}

impl Registry {
    /// The gauge of the requests with this method that are in progress.
    pub(super) fn active(&self, method: KnownMethod) -> Option<&Gauge> {
        let gauge = self.active.get(method.index)?;
        Some(gauge.get_or_init(|| {
            self.described.get_or_init(describe);
            gauge!(ACTIVE_REQUESTS, "http_request_method" => method.label)
        }))
    }

    /// What is known about a route. `None` stands for all requests without a route.
    pub(super) fn route(&self, route: Option<&str>) -> Arc<RouteHandles> {
        let route = route.unwrap_or(NONE);
        {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = routes.get(route) {
                return Arc::clone(known);
            }
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = route.into();
        let entry = routes.entry(Arc::clone(&name));
        let new = || Arc::new(RouteHandles::new(name));
        Arc::clone(entry.or_insert_with(new))
    }
}

/// The value of a label where there is none.
const NONE: &str = "none";

/// The handles of one route, by method and status.
pub(super) struct RouteHandles {
    route: Arc<str>,
    by_method: [OnceLock<Box<StatusHandles>>; METHODS],
}

/// The handles of one route, method and status, and those of the statuses that came later. A list that only
/// grows is read without a lock; a route has few statuses.
struct StatusHandles {
    status: Option<StatusCode>,
    handles: Handles,
    next: OnceLock<Box<Self>>,
}

pub(super) struct Handles {
    pub(super) duration: Histogram,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
}

impl RouteHandles {
    fn new(route: Arc<str>) -> Self {
        Self {
            route,
            by_method: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    /// Whether these are the handles of this route.
    pub(super) fn is_of(&self, route: &str) -> bool {
        *self.route == *route
    }

    /// The handles of the responses with this status; `None` if there was no response.
    pub(super) fn of(&self, method: KnownMethod, status: Option<StatusCode>) -> Option<&Handles> {
        let mut entry = self.by_method.get(method.index)?;
        loop {
            let found = entry.get_or_init(|| {
                Box::new(StatusHandles {
                    status,
                    handles: self.resolve(method, status),
                    next: OnceLock::new(),
                })
            });
            if found.status == status {
                return Some(&found.handles);
            }
            entry = &found.next;
        }
    }

    fn resolve(&self, method: KnownMethod, status: Option<StatusCode>) -> Handles {
        let status = match &status {
            Some(status) => SharedString::from_owned(status.as_str().to_owned()),
            None => SharedString::const_str(NONE),
        };
        let labels = vec![
            Label::new("http_request_method", method.label),
            Label::new("http_route", Arc::clone(&self.route)),
            Label::new("http_response_status_code", status),
        ];
        Handles {
            duration: histogram!(DURATION, labels.clone()),
            request_size: histogram!(REQUEST_BODY_SIZE, labels.clone()),
            response_size: histogram!(RESPONSE_BODY_SIZE, labels),
        }
    }
}

/// The help texts.
fn describe() {
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "Time from the head of a request to the end of its response."
    );
    describe_gauge!(
        ACTIVE_REQUESTS,
        Unit::Count,
        "Requests whose response has not ended."
    );
    describe_histogram!(
        REQUEST_BODY_SIZE,
        Unit::Bytes,
        "Content-Length of requests that have one."
    );
    describe_histogram!(
        RESPONSE_BODY_SIZE,
        Unit::Bytes,
        "Bytes of response bodies that were sent."
    );
    describe_counter!(
        REFUSALS,
        Unit::Count,
        "Error responses, by the layer that gave them and their reason."
    );
    describe_gauge!(
        "wythe_redis_up",
        Unit::Count,
        "0 while a Redis store is considered down, 1 otherwise."
    );
    describe_counter!(
        "wythe_redis_outages_total",
        Unit::Count,
        "How often a Redis store went down."
    );
    describe_counter!(
        "wythe_redis_errors_total",
        Unit::Count,
        "Commands to a Redis store without a usable reply, by reason."
    );
    describe_gauge!(
        "wythe_rate_limit_keys",
        Unit::Count,
        "Keys that rate limits keep in memory."
    );
    describe_counter!(
        "wythe_rate_limit_evictions_total",
        Unit::Count,
        "Keys that a full rate limit has dropped before their quotas were replenished."
    );
    describe_counter!(
        "wythe_jwks_fetches_total",
        Unit::Count,
        "Fetches of key sets, by outcome."
    );
    describe_gauge!(
        "wythe_jwks_last_success_timestamp_seconds",
        Unit::Seconds,
        "Unix time of the last successful fetch of a key set."
    );
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::{Registry, RouteHandles};

    #[test]
    fn handles_are_resolved_once() {
        let registry = Registry::default();
        let route = registry.route(Some("/users/{id}"));
        assert!(std::sync::Arc::ptr_eq(
            &route,
            &registry.route(Some("/users/{id}"))
        ));
        let handles = |route: &RouteHandles, method: &Method, status| -> *const super::Handles {
            route.of(method.into(), status).unwrap()
        };
        let ok = Some(StatusCode::OK);
        let first = handles(&route, &Method::GET, ok);
        let others = [
            handles(&route, &Method::GET, Some(StatusCode::NOT_FOUND)),
            handles(&route, &Method::GET, None),
            handles(&route, &Method::POST, ok),
            handles(&registry.route(None), &Method::GET, ok),
        ];
        assert!(!others.contains(&first));
        assert_eq!(handles(&route, &Method::GET, ok), first);
        let unknown: Method = "BREW".parse().unwrap();
        let other: Method = "WHISK".parse().unwrap();
        assert_eq!(handles(&route, &unknown, ok), handles(&route, &other, ok));
    }
}
