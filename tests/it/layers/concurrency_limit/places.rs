//! When a place is taken, and when it is released.

use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use http::{Request, Response, StatusCode};
use tower::{Layer, Service, service_fn};
use wythe::{ConcurrencyLimit, with_concurrency_limit};

use super::{ask, counts, has_room, now, only, poll, send};
use crate::common::{self, Body, Ok200, empty};

fn request() -> Request<Body> {
    Request::new(empty())
}

#[test]
fn requests_up_to_the_limit_pass_and_the_next_is_rejected_until_one_ends() {
    for max in [1, 2, 7] {
        let layer = only(max);
        let mut held: Vec<_> = (0..max).map(|_| ask(&layer)).collect();
        assert!(held.iter().all(|answer| answer.status() == StatusCode::OK));
        assert_eq!(counts(&layer), (max, 0));
        for _ in 0..3 {
            assert!(!has_room(&layer));
        }
        assert_eq!(counts(&layer), (max, 0));
        held.pop();
        assert_eq!(counts(&layer), (max - 1, 0));
        held.push(ask(&layer));
        assert_eq!(held[max - 1].status(), StatusCode::OK);
        assert!(!has_room(&layer));
        drop(held);
        assert_eq!(counts(&layer), (0, 0));
    }
}

#[test]
fn clones_of_a_layer_share_its_count_and_other_layers_do_not() {
    let layer = only(1);
    let (clone, other) = (layer.clone(), only(1));
    let _held = ask(&layer);
    assert!(!has_room(&clone));
    assert!(has_room(&other));
    assert_eq!(counts(&clone), (1, 0));
}

#[test]
fn a_service_that_is_ready_but_not_called_takes_no_place() {
    let layer = only(1);
    let mut context = Context::from_waker(Waker::noop());
    let mut idle: Vec<_> = (0..5).map(|_| layer.layer(Ok200)).collect();
    for service in &mut idle {
        let service: &mut dyn Service<Request<Body>, Response = _, Error = _, Future = _> = service;
        assert!(service.poll_ready(&mut context).is_ready());
    }
    assert_eq!(counts(&layer), (0, 0));
    assert!(has_room(&layer));
}

#[test]
fn a_dropped_future_releases_its_place_whether_polled_or_not() {
    let layer = only(1);
    let unpolled = send(&layer, request());
    assert_eq!(counts(&layer), (1, 0));
    drop(unpolled);
    assert!(has_room(&layer));

    let mut stuck = layer.layer(service_fn(|_: Request<Body>| {
        pending::<Result<Response<Body>, Infallible>>()
    }));
    let mut polled = Box::pin(stuck.call(request()));
    assert!(poll(polled.as_mut()).is_pending());
    assert!(!has_room(&layer));
    drop(polled);
    assert!(has_room(&layer));
}

#[test]
fn a_failing_handler_releases_its_place_before_its_future_is_dropped() {
    let layer = only(1);
    let mut failing = layer.layer(service_fn(|_: Request<Body>| {
        ready(Err::<Response<Body>, _>("the database is gone"))
    }));
    let mut future = Box::pin(failing.call(request()));
    let Poll::Ready(Err(error)) = poll(future.as_mut()) else {
        panic!("it fails")
    };
    assert_eq!(error, "the database is gone");
    assert!(has_room(&layer));
}

#[test]
fn a_panicking_handler_releases_its_place() {
    let layer = only(1);
    let mut in_call = layer.layer(service_fn(
        |_: Request<Body>| -> Ready<Result<Response<Body>, Infallible>> { panic!("in the call") },
    ));
    catch_unwind(AssertUnwindSafe(|| drop(in_call.call(request())))).unwrap_err();
    assert!(has_room(&layer));

    let mut in_poll = layer.layer(service_fn(
        async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("in a poll") },
    ));
    let future = in_poll.call(request());
    assert!(!has_room(&layer));
    catch_unwind(AssertUnwindSafe(|| now(future).is_ok())).unwrap_err();
    assert!(has_room(&layer));
}

#[test]
fn a_refusal_of_head_has_no_body_and_the_length_of_that_for_get() {
    let layer = only(1);
    let _held = ask(&layer);
    let get = now(common::read(ask(&layer)));
    let head = Request::head("/").body(empty()).unwrap();
    let Ok(head) = now(send(&layer, head));
    let head = now(common::read(head));
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(head.body().is_empty());
    assert_eq!(
        head.headers()["content-length"],
        get.body().len().to_string()
    );
    assert_eq!(head.headers()["retry-after"], "1");
}

#[test]
fn a_request_reaches_the_handler_unchanged_with_or_without_a_key() {
    let by_path = with_concurrency_limit(
        ConcurrencyLimit::of(1)
            .unwrap()
            .by(|head| head.path().to_owned()),
    );
    let handler = service_fn(|request: Request<Body>| {
        assert_eq!(request.uri(), "/a?b");
        assert_eq!(request.headers()["x-tenant"], "acme");
        assert_eq!(request.extensions().get(), Some(&7_u8));
        ready(Ok::<_, Infallible>(Response::new(request.into_body())))
    });
    let request = || {
        let request = Request::put("/a?b")
            .header("x-tenant", "acme")
            .extension(7_u8);
        request.body(Body::from("whole")).unwrap()
    };
    let Ok(by_path) = now(by_path.layer(handler).call(request()));
    let Ok(overall) = now(only(1).layer(handler).call(request()));
    for answer in [by_path, overall] {
        assert_eq!(now(common::read(answer)).body(), "whole");
    }
}
