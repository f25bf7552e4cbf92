//! What an upstream and the log learn of a request: its id, its trace, and never the key.

use axum::{Router, body::Body, routing::any};
use http::{HeaderName, Request, header};
use wythe::{
    Problem, RequestIds, Secret, Trace, compose, proxy, proxy::Upstream, with_request_id,
    with_trace,
};

use super::{get, read_head, scripted, send, serve, status, upstream};
use crate::common::spans::Spans;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The value of a field in a head.
fn field<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| value).collect()
}

#[tokio::test]
async fn the_id_and_the_trace_of_the_request_go_on() {
    let (url, mut heads) = scripted(OK).await;
    let (spans, _guard) = Spans::listen();
    let trusted = || Trace::new().continue_from(["127.0.0.1"]).unwrap();
    let stack = compose((with_request_id(RequestIds::new()), with_trace(trusted())));
    let handler = compose(()).handler(proxy(upstream(&url)).unwrap());
    let front = serve(Router::new().route("/", any(handler)).layer(stack)).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-Id: chosen-by-the-client\r\n\
         traceparent: 00-{trace}-b7ad6b7169203331-01\r\ntracestate: vendor=1\r\n\r\n"
    );
    let answer = send(front, &request).await;
    assert_eq!(status(&answer), "200", "{answer}");
    let head = heads.recv().await.unwrap();

    // The id that the client gets, and not the one that it has sent.
    let id = field(&answer, "x-request-id");
    assert_eq!(field(&head, "x-request-id"), id, "{head}");
    assert!(!head.contains("chosen-by-the-client"), "{head}");

    // The same trace; the parent is the span of this request.
    let parents = field(&head, "traceparent");
    let parts: Vec<_> = parents[0].split('-').collect();
    assert_eq!(
        (parents.len(), parts[1], parts[3]),
        (1, trace, "01"),
        "{head}"
    );
    assert_ne!(parts[2], "b7ad6b7169203331");
    assert_eq!(field(&head, "tracestate"), ["vendor=1"]);
    let span = spans.only();
    assert_eq!(span["trace_id"], trace);
    assert_eq!(span["request_id"], id[0]);
}

#[tokio::test]
async fn without_the_layers_the_fields_of_the_client_go_on() {
    let (url, mut heads) = scripted(OK).await;
    let handler = compose(()).handler(proxy(upstream(&url)).unwrap());
    let front = serve(Router::new().route("/", any(handler))).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-Id: mine\r\n\
         traceparent: {parent}\r\n\r\n"
    );
    assert_eq!(status(&send(front, &request).await), "200");
    let head = heads.recv().await.unwrap();
    assert_eq!(field(&head, "x-request-id"), ["mine"]);
    assert_eq!(field(&head, "traceparent"), [parent]);
}

/// Everything that is logged, by all crates at all levels, while calls succeed and fail in each way.
#[tokio::test]
async fn the_key_is_in_no_event_no_span_and_no_problem() {
    const KEY: &str = "swordfish";
    let with_key = |url: &str| {
        let key = Secret::new(format!("Bearer {KEY}"));
        let other = Secret::new(KEY.to_owned());
        Upstream::new(url)
            .unwrap()
            .credential(header::AUTHORIZATION, &key)
            .and_then(|upstream| upstream.credential(HeaderName::from_static("x-api-key"), &other))
            .and_then(|upstream| upstream.timeout(std::time::Duration::from_millis(200)))
            .unwrap()
            .max_response(10)
    };
    let (spans, _guard) = Spans::listen();
    let silent = super::raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut urls = vec![("502", "http://127.0.0.1:1".to_owned()), ("504", silent)];
    let mut received = Vec::new();
    for (expected, answer) in [
        ("200", OK),
        ("502", "nonsense\r\n\r\n"),
        ("502", ""),
        (
            "502",
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "502",
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
        ),
        (
            "500",
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno",
        ),
        (
            "401",
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno",
        ),
    ] {
        let (url, heads) = scripted(answer).await;
        urls.push((expected, url));
        received.push(heads);
    }
    for (expected, url) in urls {
        let handler = proxy(with_key(&url)).unwrap();
        // Within the process, where the problem still has its cause.
        let response = handler.forward(Request::new(Body::empty())).await;
        assert_eq!(response.status().as_str(), expected, "{url}");
        let problem = response.extensions().get::<Problem>();
        assert!(!format!("{response:?} {problem:?}").contains(KEY), "{url}");

        let app = Router::new().route("/", any(compose(()).handler(handler)));
        let front = serve(app.layer(compose(with_trace(Trace::new())))).await;
        let answer = get(front, "/").await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(!answer.contains(KEY), "{answer}");
    }
    // They did get it.
    for mut heads in received {
        let head = heads.recv().await.unwrap();
        assert_eq!(field(&head, "authorization"), [format!("Bearer {KEY}")]);
        assert_eq!(field(&head, "x-api-key"), [KEY]);
    }
    let (events, spans) = (
        format!("{:?}", spans.events()),
        format!("{:?}", spans.spans()),
    );
    assert!(events.contains("upstream_timeout"), "{events}");
    assert!(!events.contains(KEY), "{events}");
    assert!(!spans.contains(KEY), "{spans}");
}
