//! The layer beside others.

use axum::{
    Json, Router,
    body::Body,
    routing::{get, put},
};
use http::{Request, StatusCode};
use tower::ServiceExt;
use wythe::{
    CacheControl, Conditional, Cors, ETag, ExpectedVersion, Idempotency, Problem, compose,
    with_cache_control, with_conditional, with_cors, with_idempotency,
};

async fn settings() -> (ETag, Json<&'static str>) {
    (ETag::version(7), Json("dark"))
}

fn ask(fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn cache_control_stands_on_either_side() {
    let caching = with_cache_control(CacheControl::private().no_cache());
    let conditional = with_conditional(Conditional::new());
    let outside = compose((caching.clone(), conditional.clone()));
    let inside = compose((conditional, caching));
    for handler in [
        get(outside.handler(settings)),
        get(inside.handler(settings)),
    ] {
        let app: Router = Router::new().route("/", handler);
        for (tag, status) in [("\"7\"", 304), ("\"6\"", 200)] {
            let response = app.clone().oneshot(ask(&[("if-none-match", tag)]));
            let response = response.await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["cache-control"], "private, no-cache");
            assert_eq!(response.headers()["etag"], "\"7\"");
        }
        let failed = app.oneshot(ask(&[("if-match", "\"6\"")])).await.unwrap();
        assert_eq!(failed.status(), 412);
    }
}

#[tokio::test]
async fn a_304_has_the_fields_of_layers_outside() {
    let stack = compose((
        with_cors(Cors::origins(["https://app.example.com"]).unwrap()),
        with_conditional(Conditional::new()),
    ));
    let app: Router = Router::new().route("/", get(stack.handler(settings)));
    let fields = [
        ("if-none-match", "\"7\""),
        ("origin", "https://app.example.com"),
    ];
    let response = app.oneshot(ask(&fields)).await.unwrap();
    assert_eq!(response.status(), 304);
    let allowed = &response.headers()["access-control-allow-origin"];
    assert_eq!(allowed, "https://app.example.com");
}

/// Writes are never compared after the handler: it has written by then.
#[tokio::test]
async fn the_response_to_a_write_is_not_compared() {
    async fn replace(_: ExpectedVersion) -> (ETag, Json<&'static str>) {
        (ETag::version(8), Json("light"))
    }
    let policy = Conditional::new().current(|_| Some(ETag::version(7)));
    let stack = compose(with_conditional(policy));
    let app: Router = Router::new().route("/", put(stack.handler(replace)));
    for (name, tag) in [("if-match", "\"7\""), ("if-none-match", "\"8\"")] {
        let request = Request::put("/").header(name, tag);
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["etag"], "\"8\"");
    }
}

#[tokio::test]
async fn idempotency_keeps_no_412_and_repeats_what_was_written() {
    async fn patch(expected: ExpectedVersion) -> Result<&'static str, Problem> {
        expected.version().map(|_| "patched")
    }
    let policy = Conditional::new().current(|_| Some(ETag::version(7)));
    let stack = compose((
        with_idempotency(Idempotency::in_memory().dangerously_shared()),
        with_conditional(policy),
    ));
    let app: Router = Router::new().route("/", axum::routing::patch(stack.handler(patch)));
    let send = |key: &'static str, tag: &'static str| {
        let request = Request::patch("/")
            .header("idempotency-key", key)
            .header("if-match", tag);
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let status = |response: http::Response<Body>| {
        let is_replayed = response.headers().contains_key("idempotent-replayed");
        (response.status(), is_replayed)
    };
    let stale = StatusCode::PRECONDITION_FAILED;
    let got = status(send("one", "\"6\"").await.unwrap());
    assert_eq!(got, (stale, false));
    let again = status(send("one", "\"6\"").await.unwrap());
    assert_eq!(again, (stale, false));
    let fresh = status(send("two", "\"7\"").await.unwrap());
    assert_eq!(fresh, (StatusCode::OK, false));
    let repeated = status(send("two", "\"7\"").await.unwrap());
    assert_eq!(repeated, (StatusCode::OK, true));
}
