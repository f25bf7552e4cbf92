//! `with_deprecation`: the fields, who still calls, and the end.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::{HeaderValue, Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Auth, Deprecation, ManualClock, PeerAddr, with_deprecation};

use crate::common::{self, Body, empty, problem, send};

fn old() -> Deprecation {
    Deprecation::since("2023-07-01").unwrap()
}

#[tokio::test]
async fn responses_say_since_when_until_when_and_what_instead() {
    // RFC 9745, section 2.1, and RFC 8594, section 3.
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_688_169_599);
    let layer = Deprecation::since(since)
        .unwrap()
        .sunset("Sun, 30 Jun 2024 23:59:59 GMT")
        .unwrap()
        .documentation("https://developer.example.com/deprecation")
        .unwrap()
        .sunset_policy("/sunset")
        .unwrap()
        .successor("/api/v2/hello?a=b")
        .unwrap();
    let response = send(&with_deprecation(layer), Request::new(empty())).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["deprecation"], "@1688169599");
    assert_eq!(
        response.headers()["sunset"],
        "Sun, 30 Jun 2024 23:59:59 GMT"
    );
    let links: Vec<_> = response.headers().get_all("link").iter().collect();
    assert_eq!(
        links,
        [
            "<https://developer.example.com/deprecation>; rel=\"deprecation\"",
            "</sunset>; rel=\"sunset\"",
            "</api/v2/hello?a=b>; rel=\"successor-version\"",
        ]
    );
}

#[tokio::test]
async fn fields_of_the_handler_stay() {
    let layer = with_deprecation(old().sunset("2030-01-01").unwrap().successor("/b").unwrap());
    let handler = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::default());
        let fields = response.headers_mut();
        fields.insert("deprecation", HeaderValue::from_static("@1"));
        fields.insert("sunset", HeaderValue::from_static("theirs"));
        fields.insert("link", HeaderValue::from_static("</c>; rel=\"next\""));
        Ok::<_, Infallible>(response)
    });
    let response = layer
        .layer(handler)
        .oneshot(Request::new(empty()))
        .await
        .unwrap();
    assert_eq!(response.headers()["deprecation"], "@1");
    assert_eq!(response.headers()["sunset"], "theirs");
    assert_eq!(response.headers().get_all("link").iter().count(), 2);
}

#[tokio::test]
async fn it_is_gone_from_the_sunset_on() {
    let sunset = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let clock = ManualClock::new(sunset - Duration::from_secs(1));
    let policy = old().sunset(sunset).unwrap().clock(&clock);
    let stays = with_deprecation(policy.clone());
    let ends = policy
        .gone_after_sunset()
        .unwrap()
        .successor("/v2")
        .unwrap();
    let ends = with_deprecation(ends);
    assert_eq!(send(&ends, Request::new(empty())).await.status(), 200);

    clock.advance(Duration::from_secs(1));
    let response = send(&ends, Request::new(empty())).await;
    let problem = problem(&response, StatusCode::GONE);
    assert_eq!(
        problem["detail"],
        "This is no longer available. Use `/v2` instead."
    );
    assert_eq!(response.headers()["deprecation"], "@1688169600");
    assert_eq!(
        response.headers()["sunset"],
        "Tue, 14 Nov 2023 22:13:20 GMT"
    );
    assert_eq!(
        response.headers()["link"],
        "</v2>; rel=\"successor-version\""
    );
    assert_eq!(send(&stays, Request::new(empty())).await.status(), 200);
}

#[test]
fn impossible_policies_are_errors() {
    let earlier = old().sunset("2023-06-30").unwrap_err().to_string();
    assert!(
        earlier.contains("the sunset is earlier than the deprecation"),
        "{earlier}"
    );
    drop(old().sunset("2023-07-01").unwrap());
    old().gone_after_sunset().unwrap_err();
    for date in [
        "",
        "2023",
        "2023-02-29",
        "2023-7-1",
        "@1688169599",
        "2023-07-01T00:00:00Z",
    ] {
        assert!(Deprecation::since(date).is_err(), "{date}");
    }
    for uri in [
        "",
        "example.com",
        "b c",
        "/a>; rel=\"next\"",
        "/a\r\nb",
        "*",
    ] {
        assert!(old().successor(uri).is_err(), "{uri:?}");
        assert!(old().documentation(uri).is_err(), "{uri:?}");
    }
}

#[tokio::test]
async fn each_request_is_noted() {
    #[derive(Clone)]
    struct Claims(u64);

    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    let layer = old()
        .on_use(move |head| noted.lock().unwrap().push(head.path().to_owned()))
        .by_principal(|claims: &Claims| claims.0);
    let mut request = Request::get("/old?key=secret").body(empty()).unwrap();
    request.extensions_mut().insert(Auth(Claims(71)));
    request
        .extensions_mut()
        .insert(PeerAddr(([192, 0, 2, 7], 50_123).into()));
    #[cfg(feature = "tracing")]
    let (log, _guard) = common::log::Log::listen();
    let response = send(&with_deprecation(layer), request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(*calls.lock().unwrap(), ["/old"]);
    #[cfg(feature = "tracing")]
    {
        let line = log.take();
        assert!(line.contains("deprecated"), "{line}");
        assert!(line.contains("192.0.2.7"), "{line}");
        assert!(line.contains("71"), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}
