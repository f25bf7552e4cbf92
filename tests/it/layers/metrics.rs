//! `with_metrics`: what a recorder is told of requests and refusals.

use std::{collections::BTreeMap, convert::Infallible, future::pending, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use wythe::{
    Api, Hosts, ManualClock, Metrics, Problem, Quota, RateLimit, compose, metrics,
    rate_limit::Overflow, with_hosts, with_metrics, with_presentation, with_rate_limit,
};

/// Runs a test with a recorder of its own.
fn recorded<F: Future<Output = ()>>(test: impl FnOnce(Snapshotter) -> F) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    ::metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test(snapshotter));
    });
}

/// Everything that was recorded: counters and gauges by name and labels, and the values of histograms.
/// It empties histograms, and counters and gauges start again.
fn all(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<f64>> {
    let metrics = snapshotter.snapshot().into_vec();
    let shown = metrics.into_iter().map(|(key, _, help, value)| {
        assert!(help.is_some(), "{key:?} has no help text");
        let (kind, key) = key.into_parts();
        let labels: Vec<_> = key.labels().map(metrics_label).collect();
        let values = match value {
            DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).unwrap())],
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(values) => {
                assert_eq!(kind, MetricKind::Histogram);
                values.into_iter().map(|value| value.into_inner()).collect()
            }
        };
        (format!("{} {}", key.name(), labels.join(" ")), values)
    });
    shown.collect()
}

fn metrics_label(label: &::metrics::Label) -> String {
    label.value().to_owned()
}

fn request(method: &str, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).unwrap()
}

#[test]
fn requests_are_measured_by_method_route_and_status() {
    recorded(async |snapshotter| {
        let clock = ManualClock::default();
        let app: Router = Router::new()
            .route(
                "/users/{id}",
                get(async || "Ada").post(async |_: String| StatusCode::CREATED),
            )
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(compose((with_metrics(Metrics::new().clock(&clock)),)));
        for path in ["/users/1", "/users/2"] {
            let response = app.clone().oneshot(request("GET", path)).await.unwrap();
            clock.advance(Duration::from_millis(250));
            response.into_body().collect().await.unwrap();
        }
        let mut post = request("POST", "/users/1");
        *post.body_mut() = Body::from("hello");
        post.headers_mut().insert("content-length", 5.into());
        drop(app.clone().oneshot(post).await.unwrap());
        drop(
            app.clone()
                .oneshot(request("BREW", "/no/such"))
                .await
                .unwrap(),
        );
        drop(
            app.clone()
                .oneshot(request("WHISK", "/nor/this"))
                .await
                .unwrap(),
        );

        let expected: [(&str, &[f64]); 10] = [
            ("http_server_active_requests GET", &[0.0]),
            ("http_server_active_requests POST", &[0.0]),
            ("http_server_active_requests _OTHER", &[0.0]),
            (
                "http_server_request_body_size_bytes POST /users/{id} 201",
                &[5.0],
            ),
            (
                "http_server_request_duration_seconds GET /users/{id} 200",
                &[0.25, 0.25],
            ),
            (
                "http_server_request_duration_seconds POST /users/{id} 201",
                &[0.0],
            ),
            (
                "http_server_request_duration_seconds _OTHER none 404",
                &[0.0, 0.0],
            ),
            (
                "http_server_response_body_size_bytes GET /users/{id} 200",
                &[3.0, 3.0],
            ),
            (
                "http_server_response_body_size_bytes POST /users/{id} 201",
                &[0.0],
            ),
            (
                "http_server_response_body_size_bytes _OTHER none 404",
                &[0.0, 0.0],
            ),
        ];
        let mut found = all(&snapshotter);
        found.retain(|_, values| !values.is_empty());
        let expected = expected.map(|(name, values)| (name.to_owned(), values.to_vec()));
        assert_eq!(found, BTreeMap::from(expected));
    });
}

#[test]
fn an_api_service_finds_the_route_afterwards() {
    recorded(async |snapshotter| {
        let api = Api::<()>::new("Hello", "1.0.0")
            .get("/users/{id}", compose(()).handler(async || "Ada"))
            .service(())
            .unwrap();
        let service = with_metrics(Metrics::new()).layer(api);
        drop(service.oneshot(request("GET", "/users/1")).await.unwrap());
        let found = all(&snapshotter);
        let name = format!("{} GET /users/{{id}} 200", metrics::DURATION);
        assert!(found.contains_key(&name), "{found:?}");
    });
}

#[test]
fn requests_that_are_dropped_are_not_left_in_the_count() {
    recorded(async |snapshotter| {
        let service = with_metrics(Metrics::new()).layer(service_fn(async |_: Request<Body>| {
            pending::<Result<http::Response<Body>, Infallible>>().await
        }));
        let call = service.clone().oneshot(request("GET", "/"));
        let waited = tokio::time::timeout(Duration::from_millis(1), call).await;
        waited.unwrap_err();
        // A body that is dropped half way.
        let stream = service_fn(async |_: Request<Body>| {
            let frames = futures_util::stream::iter([Ok::<_, Infallible>("one"), Ok("two")]);
            Ok::<_, Infallible>(http::Response::new(Body::from_stream(frames)))
        });
        let service = with_metrics(Metrics::new()).layer(stream);
        let response = service.oneshot(request("GET", "/")).await.unwrap();
        let mut body = response.into_body();
        drop(body.frame().await);
        let active =
            |snapshotter: &Snapshotter| all(snapshotter).remove("http_server_active_requests GET");
        assert_eq!(active(&snapshotter), Some(vec![1.0]));
        drop(body);
        let mut found = all(&snapshotter);
        assert_eq!(
            found.remove("http_server_active_requests GET"),
            Some(vec![-1.0])
        );
        let sizes = found.remove("http_server_response_body_size_bytes GET none 200");
        assert_eq!(sizes, Some(vec![3.0]));
    });
}

#[test]
fn each_refusal_is_counted_once() {
    recorded(async |snapshotter| {
        let hosts = Hosts::list(["example.com"]).unwrap();
        let problem = Problem::new(StatusCode::CONFLICT).reason("taken");
        let problem = Arc::new(problem);
        let app: Router = Router::new()
            .route(
                "/",
                get(async move || {
                    axum::response::IntoResponse::into_response(Problem::clone(&problem))
                }),
            )
            .layer(compose((
                with_metrics(Metrics::new()),
                with_presentation(),
                with_hosts(hosts),
            )));
        for host in ["example.com", "example.net", "example.org"] {
            let mut request = request("GET", "/");
            request.headers_mut().insert("host", host.parse().unwrap());
            drop(app.clone().oneshot(request).await.unwrap());
        }
        let mut found = all(&snapshotter);
        found.retain(|name, _| name.starts_with("wythe_refusals_total"));
        let expected = [
            (
                "wythe_refusals_total handler taken 409".to_owned(),
                vec![1.0],
            ),
            (
                "wythe_refusals_total with_hosts unknown_host 421".to_owned(),
                vec![2.0],
            ),
        ];
        assert_eq!(found, BTreeMap::from(expected));
    });
}

#[test]
fn the_keys_of_a_limit_in_memory_are_counted() {
    recorded(async |snapshotter| {
        let limit = || {
            let quotas = [
                Quota::per_minute(1).named("short"),
                Quota::per_hour(9).named("long"),
            ];
            let limit = RateLimit::of(quotas).unwrap();
            limit.by(|head| head.headers()["x-tenant"].to_str().unwrap().to_owned())
        };
        let metrics = compose((with_metrics(Metrics::new()),));
        let app = |limit: RateLimit<_>| -> Router {
            let app = Router::new().route("/", get(async || "ok"));
            app.layer(with_rate_limit(limit)).layer(metrics.clone())
        };
        let full = app(limit().max_keys(3, Overflow::Evict).unwrap());
        let ask = async |app: &Router, tenant: u32| {
            let mut request = request("GET", "/");
            request.headers_mut().insert("x-tenant", tenant.into());
            let response = app.clone().oneshot(request).await.unwrap();
            response.status().as_u16()
        };
        let mut statuses = Vec::new();
        // The third of the first key is refused, and changes nothing.
        for tenant in [1, 1, 2, 3, 4, 5] {
            statuses.push(ask(&full, tenant).await);
        }
        assert_eq!(statuses, [200, 429, 200, 200, 200, 200]);
        let limits = || {
            let mut found = all(&snapshotter);
            found.retain(|name, _| name.starts_with("wythe_rate_limit"));
            found
        };
        let keys = "wythe_rate_limit_keys short,long".to_owned();
        let evictions = "wythe_rate_limit_evictions_total short,long".to_owned();
        let expected = [(keys.clone(), vec![3.0]), (evictions, vec![2.0])];
        assert_eq!(limits(), BTreeMap::from(expected));

        // Limits of the same name add up, and are left out when they are gone.
        let another = app(limit());
        ask(&another, 1).await;
        assert_eq!(limits()[&keys], [1.0]);
        drop(full);
        assert_eq!(limits()[&keys], [-3.0]);
    });
}

#[cfg(feature = "rate-limit-redis")]
#[test]
fn errors_of_redis_are_counted_by_their_reason() {
    use wythe::rate_limit::redis::{OnFailure, RedisStore};

    recorded(async |snapshotter| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        // Accepts connections, and says nothing.
        let silent = format!("redis://{}", listener.local_addr().unwrap());
        for (url, times) in [("redis://127.0.0.1:1", 2), (&*silent, 1)] {
            let store = RedisStore::open(url, OnFailure::Deny).unwrap();
            let store = store.timeout(Duration::from_millis(300)).unwrap();
            let limit = Quota::per_minute(1).by(|_| ()).unwrap();
            let limit = limit.in_redis(store.limit("all")).unwrap();
            let app: Router = Router::new()
                .route("/", get(async || "ok"))
                .layer(with_rate_limit(limit))
                .layer(compose((with_metrics(Metrics::new()),)));
            for _ in 0..times {
                drop(app.clone().oneshot(request("GET", "/")).await.unwrap());
            }
        }
        let mut found = all(&snapshotter);
        found.retain(|name, _| name.starts_with("wythe_redis"));
        let name = "wythe_redis_errors_total";
        let expected = [
            (format!("{name} rate_limit error"), vec![2.0]),
            (format!("{name} rate_limit timeout"), vec![1.0]),
        ];
        assert_eq!(found, BTreeMap::from(expected));
    });
}
