//! One format for every refusal, and responses to panics.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query},
    response::Redirect,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use wythe::{
    Later, Middleware, Place, Placed, Problem, Stack, Step, compose, presentation::Presentation,
    stage, with, with_presentation, with_presentation_as,
};

use crate::common::{problem, read, scripted::Scripted};

/// An application with one handler for each kind of failure; axum adds its own.
fn routes() -> Router {
    Router::new()
        .route("/ok", get(async || "ok"))
        .route(
            "/number",
            post(async |Json(number): Json<u32>| number.to_string()),
        )
        .route(
            "/query",
            get(async |Query((_,)): Query<((u8, u8),)>| "query"),
        )
        .route("/id/{id}", get(async |Path(id): Path<u32>| id.to_string()))
        .route(
            "/teapot",
            get(async || (StatusCode::IM_A_TEAPOT, "short and stout")),
        )
        .route(
            "/secret",
            get(async || (StatusCode::BAD_GATEWAY, "db-7.internal: hunter2")),
        )
        .route(
            "/own",
            get(async || (StatusCode::CONFLICT, Json(json!({"mine": true})))),
        )
        .route(
            "/problem",
            get(async || out_of_credit().into_response().map(Body::from)),
        )
        .route("/redirect", get(async || Redirect::to("/ok")))
        .route("/unmodified", get(async || StatusCode::NOT_MODIFIED))
        .route("/crash", get(crash))
        .route("/crash-later", get(crash_later))
}

fn app(presentation: Placed<Presentation>) -> Router {
    routes().layer(compose((presentation,)))
}

fn out_of_credit() -> Problem {
    Problem::new(StatusCode::PAYMENT_REQUIRED)
        .kind("https://example.com/probs/out-of-credit")
        .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
}

async fn crash() -> &'static str {
    panic!("crash: hunter2")
}

async fn crash_later() -> &'static str {
    tokio::task::yield_now().await;
    let secret = String::from("hunter2");
    panic!("crash later: {secret}")
}

/// The error format of an application that already has one.
fn legacy() -> Placed<Presentation> {
    with_presentation_as(|problem, request| {
        let body = json!({
            "error": problem.summary(),
            "detail": problem.explanation(),
            "path": request.uri().path(),
            "accept": request.accept().and_then(|accept| accept.to_str().ok()),
        });
        (
            HeaderValue::from_static("application/json"),
            Bytes::from(body.to_string()),
        )
    })
}

async fn ask(app: Router, method: Method, uri: &str) -> Response<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("accept", "a/b");
    read(
        app.oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap(),
    )
    .await
}

/// The `Content-Length`; a server derives it from the body if the field is missing.
fn length(response: &Response<Bytes>) -> usize {
    let field = response.headers().get("content-length");
    field.map_or_else(
        || response.body().len(),
        |length| length.to_str().unwrap().parse().unwrap(),
    )
}

fn without_length(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove("content-length");
    headers
}

async fn post_number(media_type: &'static str, body: &'static str) -> Response<Bytes> {
    let request = Request::post("/number").header("content-type", media_type);
    let request = request.body(Body::from(body)).unwrap();
    read(app(with_presentation()).oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn the_rejections_of_axum_become_problems_with_their_text_as_detail() {
    let cases = [
        (
            "no media type",
            "",
            "1",
            415,
            "Expected request with `Content-Type: application/json`",
        ),
        (
            "no JSON",
            "application/json",
            "x",
            400,
            "Failed to parse the request body as JSON",
        ),
        (
            "wrong type",
            "application/json",
            "\"1\"",
            422,
            "Failed to deserialize the JSON body",
        ),
    ];
    for (name, media_type, body, status, text) in cases {
        let response = post_number(media_type, body).await;
        let json = problem(&response, StatusCode::from_u16(status).unwrap());
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.starts_with(text), "{name}: {detail}");
    }
    for uri in ["/query?a=b", "/id/x"] {
        let response = ask(app(with_presentation()), Method::GET, uri).await;
        let json = problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(json["title"], "Bad Request");
        assert!(!json["detail"].as_str().unwrap().is_empty(), "{uri}");
    }
}

#[tokio::test]
async fn empty_error_responses_of_the_router_become_problems() {
    let response = ask(app(with_presentation()), Method::GET, "/nowhere").await;
    assert_eq!(
        problem(&response, StatusCode::NOT_FOUND),
        json!({"type": "about:blank", "title": "Not Found", "status": 404})
    );

    let response = ask(app(with_presentation()), Method::DELETE, "/ok").await;
    problem(&response, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_handlers_own_text_becomes_the_detail() {
    let response = ask(app(with_presentation()), Method::GET, "/teapot").await;
    let json = problem(&response, StatusCode::IM_A_TEAPOT);
    assert_eq!(json["detail"], "short and stout");
    assert_eq!(length(&response), response.body().len());
    assert!(response.extensions().get::<Problem>().is_some());
}

#[tokio::test]
async fn the_text_of_a_server_error_is_hidden() {
    let response = ask(app(with_presentation()), Method::GET, "/secret").await;
    let json = problem(&response, StatusCode::BAD_GATEWAY);
    assert_eq!(
        json,
        json!({"type": "about:blank", "title": "Bad Gateway", "status": 502})
    );
}

#[tokio::test]
async fn other_responses_pass_unchanged() {
    for uri in ["/ok", "/own", "/redirect", "/unmodified", "/problem"] {
        let expected = ask(routes(), Method::GET, uri).await;
        let response = ask(app(with_presentation()), Method::GET, uri).await;
        assert_eq!(response.status(), expected.status(), "{uri}");
        assert_eq!(response.headers(), expected.headers(), "{uri}");
        assert_eq!(response.body(), expected.body(), "{uri}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_does_not_reveal_its_message() {
    for uri in ["/crash", "/crash-later"] {
        let response = ask(app(with_presentation()), Method::GET, uri).await;
        let json = problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
        let expected =
            json!({"type": "about:blank", "title": "Internal Server Error", "status": 500});
        assert_eq!(json, expected, "{uri}");
    }
}

#[tokio::test]
async fn the_application_goes_on_after_a_panic() {
    let app = app(with_presentation());
    ask(app.clone(), Method::GET, "/crash").await;
    assert_eq!(ask(app, Method::GET, "/ok").await.body(), "ok");
}

/// Marks every response that passes through it, as CORS does.
#[derive(Clone)]
struct Mark;

impl Place for Mark {
    type Stage = stage::Cors;
    type Provides = ();
    type Needs = ();
}

impl<B> Middleware<B> for Mark {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }

    fn after<R>(&self, (): (), response: &mut Response<R>)
    where
        R: http_body::Body + From<Bytes>,
    {
        let origin = HeaderValue::from_static("*");
        response
            .headers_mut()
            .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

#[tokio::test]
async fn outer_layers_still_process_the_response_to_a_panic() {
    let app = routes().layer(compose((with(Mark), with_presentation())));
    for uri in ["/crash", "/crash-later", "/nowhere", "/ok"] {
        let response = ask(app.clone(), Method::GET, uri).await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "*",
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_renderer_renders_every_refusal() {
    let cases = [
        ("/nowhere", "Not Found", None),
        ("/teapot", "I'm a teapot", Some("short and stout")),
        ("/secret", "Bad Gateway", None),
        ("/problem", "Payment Required", None),
        ("/crash", "Internal Server Error", None),
        ("/crash-later", "Internal Server Error", None),
    ];
    for (uri, error, detail) in cases {
        let response = ask(app(legacy()), Method::GET, uri).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{uri}"
        );
        assert_eq!(length(&response), response.body().len(), "{uri}");
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        let expected = json!({"error": error, "detail": detail, "path": uri, "accept": "a/b"});
        assert_eq!(json, expected, "{uri}");
    }
}

#[tokio::test]
async fn a_renderer_sees_the_request() {
    let presentation = with_presentation_as(|_, request| {
        let languages = request.accept_language().map(HeaderValue::as_bytes);
        let seen = format!(
            "{} {} {:?} {:?}",
            request.method(),
            request.uri(),
            request.accept(),
            languages.map(<[u8]>::to_vec)
        );
        (HeaderValue::from_static("text/html"), Bytes::from(seen))
    });
    let request = Request::put("/nowhere?a=b")
        .header("accept-language", HeaderValue::from_bytes(b"\xe9").unwrap());
    let request = request.body(Body::empty()).unwrap();
    let response = read(app(presentation).oneshot(request).await.unwrap()).await;
    assert_eq!(response.body(), "PUT /nowhere?a=b None Some([233])");
}

#[tokio::test]
async fn a_renderer_sees_the_full_path_in_a_nested_router() {
    for service in [false, true] {
        let inner = app(legacy());
        let app = match service {
            true => Router::new().nest_service("/api", inner),
            false => Router::new().nest("/api", inner),
        };
        let response = ask(app, Method::GET, "/api/teapot").await;
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json["path"], "/api/teapot");
    }
}

#[tokio::test]
async fn a_renderer_keeps_other_fields_and_the_applications_own_errors() {
    let response = ask(app(legacy()), Method::GET, "/problem").await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(response.headers()["retry-after"], "60");

    let response = ask(app(legacy()), Method::DELETE, "/ok").await;
    assert_eq!(response.headers()["allow"], "GET,HEAD");

    let response = ask(app(legacy()), Method::GET, "/own").await;
    assert_eq!(response.body(), r#"{"mine":true}"#);
}

#[tokio::test]
async fn a_renderer_changes_the_status_to_another_error_only() {
    let cases = [
        (400, 400),
        (418, 418),
        (500, 500),
        (599, 599),
        (200, 404),
        (204, 404),
        (304, 404),
        (100, 404),
        (600, 404),
    ];
    for (said, expected) in cases {
        let said = StatusCode::from_u16(said).unwrap();
        let presentation = with_presentation_as(move |problem, _| {
            let body = Bytes::from(problem.status().to_string());
            (said, HeaderValue::from_static("text/csv"), body)
        });
        for method in [Method::GET, Method::HEAD] {
            let is_head = method == Method::HEAD;
            let response = ask(app(presentation.clone()), method, "/nowhere").await;
            assert_eq!(response.status(), expected, "{said}");
            assert_eq!(response.headers()["content-type"], "text/csv");
            let body = if is_head { "" } else { "404 Not Found" };
            assert_eq!(response.body(), body);
            let problem: &Problem = response.extensions().get().unwrap();
            assert_eq!(problem.status(), 404);
        }
    }
}

#[tokio::test]
async fn if_a_renderer_panics_the_standard_one_is_used() {
    let presentation = with_presentation_as(|_, _| -> (HeaderValue, Bytes) { panic!("renderer") });
    let response = ask(app(presentation), Method::GET, "/nowhere").await;
    problem(&response, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_gets_the_fields_of_get_and_no_body() {
    for presentation in [with_presentation(), legacy()] {
        for uri in [
            "/nowhere", "/teapot", "/secret", "/problem", "/crash", "/ok",
        ] {
            let got = ask(app(presentation.clone()), Method::GET, uri).await;
            let head = ask(app(presentation.clone()), Method::HEAD, uri).await;
            assert_eq!(head.status(), got.status(), "{uri}");
            assert_eq!(length(&head), length(&got), "{uri}");
            assert_eq!(
                without_length(head.headers()),
                without_length(got.headers()),
                "{uri}"
            );
            assert!(head.body().is_empty(), "{uri}");
        }
    }
}

/// How a response with this status, these fields and this body is rendered.
async fn present(
    status: u16,
    fields: &[(&'static str, &'static str)],
    body: Scripted,
) -> Response<Bytes> {
    let mut response = Some(Response::new(body));
    let head = response.as_mut().unwrap();
    *head.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        head.headers_mut()
            .append(*name, HeaderValue::from_static(value));
    }
    let inner = service_fn(move |_: Request<()>| {
        let response = response.take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let service = with_presentation().layer(inner);
    read(service.oneshot(Request::new(())).await.unwrap()).await
}

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

#[tokio::test]
async fn text_becomes_the_detail_only_if_it_is_short_utf_8_of_known_length() {
    static LARGE: [u8; 8193] = [b'a'; 8193];
    let (largest, large) = (&LARGE[1..], &LARGE[..]);
    let trailers = Ok(Frame::trailers(HeaderMap::new()));
    let mut with_trailers = Scripted::data(&[b"two ", b"frames"], Some(10));
    with_trailers.frames.push_back(trailers);
    let mut failing = Scripted::data(&[b"half"], Some(8));
    failing.frames.push_back(Err("connection reset"));
    let mut panicking = Scripted::data(&[b"half"], Some(8));
    panicking.frames.push_back(Err("panic"));

    let cases = [
        ("two frames and trailers", with_trailers, Some("two frames")),
        (
            "the largest",
            Scripted::data(&[largest], Some(8192)),
            std::str::from_utf8(largest).ok(),
        ),
        ("too large", Scripted::data(&[large], Some(8193)), None),
        ("unknown length", Scripted::data(&[b"text"], None), None),
        ("empty", Scripted::data(&[], Some(0)), None),
        ("no UTF-8", Scripted::data(&[b"caf\xe9"], Some(4)), None),
        (
            "quotes and controls",
            Scripted::data(&[b"\"\x00\n"], Some(3)),
            Some("\"\0\n"),
        ),
        (
            "longer than it said",
            Scripted::data(&[b"1234", b"5"], Some(4)),
            None,
        ),
        ("failing", failing, None),
        ("panicking", panicking, None),
    ];
    for (name, body, detail) in cases {
        let response = present(400, &[TEXT], body).await;
        let json = problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(json["detail"].as_str(), detail, "{name}");
    }
}

#[tokio::test]
async fn only_empty_and_plain_text_bodies_are_replaced() {
    let cases = [
        ("text", 400, Some("text/plain"), true),
        ("text in capitals", 400, Some("TEXT/Plain"), true),
        ("HTML", 400, Some("text/html"), false),
        ("event stream", 503, Some("text/event-stream"), false),
        (
            "a problem of the application's own",
            400,
            Some("application/problem+json"),
            false,
        ),
        ("no type", 400, None, false),
        ("beyond 5xx", 600, Some("text/plain"), true),
        ("no error", 399, Some("text/plain"), false),
        ("upgrade", 101, Some("text/plain"), false),
    ];
    for (name, status, media_type, shaped) in cases {
        let fields: Vec<_> = media_type
            .map(|value| ("content-type", value))
            .into_iter()
            .collect();
        let response = present(status, &fields, Scripted::data(&[b"text"], Some(4))).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(response.body() != "text", shaped, "{name}");
        assert_eq!(
            response.extensions().get::<Problem>().is_some(),
            shaped,
            "{name}"
        );
    }
    let silent = present(404, &[], Scripted::data(&[], Some(0))).await;
    problem(&silent, StatusCode::NOT_FOUND);
    let typed = present(
        404,
        &[("content-type", "text/html")],
        Scripted::data(&[], Some(0)),
    )
    .await;
    assert!(
        typed.body().is_empty(),
        "an empty page of the application's own"
    );
}

#[tokio::test]
async fn text_of_other_than_4xx_responses_is_hidden() {
    for status in [500, 599, 600, 999] {
        let response = present(status, &[TEXT], Scripted::data(&[b"hunter2"], Some(7))).await;
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json["detail"], Value::Null, "{status}");
    }
}

#[tokio::test]
async fn fields_that_describe_the_old_body_are_removed_and_others_kept() {
    let fields = [
        TEXT,
        ("content-type", "text/plain"),
        ("content-length", "4"),
        ("content-encoding", "gzip"),
        ("content-digest", "sha-256=:AAAA:"),
        ("content-range", "bytes */47022"),
        ("www-authenticate", "Bearer"),
        ("www-authenticate", "Basic"),
        ("vary", "origin"),
    ];
    let response = present(416, &fields, Scripted::data(&[b"gzip"], Some(4))).await;
    let json = problem(&response, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(json["detail"], Value::Null, "compressed");
    let names: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = [
        "content-type",
        "content-range",
        "www-authenticate",
        "www-authenticate",
        "vary",
    ];
    assert_eq!(names.len(), expected.len(), "{names:?}");
    for name in expected {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[tokio::test]
async fn head_has_no_length_if_the_body_of_get_is_unknown() {
    let cases = [
        (
            "a text that was stripped",
            vec![TEXT, ("content-length", "4")],
            false,
        ),
        (
            "an untyped body that was stripped",
            vec![("content-length", "4")],
            false,
        ),
        ("nothing", vec![("content-length", "0")], true),
    ];
    for (name, fields, known) in cases {
        let inner = service_fn(move |_: Request<()>| {
            let mut response = Response::builder().status(404);
            for (name, value) in &fields {
                response = response.header(*name, *value);
            }
            std::future::ready(response.body(Scripted::data(&[], Some(0))))
        });
        let request = Request::head("/").body(()).unwrap();
        let response = with_presentation()
            .layer(inner)
            .oneshot(request)
            .await
            .unwrap();
        let response = read(response).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{name}"
        );
        assert_eq!(
            response.headers().contains_key("content-length"),
            known,
            "{name}"
        );
        assert!(response.body().is_empty(), "{name}");
    }
}

/// Panics where it is told to, without returning a future.
#[derive(Clone)]
struct Panics {
    when_asked: bool,
    calls: Arc<AtomicUsize>,
}

impl Service<Request<()>> for Panics {
    type Response = Response<Scripted>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Response<Scripted>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(!self.when_asked, "not even ready");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        std::panic::panic_any(404_u16)
    }
}

#[tokio::test]
async fn a_panic_before_the_future_is_returned_is_a_500() {
    for when_asked in [true, false] {
        let calls = Arc::new(AtomicUsize::new(0));
        let inner = Panics {
            when_asked,
            calls: Arc::clone(&calls),
        };
        let mut service = with_presentation().layer(inner);
        for _ in 0..2 {
            let ready = service.ready().await.unwrap();
            let response = read(ready.call(Request::new(())).await.unwrap()).await;
            problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
        }
        // A service that is not ready must not be called.
        let expected = if when_asked { 0 } else { 2 };
        assert_eq!(calls.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test]
async fn an_error_of_the_service_is_passed_on() {
    let inner = service_fn(async |_: Request<()>| Err::<Response<Scripted>, _>("closed"));
    let result = with_presentation()
        .layer(inner)
        .oneshot(Request::new(()))
        .await;
    assert_eq!(result.err(), Some("closed"));
}

#[test]
fn describes_itself_and_debug_omits_the_renderer() {
    let stack: Stack<_> = compose((with_presentation(),));
    let printed = stack.to_string();
    assert!(
        printed.contains("with_presentation  Present  500 when"),
        "{printed}"
    );
    assert_eq!(format!("{:?}", legacy()), "Placed(Presentation(renderer))");
}

const fn is_one_service_for_axum<S: Clone + Send + Sync + 'static>(_: &S) {}

#[test]
fn its_service_meets_the_bounds_of_axum() {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    is_one_service_for_axum(&compose((with_presentation(), legacy())).service(inner));
}
