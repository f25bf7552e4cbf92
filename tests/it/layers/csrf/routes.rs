//! In axum: the matched route decides what is exempt, and handshakes are checked.

use axum::{
    Router,
    body::Body,
    routing::{any, post},
};
use bytes::Bytes;
use http::{Request, Response};
use tower::ServiceExt;
use wythe::{Csrf, compose, with_csrf};

use crate::common::read;

async fn done() -> &'static str {
    "done"
}

/// The response to a request from another site.
async fn forged(app: Router, method: &str, path: &str) -> Response<Bytes> {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("host", "example.com")
        .header("sec-fetch-site", "cross-site")
        .header("origin", "https://evil.example");
    read(
        app.oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap(),
    )
    .await
}

fn exempt(routes: &[&str]) -> Csrf {
    Csrf::same_origin().exempt(routes).unwrap()
}

#[tokio::test]
async fn the_matched_route_is_exempt_whatever_its_parameters() {
    let app = Router::new()
        .route("/hooks/{name}", post(done))
        .route("/hooks/{name}/log", post(done))
        .route("/hooks/fixed", post(done))
        .route("/files/{*rest}", post(done))
        .route("/transfer", post(done))
        .fallback(done)
        .layer(compose((with_csrf(exempt(&[
            "/hooks/{name}",
            "/files/{*rest}",
        ])),)));
    let cases = [
        ("/hooks/pay", 200),
        ("/hooks/%70ay", 200),
        ("/hooks/transfer", 200),
        ("/files/a/b", 200),
        ("/hooks/fixed", 403),
        ("/hooks/pay/log", 403),
        ("/hooks/pay/", 403),
        ("/hooks/{name}/", 403),
        ("/hooks", 403),
        ("/transfer", 403),
        ("/hooks/../transfer", 403),
        ("//hooks/pay", 403),
        ("/nowhere", 403),
    ];
    for (path, status) in cases {
        let response = forged(app.clone(), "POST", path).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_nested_route_is_named_by_its_full_path() {
    let app = |route: &str| {
        let inner = Router::new()
            .route("/hooks", post(done))
            .fallback(done)
            .layer(compose((with_csrf(exempt(&[route])),)));
        Router::new().nest("/admin", inner)
    };
    let cases = [
        ("/hooks", "/admin/hooks", 403),
        ("/admin/hooks", "/admin/hooks", 200),
        // Without a route, the whole path is compared.
        ("/other", "/admin/other", 403),
        ("/admin/other", "/admin/other", 200),
    ];
    for (route, path, status) in cases {
        let response = forged(app(route), "POST", path).await;
        assert_eq!(response.status(), status, "{route} {path}");
    }
}

#[tokio::test]
async fn the_route_is_also_known_around_a_single_handler() {
    let stack = || compose((with_csrf(exempt(&["/hooks/{name}"])),));
    let app = Router::new()
        .route("/hooks/{name}", post(stack().handler(done)))
        .route("/transfer", post(stack().handler(done)));
    let hook = forged(app.clone(), "POST", "/hooks/pay").await;
    assert_eq!(hook.status(), 200);
    assert_eq!(forged(app, "POST", "/transfer").await.status(), 403);
}

#[tokio::test]
async fn only_pages_of_the_same_origin_can_open_a_websocket() {
    let app = Router::new()
        .route("/chat", any(done))
        .layer(compose((with_csrf(Csrf::same_origin()),)));
    for (origin, status) in [("https://example.com", 200), ("https://evil.example", 403)] {
        let request = Request::get("/chat")
            .header("host", "example.com")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", origin);
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{origin}");
    }
    assert_eq!(forged(app.clone(), "GET", "/chat").await.status(), 200);
    let head = forged(app.clone(), "DELETE", "/chat").await;
    assert_eq!(head.status(), 403);
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn a_page_that_cors_allows_can_read_the_refusal() {
    use wythe::{Cors, with_cors};

    let cors = Cors::origins(["https://*.example"]);
    assert!(cors.is_err(), "nobody owns all of `example`");
    let cors = Cors::origins(["https://evil.example"])
        .unwrap()
        .credentials();
    let stack = compose((with_cors(cors), with_csrf(Csrf::same_origin())));
    let app = Router::new().route("/transfer", post(done)).layer(stack);
    let response = forged(app, "POST", "/transfer").await;
    assert_eq!(response.status(), 403);
    let allowed = &response.headers()["access-control-allow-origin"];
    assert_eq!(allowed, "https://evil.example");
}
