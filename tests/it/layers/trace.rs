//! The span of a request, the events in it, and the access log.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, body::Body as AxumBody, extract::Path as AxumPath, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use wythe::{
    Api, ClientIpSource, ManualClock, PeerAddr, Problem, RequestIds, Trace, TraceContext, compose,
    trace::TraceParent, with, with_client_ip, with_presentation, with_request_id, with_trace,
};

use crate::common::{
    Body, Closed, Ok200, empty, read,
    scripted::Scripted,
    spans::{Fields, Spans},
};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const PEER: [u8; 4] = [10, 0, 0, 5];

fn request(method: &str, uri: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .body(empty())
        .unwrap();
    let peer = PeerAddr(SocketAddr::from((PEER, 50_123)));
    request.extensions_mut().insert(peer);
    request
}

/// Sends one request to a handler that answers 200 `ok`.
async fn send<L, R>(layer: &L, request: Request<Body>) -> Response<Bytes>
where
    L: Layer<Ok200>,
    L::Service: Service<Request<Body>, Response = Response<R>, Error = Infallible>,
    R: http_body::Body<Error: std::fmt::Debug>,
{
    read(layer.layer(Ok200).oneshot(request).await.unwrap()).await
}

/// The fields of the span, without the ids, as a list of words.
fn field_lines(fields: &Fields) -> Vec<String> {
    let random = ["trace_id", "span_id", "request_id"];
    let fields = fields.iter().filter(|(name, _)| !random.contains(*name));
    fields
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[tokio::test]
async fn the_span_has_the_names_of_the_semantic_conventions() {
    let (spans, _guard) = Spans::listen();
    let mut request = request("GET", "/a/b?token=hunter2&page=2");
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.insert(header::HOST, "api.example.com:8443".parse().unwrap());
    headers.insert(header::USER_AGENT, "curl/8".parse().unwrap());
    headers.insert(header::AUTHORIZATION, "Bearer hunter2".parse().unwrap());
    headers.insert(header::COOKIE, "session=hunter2".parse().unwrap());
    send(&with_trace(Trace::new().scheme("https")), request).await;
    let expected = [
        "client.address=10.0.0.5",
        "http.request.method=GET",
        "http.response.status_code=200",
        "network.peer.address=10.0.0.5",
        "network.protocol.version=2",
        "otel.kind=server",
        "otel.name=GET",
        "server.address=api.example.com",
        "server.port=8443",
        "url.path=/a/b",
        "url.scheme=https",
        "user_agent.original=curl/8",
    ];
    let fields = spans.only();
    assert_eq!(field_lines(&fields), expected);
    assert!(!format!("{fields:?}{:?}", spans.events()).contains("hunter2"));
    assert_eq!((spans.open(), spans.entered()), (0, 0));
}

#[tokio::test]
async fn what_clients_choose_is_bounded() {
    let long = format!("/{}", "a".repeat(5_000));
    let cases = [
        ("GET", "/", "http.request.method", "GET"),
        ("QUERY", "/", "http.request.method", "_OTHER"),
        ("QUERY", "/", "http.request.method_original", "QUERY"),
        ("QUERY", "/", "otel.name", "HTTP"),
        ("get", "/", "http.request.method_original", "get"),
        ("GET", "https://a.example/x", "url.scheme", "https"),
        ("GET", "ftp://a.example/x", "url.scheme", "http"),
        ("GET", "http://a.example:81/x", "server.port", "81"),
        ("GET", "/%0a'b", "url.path", "/%0a'b"),
        ("GET", &long, "url.path", &format!("{}..", &long[..1_024])),
    ];
    for (method, uri, field, expected) in cases {
        let (spans, _guard) = Spans::listen();
        send(&with_trace(Trace::new()), request(method, uri)).await;
        assert_eq!(spans.only()[field], expected, "{method} {uri}");
    }
    let hosts = ["a b", "a\"b", "a/b", &"a".repeat(300)];
    for host in hosts {
        let (spans, _guard) = Spans::listen();
        let mut request = request("GET", "/");
        request
            .headers_mut()
            .insert(header::HOST, host.parse().unwrap());
        send(&with_trace(Trace::new()), request).await;
        assert!(!spans.only().contains_key("server.address"), "{host}");
    }
}

#[tokio::test]
async fn path_and_query_are_recorded_as_the_policy_says() {
    let cases = [
        (Trace::new(), Some("/reset/hunter2"), None),
        (Trace::new().without_path(), None, None),
        (
            Trace::new().query(["page"]),
            Some("/reset/hunter2"),
            Some("token=REDACTED&page=2"),
        ),
    ];
    for (trace, path, query) in cases {
        let (spans, _guard) = Spans::listen();
        let request = request("GET", "/reset/hunter2?token=a&page=2");
        send(&with_trace(trace), request).await;
        let fields = spans.only();
        assert_eq!(fields.get("url.path").map(String::as_str), path);
        assert_eq!(fields.get("url.query").map(String::as_str), query);
    }
}

/// Every way in which a request learns its route: in a router of axum, nested too, in an `Api`, and
/// around an `Api`.
#[tokio::test]
async fn the_span_has_the_route_and_is_named_for_it() {
    let traced = || compose((with_trace(Trace::new()),));
    let users = || Router::new().route("/users/{id}", get(async |_: AxumPath<u32>| "user"));
    let api = || {
        let handler = compose(()).handler(async || "user");
        Api::<()>::new("a", "1").get("/api/users/{id}", handler)
    };
    let routed = Router::new().nest("/api", users()).layer(traced());
    let inside = Api::<()>::new("a", "1")
        .around(traced())
        .get("/api/users/{id}", compose(()).handler(async || "user"));
    let inside = inside.service(()).unwrap();
    let around = traced().layer(api().service(()).unwrap());
    let ask = || {
        Request::get("/api/users/7")
            .body(AxumBody::empty())
            .unwrap()
    };

    let (spans, _guard) = Spans::listen();
    routed.oneshot(ask()).await.unwrap();
    inside.oneshot(ask()).await.unwrap();
    around.oneshot(ask()).await.unwrap();
    let all = spans.spans();
    assert_eq!(all.len(), 3);
    for (place, fields) in all.iter().enumerate() {
        assert_eq!(fields["http.route"], "/api/users/{id}", "{place}");
        assert_eq!(fields["otel.name"], "GET /api/users/{id}", "{place}");
    }
}

#[tokio::test]
async fn the_client_is_the_one_that_with_client_ip_finds() {
    let (spans, _guard) = Spans::listen();
    let source = ClientIpSource::x_forwarded_for(["10.0.0.0/24"]).unwrap();
    let stack = compose((with_trace(Trace::new()), with_client_ip(source)));
    let mut request = request("GET", "/");
    request
        .headers_mut()
        .insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    send(&stack, request).await;
    let fields = spans.only();
    assert_eq!(fields["client.address"], "203.0.113.9");
    assert_eq!(fields["network.peer.address"], "10.0.0.5");
}

#[tokio::test]
async fn the_request_id_is_recorded_in_either_order() {
    let ids = || with_request_id(RequestIds::new().dangerously_from_everybody());
    let trace = || with_trace(Trace::new());
    let ask = || {
        let mut request = request("GET", "/");
        request
            .headers_mut()
            .insert("x-request-id", "the-id".parse().unwrap());
        request
    };
    let (spans, _guard) = Spans::listen();
    send(&compose((ids(), trace())), ask()).await;
    send(&compose((trace(), ids())), ask()).await;
    for fields in spans.spans() {
        assert_eq!(fields["request_id"], "the-id");
    }
}

/// The fields of a line of the access log, without the time.
fn line(fields: &Fields) -> String {
    let names = [
        "message",
        "http.response.status_code",
        "http.response.body.size",
        "error.type",
    ];
    let shown = names.iter().filter_map(|name| fields.get(name));
    shown.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// What the server does with a response.
#[derive(Clone, Copy)]
enum Server {
    /// Reads the body until there is no more.
    ReadsAll,
    /// Reads this number of frames, and drops the body.
    Reads(usize),
}

async fn access_of(method: &str, answer: Response<Scripted>, server: Server) -> (String, Fields) {
    let (spans, _guard) = Spans::listen();
    let mut answer = Some(answer);
    let mut service = with_trace(Trace::new()).layer(service_fn(move |_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(answer.take().unwrap()))
    }));
    let response = service.call(request(method, "/")).await.unwrap();
    let mut body = response.into_body();
    let frames = match server {
        Server::ReadsAll => usize::MAX,
        Server::Reads(frames) => frames,
    };
    for _ in 0..frames {
        if !matches!(body.frame().await, Some(Ok(_))) {
            break;
        }
    }
    drop(body);
    assert_eq!((spans.open(), spans.entered()), (0, 0));
    let access = spans.access();
    assert_eq!(access.len(), 1, "{access:?}");
    (
        format!("{} {}", access[0].level, line(&access[0].fields)),
        spans.only(),
    )
}

fn answer(status: u16, body: Scripted) -> Response<Scripted> {
    Response::builder().status(status).body(body).unwrap()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn the_access_log_says_what_became_of_a_response() {
    use Server::{Reads, ReadsAll};

    let two = |length| Scripted::data(&[b"abc", b"de"], length);
    let none = || Scripted::data(&[], Some(0));
    let fails = || two(None).then(Err("broken"));
    let with_length = || {
        let mut response = answer(200, two(None));
        response.headers_mut().insert("content-length", 5.into());
        response
    };
    let down = || {
        Problem::unavailable("down")
            .into_response()
            .map(Scripted::from)
    };
    let cases = [
        (
            "whole",
            "GET",
            answer(200, two(None)),
            ReadsAll,
            "INFO answered 200 5",
        ),
        (
            "no body",
            "GET",
            answer(404, none()),
            ReadsAll,
            "INFO answered 404 0",
        ),
        // A server asks for no more than the length.
        (
            "length",
            "GET",
            answer(200, two(Some(5))),
            Reads(2),
            "INFO answered 200 5",
        ),
        (
            "field",
            "GET",
            with_length(),
            Reads(2),
            "INFO answered 200 5",
        ),
        (
            "HEAD",
            "HEAD",
            answer(200, two(Some(5))),
            Reads(0),
            "INFO answered 200 0",
        ),
        (
            "304",
            "GET",
            answer(304, two(Some(5))),
            Reads(0),
            "INFO answered 304 0",
        ),
        (
            "101",
            "GET",
            answer(101, two(None)),
            Reads(0),
            "INFO answered 101 0",
        ),
        (
            "the client disconnects",
            "GET",
            answer(200, two(None)),
            Reads(1),
            "INFO client disconnected 200 3 client_disconnected",
        ),
        (
            "the client disconnects at once",
            "GET",
            answer(200, two(Some(5))),
            Reads(0),
            "INFO client disconnected 200 0 client_disconnected",
        ),
        (
            "body",
            "GET",
            answer(200, fails()),
            ReadsAll,
            "ERROR failed 200 5 response_body",
        ),
        (
            "500",
            "GET",
            answer(500, none()),
            ReadsAll,
            "INFO answered 500 0 500",
        ),
        (
            "reason",
            "GET",
            down(),
            ReadsAll,
            "INFO answered 503 65 unavailable",
        ),
    ];
    for (name, method, response, server, expected) in cases {
        let (line, span) = access_of(method, response, server).await;
        assert_eq!(line, expected, "{name}");
        let error = span.get("error.type").map(String::as_str);
        assert!(
            error.is_none_or(|error| expected.ends_with(error)),
            "{name}"
        );
        let is_error = span.contains_key("otel.status_code");
        let expected = error.is_some_and(|error| error != "client_disconnected");
        assert_eq!(is_error, expected, "{name}");
    }
}

#[tokio::test]
async fn the_access_log_has_the_time_that_a_response_took() {
    let clock = ManualClock::default();
    let (spans, _guard) = Spans::listen();
    let later = clock.clone();
    let layer = with_trace(Trace::new().clock(&clock));
    let mut service = layer.layer(service_fn(move |_: Request<Body>| {
        later.advance(Duration::from_micros(12_345));
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::default())))
    }));
    drop(service.call(request("GET", "/")).await);
    assert_eq!(spans.access()[0].fields["duration_ms"], "12.345");
}

/// A request that is dropped at any time has one line, and its span ends.
#[tokio::test]
async fn a_request_that_is_dropped_is_in_the_log() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            tracing::info!("dropped");
        }
    }
    for polls in 0..3 {
        let (spans, _guard) = Spans::listen();
        let mut service = with_trace(Trace::new()).layer(service_fn(async |_: Request<Body>| {
            let _guard = Guard;
            tracing::info!("started");
            std::future::pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Body::default()))
        }));
        {
            let mut future = pin!(service.call(request("GET", "/")));
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                assert!(matches!(future.as_mut().poll(&mut cx), Poll::Pending));
                assert_eq!(spans.entered(), 0);
            }
        }
        assert_eq!((spans.open(), spans.entered()), (0, 0));
        let access = spans.access();
        assert_eq!(access.len(), 1, "{polls}");
        assert_eq!(
            line(&access[0].fields),
            "client disconnected 0 client_disconnected"
        );
        // All of them are in the span, also the one of the drop.
        let events = spans.events();
        assert_eq!(events.len(), if polls == 0 { 1 } else { 3 }, "{events:?}");
        assert!(
            events.iter().all(|event| event.span == Some(0)),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_not_a_client_that_disconnects() {
    let (spans, _guard) = Spans::listen();
    let app: Router = Router::new()
        .route("/", get(async || -> &'static str { panic!("out of luck") }))
        .layer(compose((with_trace(Trace::new()),)));
    let ask = || Request::get("/").body(AxumBody::empty()).unwrap();
    let crash = std::panic::AssertUnwindSafe(app.oneshot(ask()));
    let mut crash = Box::pin(crash.0);
    let poll = std::panic::AssertUnwindSafe(|| {
        crash
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    });
    drop(std::panic::catch_unwind(poll).unwrap_err());
    drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(
        || drop(crash),
    )));
    let access = spans.access();
    assert_eq!(access.len(), 1);
    assert_eq!(access[0].level, "ERROR");
    assert_eq!(line(&access[0].fields), "failed 0 panic");
    assert_eq!(spans.open(), 0);
}

#[tokio::test]
async fn every_5xx_is_one_error_and_in_the_span() {
    let app: Router = Router::new()
        .route(
            "/crash",
            get(async || -> &'static str { panic!("out of luck") }),
        )
        .route("/text", get(async || (StatusCode::BAD_GATEWAY, "db-7")))
        .route(
            "/problem",
            get(async || Err::<(), _>(Problem::internal("db-7"))),
        )
        .layer(compose((with_trace(Trace::new()), with_presentation())));
    for path in ["/crash", "/text", "/problem"] {
        let (spans, _guard) = Spans::listen();
        let request = Request::get(path).body(AxumBody::empty()).unwrap();
        read(app.clone().oneshot(request).await.unwrap()).await;
        let events = spans.events();
        let errors = events.iter().filter(|event| event.level == "ERROR").count();
        assert_eq!(errors, 1, "{events:?}");
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(
            events.iter().all(|event| event.span == Some(0)),
            "{events:?}"
        );
        assert_eq!(spans.only()["otel.status_code"], "ERROR");
    }
}

#[tokio::test]
async fn refusals_are_events_in_the_span() {
    let (spans, _guard) = Spans::listen();
    let refusal = Problem::new(StatusCode::TOO_MANY_REQUESTS).reason("quota");
    let stack = compose((with_trace(Trace::new()), with(Closed(refusal))));
    send(&stack, request("GET", "/")).await;
    let events = spans.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].fields["reason"], "quota");
    assert!(events.iter().all(|event| event.span == Some(0)));
    // It is not an error of the server.
    assert!(!spans.only().contains_key("error.type"));
}

#[tokio::test]
async fn an_error_of_the_service_is_in_the_log() {
    let (spans, _guard) = Spans::listen();
    let mut service = with_trace(Trace::new()).layer(service_fn(async |_: Request<Body>| {
        Err::<Response<Body>, _>("down")
    }));
    assert_eq!(service.call(request("GET", "/")).await.err(), Some("down"));
    let access = spans.access();
    assert_eq!(access.len(), 1);
    assert_eq!(access[0].level, "ERROR");
    assert_eq!(line(&access[0].fields), "failed 0 service_error");
}

/// The trace that the handler gets of a request with these fields.
async fn context_of(
    trace: Trace,
    fields: &[(&'static str, &str)],
) -> (TraceContext, Option<Fields>) {
    let (spans, _guard) = Spans::listen();
    let mut request = request("GET", "/");
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let layer = with_trace(trace);
    let mut service = layer.layer(service_fn(async |request: Request<Body>| {
        let context: &TraceContext = request.extensions().get().unwrap();
        let mut response = Response::new(Body::default());
        response.extensions_mut().insert(context.clone());
        Ok::<_, Infallible>(response)
    }));
    let response = service.call(request).await.unwrap();
    let context = response.extensions().get::<TraceContext>().unwrap().clone();
    drop(response);
    (context, spans.spans().pop())
}

#[tokio::test]
async fn a_trace_is_continued_only_from_trusted_peers() {
    let of_peers = |network| Trace::new().continue_from([network]).unwrap();
    let cases = [
        ("by default", Trace::new(), false),
        ("another network", of_peers("192.0.2.0/24"), false),
        ("a trusted peer", of_peers("10.0.0.0/24"), true),
        (
            "everybody",
            Trace::new().dangerously_continue_from_everybody(),
            true,
        ),
    ];
    let fields = [
        ("traceparent", CALLER),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ];
    for (name, trace, continues) in cases {
        let (context, span) = context_of(trace, &fields).await;
        let span = span.unwrap();
        let caller = context.caller().unwrap();
        assert_eq!(caller.to_string(), CALLER, "{name}");
        assert_eq!(context.trace_id() == caller.trace_id(), continues, "{name}");
        assert_eq!(context.is_sampled(), continues, "{name}");
        assert_ne!(context.span_id(), caller.span_id(), "{name}");
        assert_eq!(
            context.parent_id(),
            continues.then(|| caller.span_id()),
            "{name}"
        );
        let state = context.tracestate().map(|state| state.to_str().unwrap());
        assert_eq!(state, continues.then_some("a=1,b=2"), "{name}");
        assert_eq!(span["trace_id"], context.trace_id().to_string(), "{name}");
        assert_eq!(span["span_id"], context.span_id().to_string(), "{name}");
        let field = |name: &str| span.get(name).map(String::as_str);
        assert_eq!(
            field("parent_span_id"),
            continues.then_some("00f067aa0ba902b7")
        );
        let other = (!continues).then_some("4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(field("caller_trace_id"), other, "{name}");
    }
}

#[tokio::test]
async fn an_invalid_traceparent_starts_a_new_trace_without_the_state() {
    let trace = || Trace::new().dangerously_continue_from_everybody();
    for invalid in ["", "00-1-2-3", &CALLER.to_uppercase()] {
        let fields = [("traceparent", invalid), ("tracestate", "a=1")];
        let (context, _) = context_of(trace(), &fields).await;
        assert!(context.caller().is_none() && context.parent_id().is_none());
        assert!(context.tracestate().is_none());
    }
}

#[tokio::test]
async fn a_call_to_another_service_is_a_part_of_its_own() {
    let trace = Trace::new().dangerously_continue_from_everybody();
    let (context, _) = context_of(trace, &[("traceparent", CALLER), ("tracestate", "a=1")]).await;
    let mut headers = HeaderMap::new();
    headers.insert("tracestate", "old=1".parse().unwrap());
    let child = context.child();
    child.write_to(&mut headers);
    let written = TraceParent::parse(headers["traceparent"].as_bytes()).unwrap();
    assert_eq!(written.trace_id(), context.trace_id());
    assert_eq!(written.span_id(), child.span_id());
    assert_ne!(written.span_id(), context.span_id());
    assert_eq!(child.parent_id(), Some(context.span_id()));
    assert!(written.is_sampled());
    assert_eq!(headers["tracestate"], "a=1");

    let (new, _) = context_of(Trace::new(), &[]).await;
    new.write_to(&mut headers);
    assert!(!headers.contains_key("tracestate"));
    assert!(headers["traceparent"].to_str().unwrap().ends_with("-00"));
}

#[tokio::test]
async fn an_exporter_chooses_the_ids() {
    let own = TraceParent::parse(CALLER.as_bytes()).unwrap();
    let trace = Trace::new().exported_by(move |span, _| {
        span.record("request_id", "seen");
        Some(own)
    });
    let (context, span) = context_of(trace, &[]).await;
    assert_eq!(context.traceparent(), &own);
    let span = span.unwrap();
    assert_eq!(span["trace_id"], own.trace_id().to_string());
    assert_eq!(span["span_id"], own.span_id().to_string());
    assert_eq!(span["request_id"], "seen");
}

/// Without a subscriber, handlers have the trace all the same.
#[tokio::test]
async fn the_trace_does_not_depend_on_a_subscriber() {
    let layer = with_trace(Trace::new().dangerously_continue_from_everybody());
    let mut request = request("GET", "/");
    request
        .headers_mut()
        .insert("traceparent", CALLER.parse().unwrap());
    let mut service = layer.layer(service_fn(async |request: Request<Body>| {
        let context: &TraceContext = request.extensions().get().unwrap();
        let trace = context.trace_id().to_string();
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(trace)))
    }));
    let response = read(service.call(request).await.unwrap()).await;
    assert_eq!(response.body(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn a_wrong_configuration_is_an_error() {
    let error = Trace::new()
        .continue_from(["::/0"])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("Trace: every address is trusted"),
        "{error}"
    );
}
