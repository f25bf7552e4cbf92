//! Bodies that stall.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Timeout,
    timeout::{IdleBody, StalledError},
    with_timeout,
};

use super::seconds;
use crate::common;

/// The answer of a handler whose body has frames after these times.
async fn answer(pauses: &'static [u64]) -> Response<IdleBody<Body>> {
    let timeout = Timeout::after(seconds(5))
        .unwrap()
        .idle(seconds(3))
        .unwrap();
    let handler = service_fn(move |_: Request<Body>| async move {
        let frames = stream::iter(pauses).then(|pause| async move {
            sleep(seconds(*pause)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"x"))
        });
        Ok::<_, Infallible>(Response::new(Body::from_stream(frames)))
    });
    let service = with_timeout(timeout).layer(handler);
    service.oneshot(Request::new(Body::empty())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn ends_a_body_whose_next_frame_takes_too_long() {
    // Pauses, the frames that arrive, whether it ends with an error, and after how many seconds.
    let cases: &[(&[u64], usize, bool, u64)] = &[
        (&[], 0, false, 0),
        (&[0, 0], 2, false, 0),
        (&[2, 2, 2, 2, 2], 5, false, 10),
        (&[3, 3], 2, false, 6),
        (&[4], 0, true, 3),
        (&[2, 4, 1], 1, true, 5),
        (&[0, 0, 100], 2, true, 3),
    ];
    for (pauses, arrive, fails, took) in cases {
        let start = Instant::now();
        let mut body = Box::pin(answer(pauses).await.into_body());
        let mut arrived = 0;
        let failed = loop {
            match body.frame().await {
                Some(Ok(_)) => arrived += 1,
                Some(Err(error)) => {
                    assert!(error.is::<StalledError>(), "{error}");
                    assert_eq!(error.to_string(), "the body of the response stalled");
                    break true;
                }
                None => break false,
            }
        };
        assert_eq!((arrived, failed), (*arrive, *fails), "{pauses:?}");
        assert_eq!(start.elapsed(), seconds(*took), "{pauses:?}");
        // Nothing follows an error.
        assert!(body.frame().await.is_none(), "{pauses:?}");
        assert!(
            http_body::Body::is_end_stream(&body) || !fails,
            "{pauses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_the_client_reads_does_not_count() {
    let mut body = Box::pin(answer(&[0, 0, 2]).await.into_body());
    for _ in 0..2 {
        drop(body.frame().await.unwrap().unwrap());
        sleep(seconds(100)).await;
    }
    drop(body.frame().await.unwrap().unwrap());
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn passes_the_errors_of_the_body_on() {
    let handler = service_fn(|_: Request<Body>| async {
        let frames = stream::iter([Err::<Bytes, _>("broken")]);
        Ok::<_, Infallible>(Response::new(Body::from_stream(frames)))
    });
    let timeout = Timeout::after(seconds(5))
        .unwrap()
        .idle(seconds(3))
        .unwrap();
    let service = with_timeout(timeout).layer(handler);
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error} {source}").contains("broken"), "{error}");
}

#[tokio::test]
async fn keeps_the_length_of_a_body_in_memory() {
    let handler = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let timeout = Timeout::after(seconds(5))
        .unwrap()
        .idle(seconds(3))
        .unwrap();
    let service = with_timeout(timeout).layer(handler);
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    let hint = http_body::Body::size_hint(response.body());
    assert_eq!(hint.exact(), Some(5));
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );
}

/// In real time: time that is paused stands still while a task is ready.
#[tokio::test]
async fn ends_a_body_that_uses_up_the_budget() {
    let handler = service_fn(|_: Request<Body>| async {
        let frames = stream::once(async {
            common::busy().await;
            Ok::<_, Infallible>(Bytes::new())
        });
        Ok::<_, Infallible>(Response::new(Body::from_stream(frames)))
    });
    let limit = Timeout::after(seconds(5)).unwrap();
    let limit = limit.idle(Duration::from_millis(50)).unwrap();
    let service = with_timeout(limit).layer(handler);
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    let body = timeout(seconds(5), response.into_body().collect()).await;
    let error = body.expect("the body has stalled").unwrap_err();
    assert!(error.is::<StalledError>(), "{error}");
}
