//! `with_drain` and `Background`: what is served, refused and waited for while a server stops.

use std::{convert::Infallible, future::pending, time::Duration};

use http::{Request, Response, StatusCode, Version};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Background, Drain, Problem, drain::Phase, with_drain};

use crate::common::{Body, empty};

async fn ask(drain: &Drain, version: Version) -> Response<Body> {
    let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(empty())));
    let mut request = Request::new(empty());
    *request.version_mut() = version;
    let service = with_drain(drain.clone()).layer(handler);
    service.oneshot(request).await.unwrap()
}

#[tokio::test]
async fn each_phase_closes_more() {
    let drain = Drain::new();
    let cases = [
        (Phase::Serving, true, 200, None),
        (Phase::Leaving, false, 200, Some("close")),
        (Phase::Refusing, false, 503, Some("close")),
    ];
    for (phase, is_ready, status, connection) in cases {
        match phase {
            Phase::Leaving => drain.leave(),
            Phase::Refusing => drain.refuse(),
            _ => {}
        }
        assert_eq!((drain.phase(), drain.is_ready()), (phase, is_ready));
        let response = ask(&drain, Version::HTTP_11).await;
        assert_eq!(response.status(), status);
        let field = response.headers().get("connection");
        assert_eq!(field.map(|value| value.to_str().unwrap()), connection);
        let response = ask(&drain, Version::HTTP_2).await;
        assert_eq!(response.status(), status);
        // RFC 9113, section 8.2.2.
        assert!(!response.headers().contains_key("connection"));
        let retry = response.headers().contains_key("retry-after");
        assert_eq!(retry, status == 503);
    }
    // There is no way back.
    drain.leave();
    assert_eq!(drain.phase(), Phase::Refusing);
}

#[tokio::test]
async fn a_phase_can_be_waited_for() {
    let drain = Drain::new();
    let waiting = tokio::spawn({
        let drain = drain.clone();
        async move { drain.reached(Phase::Leaving).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drain.refuse();
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_in_the_background_is_limited_and_waited_for() {
    let background = Background::at_most(2).unwrap();
    background.spawn(async {}).unwrap();
    assert_eq!(background.finish(Duration::from_secs(1)).await, 0);

    background
        .spawn(tokio::time::sleep(Duration::from_secs(3)))
        .unwrap();
    background.spawn(pending()).unwrap();
    let full = background.spawn(async {}).unwrap_err();
    assert_eq!(
        Problem::from(full).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(background.running(), 2);
    assert_eq!(background.finish(Duration::from_secs(5)).await, 1);
    Background::at_most(0).unwrap_err();
}

#[tokio::test]
async fn a_panic_in_the_background_frees_its_place() {
    let background = Background::at_most(1).unwrap();
    background.spawn(async { panic!("as planned") }).unwrap();
    assert_eq!(background.finish(Duration::from_secs(5)).await, 0);
}
