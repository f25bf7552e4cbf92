//! What is answered, what is kept, and what is answered again.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use tower::{Layer, ServiceExt};
use wythe::{Idempotency, ManualClock, Problem, idempotency::MemoryAnswers, with_idempotency};

use super::{Payments, in_memory, is_replay, pay, request, scripted, send, status};
use crate::common::{self, Body};

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer() {
    let payments = Payments::default();
    let service = with_idempotency(in_memory()).layer(payments.handler(1));
    let first = send(&service, pay("a")).await;
    assert_eq!(
        (first.status(), &**first.body()),
        (StatusCode::CREATED, &b"payment 1"[..])
    );
    assert_eq!(first.headers()["set-cookie"], "session=secret");
    assert!(!is_replay(&first));

    for key in ["a", "\"a\"", " a "] {
        let again = send(&service, pay(key)).await;
        assert_eq!(again.status(), StatusCode::CREATED);
        assert_eq!(again.body(), first.body());
        assert_eq!(again.headers()["location"], "/payments/1");
        assert!(!again.headers().contains_key("set-cookie"));
        assert!(is_replay(&again));
    }
    assert_eq!(payments.count(), 1);

    let other = send(&service, pay("b")).await;
    assert_eq!(other.body(), "payment 2");
    assert!(!is_replay(&other));
}

#[tokio::test]
async fn scripts_of_other_origins_can_see_that_an_answer_is_repeated() {
    let service = with_idempotency(in_memory()).layer(Payments::default().handler(1));
    let from_page = || {
        let mut request = pay("a");
        let origin = http::HeaderValue::from_static("https://app.example.com");
        request.headers_mut().insert("origin", origin);
        request
    };
    let exposed = "access-control-expose-headers";
    assert!(
        !send(&service, from_page())
            .await
            .headers()
            .contains_key(exposed)
    );
    assert_eq!(
        send(&service, from_page()).await.headers()[exposed],
        "Idempotent-Replayed"
    );
    assert!(
        !send(&service, pay("a"))
            .await
            .headers()
            .contains_key(exposed)
    );
}

#[tokio::test]
async fn a_key_that_is_used_for_another_request_is_rejected() {
    let payments = Payments::default();
    let service = with_idempotency(in_memory()).layer(payments.handler(1));
    send(&service, request("/payments?dry=1", "a", "amount=1")).await;
    let mut json = request("/payments?dry=1", "a", "amount=1");
    json.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/json"),
    );
    let others = [
        ("body", request("/payments?dry=1", "a", "amount=2")),
        ("query", request("/payments?dry=0", "a", "amount=1")),
        ("no query", request("/payments", "a", "amount=1")),
        ("content type", json),
    ];
    for (name, other) in others {
        let rejected = send(&service, other).await;
        let problem = common::problem(&rejected, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("another request"),
            "{name}"
        );
    }
    // On another route, it is another key.
    let elsewhere = send(&service, request("/refunds?dry=1", "a", "amount=1")).await;
    assert_eq!(elsewhere.body(), "payment 2");
    let mut patch = request("/payments?dry=1", "a", "amount=1");
    *patch.method_mut() = http::Method::PATCH;
    assert_eq!(send(&service, patch).await.body(), "payment 3");
}

#[tokio::test]
async fn a_request_without_a_key_passes_unless_keys_are_required() {
    let without = || Request::post("/payments").body(common::empty()).unwrap();
    let payments = Payments::default();
    let service = with_idempotency(in_memory()).layer(payments.handler(1));
    for n in 1..=2 {
        assert_eq!(
            send(&service, without()).await.status(),
            StatusCode::CREATED
        );
        assert_eq!(payments.count(), n);
    }
    let service = with_idempotency(in_memory().required()).layer(payments.handler(1));
    let rejected = send(&service, without()).await;
    common::problem(&rejected, StatusCode::BAD_REQUEST);
    let got = Request::get("/payments").body(common::empty()).unwrap();
    assert_eq!(send(&service, got).await.status(), StatusCode::CREATED);
    assert_eq!(payments.count(), 3);
}

#[tokio::test]
async fn malformed_and_repeated_keys_are_rejected() {
    let payments = Payments::default();
    let service = with_idempotency(in_memory()).layer(payments.handler(1));
    let long = "a".repeat(256);
    for key in ["", "\"\"", "a, b", "\"a", "\"a\";b=1", &long] {
        let rejected = send(&service, pay(key)).await;
        common::problem(&rejected, StatusCode::BAD_REQUEST);
    }
    let mut two = pay("a");
    two.headers_mut()
        .append("idempotency-key", http::HeaderValue::from_static("a"));
    common::problem(&send(&service, two).await, StatusCode::BAD_REQUEST);
    assert_eq!(payments.count(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_rejected() {
    let payments = Payments::default();
    let service = with_idempotency(in_memory().max_body_bytes(8)).layer(payments.handler(1));
    assert_eq!(send(&service, pay("a")).await.status(), StatusCode::CREATED);
    let large = request("/payments", "b", "amount=10");
    let problem = common::problem(&send(&service, large).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["max_body_bytes"], 8);
}

#[tokio::test]
async fn the_handler_gets_the_body_and_the_key() {
    let handler = tower::service_fn(|request: Request<Body>| async move {
        let key = request.extensions().get::<wythe::IdempotencyKey>().cloned();
        let body = common::read(http::Response::new(request.into_body()))
            .await
            .into_body();
        let text = format!(
            "{} {}",
            key.unwrap().as_str(),
            String::from_utf8_lossy(&body)
        );
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(text)))
    });
    let service = with_idempotency(in_memory()).layer(handler);
    assert_eq!(send(&service, pay("\"a b\"")).await.body(), "a b amount=1");
}

#[tokio::test]
async fn the_status_decides_whether_an_answer_is_kept() {
    let kept = [200, 201, 204, 302, 402, 404, 410, 500, 502, 504];
    let not_kept = [
        400, 401, 403, 408, 409, 412, 413, 415, 422, 425, 428, 429, 503,
    ];
    for (statuses, calls_expected) in [(&kept[..], 1), (&not_kept, 2)] {
        for code in statuses {
            let (handler, calls) = scripted([status(*code), status(200)]);
            let service = with_idempotency(in_memory()).layer(handler);
            assert_eq!(send(&service, pay("a")).await.status(), *code);
            let again = send(&service, pay("a")).await;
            assert_eq!(calls.load(Ordering::SeqCst), calls_expected, "{code}");
            assert_eq!(is_replay(&again), calls_expected == 1, "{code}");
            let same = if calls_expected == 1 { *code } else { 200 };
            assert_eq!(again.status(), same);
        }
    }
    let (handler, calls) = scripted([status(500), status(201)]);
    let service = with_idempotency(in_memory().keep(|status| status.is_success())).layer(handler);
    for expected in [500, 201, 201] {
        assert_eq!(send(&service, pay("a")).await.status(), expected);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_problem_is_a_problem_again() {
    let declined = Problem::new(StatusCode::PAYMENT_REQUIRED)
        .kind("https://example.com/probs/declined")
        .detail("The card was declined.")
        .extension("code", "card_declined");
    let response = declined.clone().into_response().map(Body::from);
    let (handler, _) = scripted([response]);
    let service = with_idempotency(in_memory()).layer(handler);
    let first = send(&service, pay("a")).await;
    let again = send(&service, pay("a")).await;
    assert!(is_replay(&again));
    assert_eq!(first.body(), again.body());
    let problem: &Problem = again.extensions().get().unwrap();
    assert_eq!(problem.to_json(), declined.to_json());
}

#[tokio::test]
async fn a_large_answer_is_sent_once_and_its_request_runs_once() {
    let large = || http::Response::new(Body::from("x".repeat(1_000)));
    let (handler, calls) = scripted([large()]);
    let policy = in_memory().max_answer_bytes(999).unwrap();
    let service = with_idempotency(policy).layer(handler);
    assert_eq!(send(&service, pay("a")).await.body().len(), 1_000);
    let again = send(&service, pay("a")).await;
    let problem = common::problem(&again, StatusCode::CONFLICT);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no longer available")
    );
    assert!(!again.headers().contains_key("retry-after"));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stream_goes_to_the_client_and_is_not_kept() {
    use http_body_util::{BodyExt, StreamBody};
    let service =
        with_idempotency(in_memory()).layer(tower::service_fn(|_: Request<Body>| async {
            let frames = ["one ", "two"].map(|text| {
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from(text)))
            });
            let body = wythe::Body::stream(StreamBody::new(futures_util::stream::iter(frames)));
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        }));
    let first = service.clone().oneshot(pay("a")).await.unwrap();
    assert_eq!(
        first.into_body().collect().await.unwrap().to_bytes(),
        "one two"
    );
    let again = service.oneshot(pay("a")).await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn answers_are_forgotten_in_the_end() {
    let clock = ManualClock::default();
    let store = MemoryAnswers::default().clock(&clock);
    let policy = Idempotency::stored(store.clone()).dangerously_shared();
    let policy = policy.keep_for(Duration::from_secs(60)).unwrap();
    let payments = Payments::default();
    let service = with_idempotency(policy).layer(payments.handler(1));
    send(&service, pay("a")).await;
    clock.advance(Duration::from_secs(59));
    assert!(is_replay(&send(&service, pay("a")).await));
    clock.advance(Duration::from_secs(1));
    assert_eq!(send(&service, pay("a")).await.body(), "payment 2");
    assert_eq!(store.len(), 1);
}

#[test]
fn policies_that_can_not_work_are_errors() {
    use http::Method;
    let second = Duration::from_secs(1);
    let short = second - Duration::from_nanos(1);
    in_memory().methods([]).unwrap_err();
    in_memory()
        .methods([Method::POST, Method::GET])
        .unwrap_err();
    drop(in_memory().methods([Method::PUT, Method::DELETE]).unwrap());
    assert!(in_memory().keep_for(short).is_err() && in_memory().keep_for(second).is_ok());
    assert!(in_memory().lease(short).is_err() && in_memory().lease(second).is_ok());
    in_memory().time_limit(Duration::ZERO).unwrap_err();
    in_memory().max_tasks(0).unwrap_err();
    assert!(MemoryAnswers::new(0, 4_096).is_err() && MemoryAnswers::new(1, 1_023).is_err());
}
