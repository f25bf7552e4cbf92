//! How long a reader waits.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{BodyLimit, ConfigError, with_body_limit};

use super::{frames, post, sent};
use crate::common;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A body of these frames: after how many seconds, and how many bytes.
fn timed(list: &[(u64, usize)]) -> Body {
    let frame = |(time, bytes): &(u64, usize)| (seconds(*time), Bytes::from(vec![b'x'; *bytes]));
    frames(list.iter().map(frame).collect())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_makes_its_reader_wait_is_408() {
    type Limit = fn(BodyLimit) -> Result<BodyLimit, ConfigError>;
    let first: Limit = |limit| limit.first_byte_within(seconds(5));
    let idle: Limit = |limit| limit.idle(seconds(5));
    let rate: Limit = |limit| limit.min_rate(100, seconds(5));
    let within: Limit = |limit| limit.within(seconds(20));
    let each_with_time: Limit = |limit| limit.first_byte_within(seconds(30))?.idle(seconds(5));
    let drops: &[(u64, usize)] = &[(4, 1); 10];
    let cases: &[(&str, Limit, &[(u64, usize)], bool)] = &[
        ("first in time", first, &[(4, 1), (60, 1)], true),
        ("first too late", first, &[(6, 1)], false),
        ("nothing is not a byte", first, &[(4, 0), (4, 1)], false),
        ("idle between", idle, &[(1, 1), (6, 1)], false),
        ("idle before the first", idle, &[(6, 1)], false),
        ("never idle", idle, drops, true),
        ("frames of nothing", idle, &[(1, 1), (3, 0), (3, 0)], false),
        (
            "idle after a late first",
            each_with_time,
            &[(25, 1), (4, 1)],
            true,
        ),
        ("drops are too slow", rate, drops, false),
        ("within the grace", rate, &[(4, 1)], true),
        ("fast, then a pause", rate, &[(1, 3_000), (20, 1)], true),
        ("too long a pause", rate, &[(1, 3_000), (40, 1)], false),
        ("in total", within, &[(9, 1), (9, 1)], true),
        (
            "too long in total",
            within,
            &[(9, 1), (9, 1), (9, 1)],
            false,
        ),
    ];
    for (case, limit, list, passes) in cases {
        let limit = limit(BodyLimit::bytes(10_000)).unwrap();
        let (response, _) = sent(limit, post(timed(list))).await;
        let response = common::read(response).await;
        if *passes {
            assert_eq!(response.status(), StatusCode::OK, "{case}");
            assert_eq!(response.body(), "false", "{case}");
        } else {
            assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT, "{case}");
            let problem = common::problem(&response, StatusCode::REQUEST_TIMEOUT);
            let detail = "The body did not arrive in time. Send the request again.";
            assert_eq!(problem["detail"], detail, "{case}");
            assert_eq!(response.headers()["connection"], "close", "{case}");
        }
    }
}

/// In real time: time that is paused stands still while a task is ready.
#[tokio::test]
async fn a_body_that_uses_up_the_budget_is_408() {
    let body = Body::from_stream(futures_util::stream::once(async {
        common::busy().await;
        Ok::<_, std::convert::Infallible>(Bytes::new())
    }));
    let limit = BodyLimit::bytes(100).idle(Duration::from_millis(50));
    let answer = sent(limit.unwrap(), post(body));
    let (response, _) = tokio::time::timeout(seconds(5), answer).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_handler_does_not_count() {
    let limit = BodyLimit::bytes(100).idle(seconds(5)).unwrap();
    let limit = limit
        .within(seconds(5))
        .unwrap()
        .min_rate(1, seconds(1))
        .unwrap();
    let handler = service_fn(async |request: http::Request<Body>| {
        let mut body = request.into_body();
        let mut frames = 0;
        loop {
            tokio::time::sleep(seconds(60)).await;
            match body.frame().await {
                Some(Ok(_)) => frames += 1,
                Some(Err(error)) => panic!("{error}"),
                None => break,
            }
        }
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(frames.to_string())))
    });
    let list = [(0, 1), (0, 1), (0, 1)];
    let response = with_body_limit(limit)
        .layer(handler)
        .oneshot(post(timed(&list)));
    assert_eq!(common::read(response.await.unwrap()).await.body(), "3");
}

#[tokio::test(start_paused = true)]
async fn a_validation_answers_408_as_well() {
    use axum::{Router, routing::post};
    use wythe::{Json, Valid, compose, with_validation};

    #[derive(serde::Deserialize, garde::Validate)]
    struct Text {
        #[garde(skip)]
        #[expect(dead_code, reason = "it is only read")]
        text: String,
    }

    let stack = compose((
        with_body_limit(BodyLimit::bytes(100).idle(seconds(5)).unwrap()),
        with_validation::<Json<Text>>(),
    ));
    let handler = stack.handler(async |_: Valid<Json<Text>>| ());
    let app: Router = Router::new().route("/", post(handler));
    let request = http::Request::post("/").header("content-type", "application/json");
    let request = request.body(timed(&[(1, 1), (9, 1)])).unwrap();
    let response = common::read(app.oneshot(request).await.unwrap()).await;
    common::problem(&response, StatusCode::REQUEST_TIMEOUT);
}

#[test]
fn times_that_reject_every_body_are_errors() {
    let limit = || BodyLimit::bytes(1);
    let errors = [
        limit().first_byte_within(Duration::ZERO),
        limit().idle(Duration::ZERO),
        limit().within(Duration::ZERO),
        limit().min_rate(0, seconds(1)),
    ];
    let messages: Vec<_> = errors.map(|error| error.unwrap_err().to_string()).to_vec();
    assert_eq!(
        messages,
        [
            "BodyLimit: `.first_byte_within(..)` of zero would reject every body: leave it out for no \
             limit",
            "BodyLimit: `.idle(..)` of zero would reject every body: leave it out for no limit",
            "BodyLimit: `.within(..)` of zero would reject every body: leave it out for no limit",
            "BodyLimit: a rate of 0 bytes per second limits nothing",
        ]
    );
    drop(limit().min_rate(1, Duration::ZERO).unwrap());
    // A time that no clock reaches is no limit.
    drop(limit().idle(Duration::MAX).unwrap());
}

#[test]
fn says_what_it_limits() {
    let limit = BodyLimit::bytes(10).idle(seconds(5)).unwrap();
    assert_eq!(
        format!("{limit:?}"),
        "BodyLimit(at most 10 bytes, 5s between bytes)"
    );
}
