//! A small collector receives the spans, as the protocol writes them.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode},
    routing::post,
};
use example_otlp::{api, exporter, subscriber};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, status::StatusCode as SpanStatus},
};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tower::ServiceExt;

fn attribute(span: &Span, name: &str) -> Option<String> {
    let mut all = span.attributes.iter();
    let found = all.find(|attribute| attribute.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_arrive_with_their_parents_and_without_secrets() {
    let (received, mut spans) = mpsc::unbounded_channel();
    let collect = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource in request.resource_spans {
            for scope in resource.scope_spans {
                for span in scope.spans {
                    received.send(span).unwrap();
                }
            }
        }
        StatusCode::OK
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/v1/traces", post(collect));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let provider = exporter(&collector).unwrap();
    let guard = tracing::subscriber::set_default(subscriber(&provider));
    let api = api(&["10.0.0.0/8"]).unwrap();
    let send = |target: &str, peer: [u8; 4]| {
        let request = Request::get(target)
            .header("host", "orders.example")
            .header("authorization", "Bearer s3cret")
            .header("cookie", "session=s3cret")
            .header(
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )
            .body(Body::empty())
            .unwrap();
        api.clone()
            .connected(SocketAddr::from((peer, 4321)))
            .oneshot(request)
    };
    // From the gateway, from a client, and one that fails.
    for (target, peer) in [
        ("/orders/7?token=s3cret", [10, 0, 0, 1]),
        ("/orders/8", [203, 0, 113, 9]),
        ("/orders/0", [10, 0, 0, 1]),
    ] {
        let response = send(target, peer).await.unwrap();
        // The span ends with the body.
        let body = http_body_util::BodyExt::collect(response.into_body());
        body.await.unwrap();
    }
    drop(guard);
    tokio::task::spawn_blocking(move || provider.shutdown().unwrap())
        .await
        .unwrap();

    let mut all = Vec::new();
    while let Ok(span) = spans.try_recv() {
        all.push(span);
    }
    assert_eq!(all.len(), 3, "{all:?}");
    let by_path = |path: &str| {
        let mut all = all.iter();
        all.find(|span| attribute(span, "url.path").as_deref() == Some(path))
            .unwrap_or_else(|| panic!("no span of {path}"))
    };

    let continued = by_path("/orders/7");
    assert_eq!(continued.name, "GET /orders/{id}");
    assert_eq!(hex(&continued.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&continued.parent_span_id), "b7ad6b7169203331");
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("server.address", "orders.example"),
        ("client.address", "10.0.0.1"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(attribute(continued, name).as_deref(), Some(value), "{name}");
    }
    // SERVER, in the protocol.
    assert_eq!(continued.kind, 2);
    assert!(attribute(continued, "request_id").is_some());

    // Any other caller starts a trace.
    let fresh = by_path("/orders/8");
    assert_ne!(hex(&fresh.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert!(fresh.parent_span_id.is_empty());

    let failed = by_path("/orders/0");
    assert_eq!(attribute(failed, "error.type").as_deref(), Some("500"));
    let status = failed.status.as_ref().map(|status| status.code());
    assert_eq!(status, Some(SpanStatus::Error));

    assert!(!format!("{all:?}").contains("s3cret"));
}
