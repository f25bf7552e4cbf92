//! One layer at a time, around a handler that does nothing.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode},
    routing::{any, post},
};
use wythe::{
    BodyLimit, CacheControl, Cors, Csrf, Jwt, Methods, compose, with_auth, with_body_limit,
    with_cache_control, with_cors, with_csrf, with_methods, with_presentation, with_rate_limit,
    with_validation,
};
use wythe_bench_harness::{
    Case, answered,
    request::{AUDIENCE, ISSUER, ORIGIN, SECRET, create_user},
};

use crate::full_stack::{self, Claims, NewUser, large_quota};

const API: &str = "the README's stack, Api";
const API_CACHED: &str = "the README's stack, Api, cached token";

async fn bare() -> StatusCode {
    StatusCode::CREATED
}

async fn with_state(_: State<Arc<u64>>) -> StatusCode {
    StatusCode::CREATED
}

/// The router with the layer around the handler.
macro_rules! over_bare {
    ($name:literal, $($layer:expr)?) => {
        Case::answer($name, StatusCode::CREATED, create_user, || {
            let stack = compose(($($layer,)?));
            Router::new().route("/users", any(stack.handler(bare)))
        })
    };
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::answer("the bare handler", StatusCode::CREATED, create_user, || {
            Router::new().route("/users", any(bare))
        }),
        over_bare!("compose(()): no layer",),
        Case::answer(
            "the bare handler, with a state",
            StatusCode::CREATED,
            create_user,
            || {
                let route = any(with_state);
                Router::new().route("/users", route).with_state(Arc::new(7))
            },
        ),
        Case::answer(
            "no layer, with a state",
            StatusCode::CREATED,
            create_user,
            || {
                let route = any(compose(()).handler(with_state));
                Router::new().route("/users", route).with_state(Arc::new(7))
            },
        ),
        over_bare!("with_cors", {
            let cors = Cors::origins([ORIGIN]).expect("an origin");
            with_cors(cors.credentials())
        }),
        over_bare!("with_presentation", with_presentation()),
        over_bare!("with_methods", {
            let methods = Methods::list([Method::POST]).expect("methods");
            with_methods(methods)
        }),
        over_bare!("with_rate_limit, by peer", {
            with_rate_limit(large_quota().by_peer().expect("a quota"))
        }),
        over_bare!("with_csrf", {
            let csrf = Csrf::same_origin().trust_origins([ORIGIN]);
            with_csrf(csrf.expect("an origin"))
        }),
        over_bare!("with_auth, HS256", {
            let jwt = Jwt::<Claims>::hs256(SECRET).expect("a secret");
            with_auth(jwt.issuer(ISSUER).audience(AUDIENCE))
        }),
        over_bare!(
            "with_body_limit",
            with_body_limit(BodyLimit::bytes(1_000_000))
        ),
        over_bare!("with_body_limit, with times", {
            let limit = BodyLimit::bytes(1_000_000).idle(Duration::from_secs(5));
            with_body_limit(limit.expect("a time"))
        }),
        over_bare!("with_validation, JSON", with_validation::<Json<NewUser>>()),
        over_bare!(
            "with_cache_control",
            with_cache_control(CacheControl::no_store())
        ),
        Case::answer(
            "the README's stack",
            StatusCode::CREATED,
            create_user,
            full_stack::app_without_cache,
        ),
        Case::answer(
            "the README's stack, cached token",
            StatusCode::CREATED,
            create_user,
            full_stack::app,
        ),
        Case::part(API, || {
            answered(
                API,
                full_stack::api_without_cache(),
                create_user(),
                StatusCode::CREATED,
            )
        }),
        Case::part(API_CACHED, || {
            answered(
                API_CACHED,
                full_stack::api(),
                create_user(),
                StatusCode::CREATED,
            )
        }),
        Case::answer(
            "axum's Json, for comparison",
            StatusCode::CREATED,
            create_user,
            || Router::new().route("/users", post(async |_: Json<NewUser>| StatusCode::CREATED)),
        ),
    ];
    #[cfg(feature = "api-key")]
    cases.push(api_key());
    #[cfg(feature = "session")]
    cases.push(session());
    cases.extend(admission());
    cases.extend(observed());
    cases.extend(conditional());
    cases
}

/// The request's token used as a key, so that the request is the same.
#[cfg(feature = "api-key")]
fn api_key() -> Case {
    over_bare!("with_auth, API key", {
        let request = create_user();
        let field = request.headers()["authorization"].to_str().expect("ASCII");
        let key = field.strip_prefix("Bearer ").expect("a bearer token");
        let hash = wythe::auth::ApiKeyHash::of(key).expect("a key");
        let keys = wythe::ApiKey::list([(hash, "acme")]).expect("a list");
        with_auth(keys.bearer())
    })
}

#[cfg(feature = "session")]
fn sessions() -> wythe::Sessions<String> {
    let key = wythe::auth::SessionKey::new(SECRET).expect("a key");
    wythe::Sessions::encrypted([key]).expect("sessions")
}

/// An encrypted session that has just started.
#[cfg(feature = "session")]
fn session() -> Case {
    use std::{pin::pin, task};

    use axum::{
        body::Bytes,
        http::{HeaderValue, Request, header},
    };

    fn signed_in() -> Request<Bytes> {
        let (sessions, data) = (sessions(), "alice".to_owned());
        let login = pin!(sessions.login(&data));
        let mut context = task::Context::from_waker(task::Waker::noop());
        let task::Poll::Ready(Ok(cookie)) = login.poll(&mut context) else {
            panic!("nothing to wait for")
        };
        let mut request = create_user();
        let cookie = format!("{}={}", cookie.name(), cookie.value());
        let cookie = HeaderValue::try_from(cookie).expect("a field");
        request.headers_mut().insert(header::COOKIE, cookie);
        request
    }
    Case::answer(
        "with_auth, encrypted session",
        StatusCode::CREATED,
        signed_in,
        || {
            let stack = compose((with_auth(sessions()),));
            Router::new().route("/users", any(stack.handler(bare)))
        },
    )
}

/// Layers that are not default features: `--features full`.
#[cfg(feature = "full")]
fn admission() -> Vec<Case> {
    use tower::limit::GlobalConcurrencyLimitLayer;
    use wythe::{
        ConcurrencyLimit, Deprecation, Drain, Hosts, HttpsOnly, Languages, MediaTypes, Metrics,
        SecurityHeaders, Timeout, Transport, Versions, layer, security_headers::Hsts,
        with_concurrency_limit, with_deprecation, with_drain, with_hosts, with_https_only,
        with_languages, with_load_shed, with_media_types, with_metrics, with_security_headers,
        with_timeout, with_version,
    };

    vec![
        over_bare!("with_concurrency_limit", {
            with_concurrency_limit(ConcurrencyLimit::of(100).expect("a limit"))
        }),
        over_bare!("with_concurrency_limit, by peer", {
            with_concurrency_limit(ConcurrencyLimit::of(100).expect("a limit").by_peer())
        }),
        over_bare!("with_load_shed", with_load_shed()),
        over_bare!("with_drain", with_drain(Drain::new())),
        over_bare!("with_metrics", with_metrics(Metrics::new())),
        Case::answer(
            "no layer, a request with `Host`",
            StatusCode::CREATED,
            with_host,
            || Router::new().route("/users", any(compose(()).handler(bare))),
        ),
        Case::answer("with_hosts", StatusCode::CREATED, with_host, || {
            let list = [
                "example.com",
                "*.example.com",
                "127.0.0.1:*",
                "[::1]:*",
                "localhost:*",
            ];
            let stack = compose(with_hosts(Hosts::list(list).expect("hosts")));
            Router::new().route("/users", any(stack.handler(bare)))
        }),
        over_bare!("with_https_only", {
            with_https_only(HttpsOnly::by(Transport::tls()))
        }),
        over_bare!("with_security_headers, api", {
            let year = Hsts::max_age(Duration::from_secs(31_536_000)).expect("a time");
            with_security_headers(SecurityHeaders::api().hsts(year, Transport::tls()))
        }),
        over_bare!("with_security_headers, html", {
            with_security_headers(SecurityHeaders::html())
        }),
        over_bare!("with_security_headers, html with a nonce", {
            let policy = SecurityHeaders::html_policy().script_nonce();
            let html = SecurityHeaders::html().content_security_policy(&policy);
            with_security_headers(html.expect("a policy"))
        }),
        over_bare!("with_version, by field, the default", {
            let versions = Versions::by_field("api-version", ["1", "2"]).expect("versions");
            with_version(versions.default_version("1").expect("a version"))
        }),
        over_bare!("with_version, by media type, the default", {
            let versions = Versions::by_media_type("vnd.example", ["1", "2"]).expect("versions");
            with_version(versions.default_version("1").expect("a version"))
        }),
        over_bare!("with_deprecation", {
            let old = Deprecation::since("2026-07-01").expect("a date");
            with_deprecation(old.sunset("2099-07-01").expect("a date"))
        }),
        over_bare!("with_media_types", {
            with_media_types(MediaTypes::list(["application/json", "text/csv"]).expect("types"))
        }),
        over_bare!("with_languages", {
            with_languages(Languages::list(["en", "de"]).expect("languages"))
        }),
        over_bare!("with_timeout", {
            with_timeout(Timeout::after(Duration::from_secs(10)).expect("a time"))
        }),
        over_bare!("with_timeout, idle", {
            let timeout = Timeout::after(Duration::from_secs(10)).expect("a time");
            with_timeout(timeout.idle(Duration::from_secs(10)).expect("a time"))
        }),
        over_bare!(
            "tower's global ConcurrencyLimit",
            layer(GlobalConcurrencyLimitLayer::new(100))
        ),
    ]
}

#[cfg(feature = "full")]
fn observed() -> Vec<Case> {
    use wythe::{Compression, RequestIds, Trace, with_compression, with_request_id, with_trace};

    vec![
        over_bare!("with_request_id", with_request_id(RequestIds::new())),
        // Without a subscriber, there is no span.
        over_bare!("with_trace, no subscriber", with_trace(Trace::new())),
        Case::answer(
            "1 kB of JSON, no layer",
            StatusCode::OK,
            accepting_gzip,
            || Router::new().route("/users", any(compose(()).handler(kilobyte))),
        ),
        Case::answer(
            "with_compression, 1 kB of JSON",
            StatusCode::OK,
            accepting_gzip,
            || {
                let stack = compose(with_compression(Compression::gzip()));
                Router::new().route("/users", any(stack.handler(kilobyte)))
            },
        ),
        Case::answer(
            "with_compression, not accepted",
            StatusCode::OK,
            create_user,
            || {
                let stack = compose(with_compression(Compression::gzip()));
                Router::new().route("/users", any(stack.handler(kilobyte)))
            },
        ),
    ]
}

#[cfg(not(feature = "full"))]
const fn observed() -> Vec<Case> {
    Vec::new()
}

/// `--features conditional`. The handlers have a tag, so these are compared with the first one.
#[cfg(feature = "conditional")]
fn conditional() -> Vec<Case> {
    use axum::{body::Bytes, http::Request};
    use wythe::{Conditional, ETag, ExpectedVersion, with_conditional};

    async fn show() -> (ETag, &'static str) {
        (ETag::version(7), "hello")
    }
    async fn replace(_: ExpectedVersion) -> (ETag, &'static str) {
        (ETag::version(8), "hello")
    }
    fn request(method: Method, field: Option<(&str, &str)>) -> Request<Bytes> {
        let mut request = Request::builder().method(method).uri("/users");
        if let Some((name, value)) = field {
            request = request.header(name, value);
        }
        request.body(Bytes::new()).expect("a request")
    }
    fn reads() -> Router {
        let stack = compose((with_conditional(Conditional::new()),));
        Router::new().route("/users", any(stack.handler(show)))
    }
    fn writes() -> Router {
        let policy = Conditional::new().current(|_| Some(ETag::version(7)));
        let stack = compose((with_conditional(policy.require_precondition()),));
        Router::new().route("/users", any(stack.handler(replace)))
    }

    let plain = || request(Method::GET, None);
    vec![
        Case::answer("a tag, no layer", StatusCode::OK, plain, || {
            Router::new().route("/users", any(compose(()).handler(show)))
        }),
        Case::answer("with_conditional, 200", StatusCode::OK, plain, reads),
        Case::answer(
            "with_conditional, 304",
            StatusCode::NOT_MODIFIED,
            || request(Method::GET, Some(("if-none-match", "\"7\""))),
            reads,
        ),
        Case::answer(
            "with_conditional, a write",
            StatusCode::OK,
            || request(Method::PUT, Some(("if-match", "\"7\""))),
            writes,
        ),
        Case::answer(
            "with_conditional, 412",
            StatusCode::PRECONDITION_FAILED,
            || request(Method::PUT, Some(("if-match", "\"6\""))),
            writes,
        ),
    ]
}

#[cfg(not(feature = "conditional"))]
const fn conditional() -> Vec<Case> {
    Vec::new()
}

/// Users, as JSON.
#[cfg(feature = "full")]
async fn kilobyte() -> Json<Vec<serde_json::Value>> {
    let users = (0..16)
        .map(|id| serde_json::json!({ "id": id, "name": "Ada", "email": "ada@example.com" }));
    Json(users.collect())
}

#[cfg(feature = "full")]
fn accepting_gzip() -> http::Request<bytes::Bytes> {
    let mut request = create_user();
    let gzip = http::HeaderValue::from_static("gzip");
    request
        .headers_mut()
        .insert(http::header::ACCEPT_ENCODING, gzip);
    request
}

#[cfg(feature = "full")]
fn with_host() -> http::Request<bytes::Bytes> {
    let mut request = create_user();
    let host = http::HeaderValue::from_static("localhost:3000");
    request.headers_mut().insert(http::header::HOST, host);
    request
}

#[cfg(not(feature = "full"))]
const fn admission() -> Vec<Case> {
    Vec::new()
}
