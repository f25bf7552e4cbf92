//! A deadline for each request.

mod cancelled;
mod stalled;

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};
use wythe::{
    BodyLimit, Deadline, Place, Placed, Timeout, compose, with_body_limit, with_presentation,
    with_timeout,
};

use crate::common::{problem, read};

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn five() -> Timeout {
    Timeout::after(seconds(5)).unwrap()
}

/// A handler that takes this long.
async fn slow<L, R>(layer: &L, method: Method, time: Duration) -> Response<Bytes>
where
    L: Layer<Slow>,
    L::Service: Service<Request<Body>, Response = Response<R>>,
    <L::Service as Service<Request<Body>>>::Error: std::fmt::Debug,
    R: http_body::Body<Error: std::fmt::Debug>,
{
    let request = Request::builder().method(method).body(Body::empty());
    let response = layer.layer(Slow(time)).oneshot(request.unwrap()).await;
    read(response.unwrap()).await
}

/// Answers after this time.
#[derive(Clone)]
struct Slow(Duration);

impl Service<Request<Body>> for Slow {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let time = self.0;
        Box::pin(async move {
            if !time.is_zero() {
                sleep(time).await;
            }
            Ok(Response::new(Body::from("done")))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn ends_what_has_not_answered_at_the_deadline() {
    let gateway = || five().gateway();
    let cases: &[(&str, Timeout, u64, u16, u64)] = &[
        ("at once", five(), 0, 200, 0),
        ("in time", five(), 4, 200, 4),
        ("at the deadline", five(), 5, 200, 5),
        ("too late", five(), 6, 503, 5),
        ("a gateway, in time", gateway(), 4, 200, 4),
        ("a gateway, too late", gateway(), 6, 504, 5),
    ];
    for (case, timeout, time, status, took) in cases {
        let start = Instant::now();
        let layer = with_timeout(timeout.clone());
        let response = slow(&layer, Method::GET, seconds(*time)).await;
        assert_eq!(response.status(), *status, "{case}");
        assert_eq!(start.elapsed().as_secs(), *took, "{case}");
        assert!(!response.headers().contains_key("retry-after"), "{case}");
        if *status != 200 {
            let problem = problem(&response, StatusCode::from_u16(*status).unwrap());
            let detail = match status {
                504 => "Another server did not answer in time. The request may have had an effect.",
                _ => "The server did not finish in time. The request may have had an effect.",
            };
            assert_eq!(problem["detail"], detail, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_head_has_no_content() {
    let response = slow(&with_timeout(five()), Method::HEAD, seconds(6)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.body().is_empty());
}

#[tokio::test(start_paused = true)]
async fn sends_retry_after_if_it_is_set() {
    let cases = [(0, "1"), (1, "1"), (1_001, "2"), (30_000, "30")];
    for (milliseconds, expected) in cases {
        let timeout = five().retry_after(Duration::from_millis(milliseconds));
        let response = slow(&with_timeout(timeout.gateway()), Method::GET, seconds(6)).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(response.headers()["retry-after"], expected);
    }
}

#[test]
fn a_time_that_is_no_limit_or_rejects_everything_is_an_error() {
    let year = seconds(365 * 24 * 60 * 60);
    for time in [
        Duration::ZERO,
        year + Duration::from_nanos(1),
        Duration::MAX,
    ] {
        assert!(Timeout::after(time).is_err(), "{time:?}");
        assert!(five().idle(time).is_err(), "{time:?}");
    }
    for time in [Duration::from_nanos(1), year] {
        assert!(Timeout::after(time).is_ok(), "{time:?}");
        assert!(five().idle(time).is_ok(), "{time:?}");
    }
    let error = Timeout::after(Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("`Timeout::after(..)` of zero"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_handler_sees_the_time_that_is_left() {
    async fn left(deadline: Deadline) -> String {
        let first = deadline.remaining();
        advance(seconds(2)).await;
        let second = deadline.remaining();
        advance(seconds(9)).await;
        format!(
            "{} {} {} {} {}",
            first.as_secs(),
            second.as_secs(),
            deadline.remaining().as_secs(),
            deadline.is_over(),
            deadline.at_most(seconds(1)).as_secs(),
        )
    }
    let stack = compose(with_timeout(Timeout::after(seconds(10)).unwrap()));
    let app: Router = Router::new().route("/", get(stack.handler(left)));
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(read(response).await.body(), "10 8 0 true 0");
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_two_deadlines_counts() {
    for (outer, inner, expected) in [(5, 10, 5), (10, 5, 5), (7, 7, 7)] {
        let outer = with_timeout(Timeout::after(seconds(outer)).unwrap());
        let inner = with_timeout(Timeout::after(seconds(inner)).unwrap());
        let handler = service_fn(|request: Request<Body>| async move {
            let deadline: &Deadline = request.extensions().get().unwrap();
            assert!(format!("{deadline:?}").starts_with("Deadline("));
            let left = deadline.remaining().as_secs();
            sleep(seconds(100)).await;
            Ok::<_, Infallible>(Response::new(Body::from(left.to_string())))
        });
        let seen = service_fn(|request: Request<Body>| async move {
            let deadline: &Deadline = request.extensions().get().unwrap();
            let left = deadline.remaining().as_secs();
            Ok::<_, Infallible>(Response::new(Body::from(left.to_string())))
        });
        let request = || Request::new(Body::empty());
        let response = outer.layer(inner.layer(seen)).oneshot(request()).await;
        assert_eq!(read(response.unwrap()).await.body(), &expected.to_string());

        let start = Instant::now();
        let response = outer.layer(inner.layer(handler)).oneshot(request()).await;
        assert_eq!(response.unwrap().status(), 503);
        assert_eq!(start.elapsed(), seconds(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn reading_the_body_counts_and_a_body_limit_with_less_time_answers_first() {
    async fn length(body: Bytes) -> String {
        body.len().to_string()
    }
    let send = |app: Router| async {
        let endless = futures_util::stream::pending::<Result<Bytes, Infallible>>();
        let request = Request::post("/").body(Body::from_stream(endless));
        app.oneshot(request.unwrap()).await.unwrap().status()
    };
    let alone = compose(with_timeout(five()));
    let app = Router::new().route("/", axum::routing::post(alone.handler(length)));
    assert_eq!(send(app).await, 503);

    let limit = BodyLimit::bytes(10).within(seconds(4)).unwrap();
    let both = compose((with_timeout(five()), with_body_limit(limit)));
    let app = Router::new().route("/", axum::routing::post(both.handler(length)));
    assert_eq!(send(app).await, 408);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_the_deadline() {
    let upgrading = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        // The connection goes on in a task of its own, as hyper and axum do it.
        let connection = tokio::spawn(sleep(seconds(100)));
        response
            .extensions_mut()
            .insert(std::sync::Arc::new(connection));
        Ok::<_, Infallible>(response)
    });
    let service = with_timeout(five().idle(seconds(1)).unwrap()).layer(upgrading);
    let mut response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), 101);
    let connection: std::sync::Arc<tokio::task::JoinHandle<()>> =
        response.extensions_mut().remove().unwrap();
    assert!(read(response).await.body().is_empty());
    sleep(seconds(10)).await;
    assert!(!connection.is_finished());
    std::sync::Arc::into_inner(connection)
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn works_around_a_router_with_either_body() {
    let never = || async { std::future::pending::<()>().await };
    let routes = || {
        Router::new()
            .route("/", get(async || "hello"))
            .route("/never", get(never))
    };
    let idle = five().idle(seconds(1)).unwrap();
    let apps = [
        routes().layer(compose((with_presentation(), with_timeout(five())))),
        routes().layer(compose((with_presentation(), with_timeout(idle)))),
    ];
    for app in apps {
        let ask = |path| {
            app.clone()
                .oneshot(Request::get(path).body(Body::empty()).unwrap())
        };
        assert_eq!(read(ask("/").await.unwrap()).await.body(), "hello");
        let refused = read(ask("/never").await.unwrap()).await;
        problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[test]
fn shows_its_times() {
    let layer: Placed<Timeout<_>> = with_timeout(five().idle(seconds(1)).unwrap());
    let shown = format!("{layer:?}");
    assert!(
        shown.contains("time: 5s") && shown.contains("Idle(1s)"),
        "{shown}"
    );
    let description = with_timeout(five().gateway()).describe();
    let answers: Vec<_> = description
        .answers()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(answers, ["504 when there is no response after 5s"]);
    let described = description.answers()[0].why_not_provoked();
    assert!(described.is_some());
}
