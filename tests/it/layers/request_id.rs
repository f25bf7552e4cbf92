//! Ids of requests: where they come from, and where clients find them.

use std::{
    collections::HashSet,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use axum::{Router, extract::Query, routing::get};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use wythe::{
    ManualClock, PeerAddr, Problem, RequestId, RequestIds, Stack, compose, with, with_presentation,
    with_presentation_as, with_request_id,
};

use crate::common::{Body, Closed, empty, problem, read, send, send_to};

const PROXY: [u8; 4] = [10, 0, 0, 5];
const CLIENT: [u8; 4] = [192, 0, 2, 7];

fn of_proxies() -> RequestIds {
    RequestIds::new().from_proxies(["10.0.0.0/24"]).unwrap()
}

/// The id in the response to a request from this peer with these values of the field.
async fn id_of(ids: RequestIds, peer: Option<[u8; 4]>, values: &[&[u8]]) -> String {
    let mut request = Request::get("/").body(empty()).unwrap();
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("x-request-id", value);
    }
    if let Some(peer) = peer {
        request
            .extensions_mut()
            .insert(PeerAddr(SocketAddr::from((peer, 50_123))));
    }
    // The handler gets the same id.
    let handler = |request: Request<Body>| async move {
        let id: &RequestId = request.extensions().get().unwrap();
        let mut response = Response::new(Body::default());
        response
            .headers_mut()
            .insert("x-request-id", HeaderValue::from_static("handler"));
        response
            .headers_mut()
            .insert("x-given", id.to_header_value());
        Ok(response)
    };
    let response = send_to(&with_request_id(ids), request, handler).await;
    let fields: Vec<_> = response.headers().get_all("x-request-id").iter().collect();
    assert_eq!(fields, [&response.headers()["x-given"]]);
    fields[0].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_layer_inside_keeps_the_id_of_the_one_outside() {
    let show = |id: RequestId| async move { id.to_string() };
    let inner = compose((with_request_id(RequestIds::new()),));
    let outer = compose((with_request_id(RequestIds::new()),));
    let router = Router::<()>::new().route("/", get(inner.handler(show)));
    let request = Request::get("/").body(axum::body::Body::empty()).unwrap();
    let response = read(router.layer(outer).oneshot(request).await.unwrap()).await;
    let fields: Vec<_> = response.headers().get_all("x-request-id").iter().collect();
    assert_eq!(fields, [std::str::from_utf8(response.body()).unwrap()]);
}

/// RFC 9562, section 5.7.
fn is_own(id: &str) -> bool {
    let groups: Vec<_> = id.split('-').collect();
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(is_hex)
        && groups[2].starts_with('7')
        && groups[3].starts_with(['8', '9', 'a', 'b'])
}

#[tokio::test]
async fn an_own_id_is_a_uuid_with_the_time_of_the_request() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_millis(0x017f_22e2_79b0));
    let ids = RequestIds::new().clock(&clock);
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let id = id_of(ids.clone(), None, &[]).await;
        assert!(is_own(&id), "{id}");
        assert!(id.starts_with("017f22e2-79b0-7"), "{id}");
        assert!(seen.insert(id));
    }
    clock.advance(Duration::from_millis(1));
    let later = id_of(ids, None, &[]).await;
    assert!(seen.iter().all(|id| *id < later), "{later}");
}

#[tokio::test]
async fn an_id_of_a_trusted_proxy_is_used_if_it_has_the_syntax() {
    let longest = "a".repeat(128);
    let too_long = "a".repeat(129);
    let accepted = [
        "a",
        "7b6a2e1c-97c5-4b7c-9f6e-1f0a8b1d2c3e",
        "Root=1-67891233-abcdef012345678912345678",
        "230b030023ae2822-SJC",
        "user@host:8080/a_b.c+d",
        &longest,
    ];
    for id in accepted {
        assert_eq!(id_of(of_proxies(), Some(PROXY), &[id.as_bytes()]).await, id);
    }
    let replaced: [&[&[u8]]; 14] = [
        &[],
        &[b""],
        &[b"a b"],
        &[b"a\tb"],
        &[b"a\"b"],
        &[b"a\\b"],
        &[b"a,b"],
        &[b"a;b"],
        &[b"a%0ab"],
        &[b"<a>"],
        &[b"a\x7f"],
        &["\u{e9}".as_bytes()],
        &[too_long.as_bytes()],
        &[b"a", b"a"],
    ];
    for values in replaced {
        if values
            .iter()
            .any(|value| HeaderValue::from_bytes(value).is_err())
        {
            continue;
        }
        let id = id_of(of_proxies(), Some(PROXY), values).await;
        assert!(is_own(&id), "{values:?}: {id}");
    }
}

#[tokio::test]
async fn an_id_of_anybody_else_is_not_used() {
    let cases = [
        ("a client", of_proxies(), Some(CLIENT)),
        ("no peer address", of_proxies(), None),
        ("no trusted proxies", RequestIds::new(), Some(PROXY)),
    ];
    for (name, ids, peer) in cases {
        let id = id_of(ids, peer, &[b"chosen"]).await;
        assert!(is_own(&id), "{name}: {id}");
    }
    let ids = RequestIds::new().dangerously_from_everybody();
    assert_eq!(id_of(ids, None, &[b"chosen"]).await, "chosen");
}

#[tokio::test]
async fn the_field_can_have_another_name() {
    let ids = RequestIds::new()
        .dangerously_from_everybody()
        .field("X-Correlation-Id")
        .unwrap();
    let request = Request::get("/")
        .header("x-correlation-id", "chosen")
        .body(empty())
        .unwrap();
    let response = send(&with_request_id(ids), request).await;
    assert_eq!(response.headers()["x-correlation-id"], "chosen");
    assert!(!response.headers().contains_key("x-request-id"));
}

#[test]
fn a_wrong_configuration_is_an_error() {
    let ids = RequestIds::new;
    let cases = [
        (ids().field("a b"), "RequestIds: `a b` is not a field name"),
        (
            ids().field("Content-Type"),
            "RequestIds: `content-type` has another meaning in HTTP: use a field such as `x-request-id`",
        ),
        (
            ids().field("set-cookie"),
            "RequestIds: `set-cookie` has another meaning in HTTP: use a field such as `x-request-id`",
        ),
        (
            ids().from_proxies([""; 0]),
            "RequestIds: the list of proxies is empty: without a proxy, leave `from_proxies(..)` out",
        ),
        (
            ids().from_proxies(["0.0.0.0/0"]),
            "RequestIds: every address is trusted, so clients could send the field themselves: list only the \
             networks of the proxies",
        ),
    ];
    for (ids, expected) in cases {
        assert_eq!(ids.unwrap_err().to_string(), expected);
    }
    for taken in [
        "last-modified",
        "accept",
        "te",
        "traceparent",
        "x-forwarded-for",
    ] {
        let error = ids().field(taken).unwrap_err().to_string();
        assert!(error.contains("has another meaning in HTTP"), "{error}");
    }
    for free in ["x-correlation-id", "trace-id", "x-amzn-trace-id"] {
        drop(ids().field(free).unwrap());
    }
}

/// An application with one answer for each way in which an error is made.
fn app<L>(stack: Stack<L>) -> Router
where
    L: tower::Layer<axum::routing::Route> + Clone + Send + Sync + 'static,
    L::Service: tower::Service<Request<axum::body::Body>, Error: Into<std::convert::Infallible>>
        + Clone
        + Send
        + Sync
        + 'static,
    <L::Service as tower::Service<Request<axum::body::Body>>>::Response:
        axum::response::IntoResponse,
    <L::Service as tower::Service<Request<axum::body::Body>>>::Future: Send,
{
    let conflict = || Problem::new(StatusCode::CONFLICT).detail("It exists.");
    let own = move || conflict().extension("request_id", "mine");
    Router::new()
        .route("/ok", get(async || "ok"))
        .route("/problem", get(async move || Err::<(), _>(conflict())))
        .route("/own-member", get(async move || Err::<(), _>(own())))
        .route("/rejection", get(async |_: Query<Vec<(u8, u8)>>| "query"))
        .route("/text", get(async || (StatusCode::BAD_GATEWAY, "db-7")))
        .route("/crash", get(async || -> &'static str { panic!("crash") }))
        .route(
            "/encoded",
            get(async move || {
                let mut response = conflict().into_response().map(axum::body::Body::from);
                let coding = HeaderValue::from_static("gzip");
                response
                    .headers_mut()
                    .insert(header::CONTENT_ENCODING, coding);
                response
            }),
        )
        .route(
            "/own-body",
            get(async move || {
                conflict()
                    .into_response()
                    .map(|_| axum::body::Body::from("another"))
            }),
        )
        .layer(stack)
}

async fn ask(app: &Router, method: &str, path: &str) -> Response<Bytes> {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("x-request-id", "the-id")
        .body(axum::body::Body::empty());
    read(app.clone().oneshot(request.unwrap()).await.unwrap()).await
}

fn ids() -> wythe::With<RequestIds> {
    with_request_id(RequestIds::new().dangerously_from_everybody())
}

/// A problem of the whole path, with its length.
fn id_in(response: &Response<Bytes>) -> Value {
    let json = problem(response, response.status());
    assert_eq!(response.headers()["x-request-id"], "the-id");
    let length = response.headers().get(header::CONTENT_LENGTH);
    assert!(length.is_none_or(|length| *length == response.body().len().to_string()));
    json["request_id"].clone()
}

#[tokio::test]
async fn every_problem_has_the_id() {
    let presented = app(compose((ids(), with_presentation())));
    let paths = ["/problem", "/rejection?a", "/text", "/crash", "/nowhere"];
    for path in paths {
        assert_eq!(
            id_in(&ask(&presented, "GET", path).await),
            "the-id",
            "{path}"
        );
    }
    assert_eq!(id_in(&ask(&presented, "POST", "/ok").await), "the-id");

    let bare = app(compose((ids(),)));
    assert_eq!(id_in(&ask(&bare, "GET", "/problem").await), "the-id");

    // The refusal of a layer.
    let closed = with(Closed(Problem::new(StatusCode::SERVICE_UNAVAILABLE)));
    let refused = app(compose((ids(), closed)));
    let response = ask(&refused, "GET", "/ok").await;
    assert_eq!(id_in(&response), "the-id");
    let expected = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"request_id":"the-id"}"#;
    assert_eq!(response.body(), expected);
}

#[tokio::test]
async fn a_member_of_the_application_stays() {
    for app in [
        app(compose((ids(),))),
        app(compose((ids(), with_presentation()))),
    ] {
        assert_eq!(id_in(&ask(&app, "GET", "/own-member").await), "mine");
    }
}

#[tokio::test]
async fn a_body_that_is_not_that_of_the_problem_stays() {
    for app in [
        app(compose((ids(),))),
        app(compose((ids(), with_presentation()))),
    ] {
        let encoded = ask(&app, "GET", "/encoded").await;
        let plain = Problem::new(StatusCode::CONFLICT)
            .detail("It exists.")
            .to_json();
        assert_eq!(encoded.body(), &plain);
        assert_eq!(ask(&app, "GET", "/own-body").await.body(), "another");
        assert_eq!(ask(&app, "GET", "/ok").await.body(), "ok");
    }
}

#[tokio::test]
async fn a_renderer_finds_the_id() {
    let renderer = with_presentation_as(|problem, request| {
        let id = request.request_id().map(RequestId::as_str);
        let body = json!({ "id": id, "members": problem.extensions() });
        (
            HeaderValue::from_static("application/json"),
            Bytes::from(body.to_string()),
        )
    });
    let app = app(compose((ids(), renderer)));
    let cases = [
        (
            "/problem",
            json!({"id": "the-id", "members": {"request_id": "the-id"}}),
        ),
        (
            "/crash",
            json!({"id": "the-id", "members": {"request_id": "the-id"}}),
        ),
        (
            "/own-member",
            json!({"id": "the-id", "members": {"request_id": "mine"}}),
        ),
    ];
    for (path, expected) in cases {
        let response = ask(&app, "GET", path).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body, expected, "{path}");
    }
}

/// A renderer may make problem+json of its own.
#[tokio::test]
async fn what_a_renderer_has_made_stays() {
    let json = r#"{"type":"about:blank","title":"Conflict","status":409,"detail":"It existz."}"#;
    let renderer = with_presentation_as(move |_, _| {
        (wythe::PROBLEM_JSON, Bytes::from_static(json.as_bytes()))
    });
    let app = app(compose((ids(), renderer)));
    assert_eq!(ask(&app, "GET", "/problem").await.body(), json);
}

/// RFC 9110, section 9.3.2.
#[tokio::test]
async fn the_response_to_head_has_the_length_of_the_one_to_get() {
    for app in [
        app(compose((ids(),))),
        app(compose((ids(), with_presentation()))),
    ] {
        let (head, get) = (
            ask(&app, "HEAD", "/problem").await,
            ask(&app, "GET", "/problem").await,
        );
        assert!(head.body().is_empty());
        let fields = |response: &Response<Bytes>| -> HeaderMap { response.headers().clone() };
        assert_eq!(fields(&head), fields(&get));
        assert_eq!(
            head.headers()["content-length"],
            get.body().len().to_string()
        );
    }
}

#[cfg(feature = "idempotency")]
#[tokio::test]
async fn an_answer_that_is_repeated_has_the_id_of_the_request_that_repeats_it() {
    use axum::routing::post;
    use wythe::{Idempotency, with_idempotency};

    let idempotency = Idempotency::in_memory().dangerously_shared();
    let stack = compose((ids(), with_presentation(), with_idempotency(idempotency)));
    let gone = async || Err::<(), _>(Problem::new(StatusCode::GONE));
    let app: Router = Router::new().route("/", post(stack.handler(gone)));
    for id in ["first", "second"] {
        let request = Request::post("/")
            .header("idempotency-key", "\"k\"")
            .header("x-request-id", id)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = read(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(response.headers()["x-request-id"], id);
        assert_eq!(problem(&response, StatusCode::GONE)["request_id"], id);
        assert_eq!(
            response.headers().contains_key("idempotent-replayed"),
            id == "second"
        );
    }
}
