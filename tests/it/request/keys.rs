//! Which requests a limit counts together.

use std::net::IpAddr;

use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{any, get},
};
use http::{HeaderValue, Method, Request, StatusCode, request::Parts};
use tower::ServiceExt;
use wythe::{
    Auth, ClientIp, Later, Problem, Quota, RateLimit, RequestHead, assume,
    auth::{Authenticate, Verdict},
    compose,
    key::{self, AddressPart, Key, RoutePart},
    rate_limit::Limiter,
    stage, with_auth, with_rate_limit,
};

/// One request for each key.
fn once() -> wythe::rate_limit::Quotas {
    RateLimit::of([Quota::per_day(1)]).unwrap()
}

fn request(method: &str, uri: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    request.body(Body::empty()).unwrap()
}

async fn call(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

/// Sends the requests and returns their statuses.
async fn statuses(app: &Router, requests: &[(&str, &str)]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (method, uri) in requests {
        statuses.push(call(app, request(method, uri)).await.status().as_u16());
    }
    statuses
}

fn cause(response: &Response) -> String {
    let problem = response.extensions().get::<Problem>().unwrap();
    problem.cause().unwrap().to_string()
}

async fn ok() -> &'static str {
    "ok"
}

#[derive(Clone)]
struct User {
    tenant: u32,
    name: String,
}

/// Accepts any `tenant/name` without verifying it.
struct Badge;

impl Authenticate for Badge {
    type Principal = User;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<User>> {
        let Some(badge) = head.headers.get("badge") else {
            return Later::Ready(Verdict::Missing);
        };
        let (tenant, name) = badge.to_str().unwrap().split_once('/').unwrap();
        Later::Ready(Verdict::Verified(User {
            tenant: tenant.parse().unwrap(),
            name: name.to_owned(),
        }))
    }
}

async fn with_badge(app: &Router, badge: &str) -> StatusCode {
    let mut request = request("GET", "/");
    request
        .headers_mut()
        .insert("badge", badge.parse().unwrap());
    call(app, request).await.status()
}

/// Which badges pass, each sent once in this order.
async fn badges<K: Key<Stage = stage::Quota, Needs = wythe::Needed<Auth<User>>>>(
    key: K,
    badges: &[&str],
) -> Vec<u16> {
    let stack = compose((with_auth(Badge), with_rate_limit(once().keyed(key))));
    let app = Router::new().route("/", get(stack.handler(ok)));
    let mut statuses = Vec::new();
    for badge in badges {
        statuses.push(with_badge(&app, badge).await.as_u16());
    }
    statuses
}

#[tokio::test]
async fn principals_are_counted_separately() {
    let sent = ["1/ada", "1/bob", "1/ada", "2/ada", "1/Ada", "2/bob"];
    let by_name = key::principal(|user: &User| &user.name);
    assert_eq!(badges(by_name, &sent).await, [200, 200, 429, 429, 200, 429]);
    let by_text = key::principal(|user: &User| user.name.as_str());
    assert_eq!(badges(by_text, &sent).await, [200, 200, 429, 429, 200, 429]);
    let by_number = key::principal(|user: &User| &user.tenant);
    assert_eq!(
        badges(by_number, &sent).await,
        [200, 429, 429, 200, 429, 429]
    );
    let computed = key::principal_value(|user: &User| (user.tenant, user.name.to_lowercase()));
    assert_eq!(
        badges(computed, &sent).await,
        [200, 200, 429, 200, 429, 200]
    );
}

#[tokio::test]
async fn parts_of_a_principal_make_a_tuple() {
    let user = (
        key::principal(|user: &User| &user.tenant),
        key::principal(|user: &User| &user.name),
    );
    let stack = compose((with_auth(Badge), with_rate_limit(once().keyed(user))));
    let app = Router::new().route("/", get(stack.handler(ok)));
    for (badge, status) in [
        ("1/ada", 200),
        ("1/bob", 200),
        ("2/ada", 200),
        ("1/ada", 429),
    ] {
        assert_eq!(with_badge(&app, badge).await, status, "{badge}");
    }
    // Two texts are not the same as their concatenation.
    let names = (
        key::principal(|user: &User| user.name.split_at(1).0),
        key::principal(|user: &User| user.name.split_at(1).1),
    );
    let handle = Limiter::new(once().keyed(names)).handle();
    handle
        .charge(&("a".to_owned(), "bc".to_owned()), 1)
        .await
        .unwrap();
    for (one, other, left) in [("a", "bc", 0), ("ab", "c", 1), ("abc", "", 1)] {
        let remaining = handle.remaining(&(one.to_owned(), other.to_owned())).await;
        assert_eq!(remaining.unwrap()[0].units(), left, "{one} {other}");
    }
}

#[tokio::test]
async fn a_missing_assumed_principal_is_a_500_whose_cause_names_the_fix() {
    let limit = Quota::per_day(1)
        .by_principal(|user: &User| &user.name)
        .unwrap();
    let stack = compose((assume::<Auth<User>>(), with_rate_limit(limit)));
    let app = Router::new().route("/", get(ok)).layer(stack);
    for _ in 0..2 {
        let response = call(&app, request("GET", "/")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(cause(&response).contains("with_auth(..)"));
    }
    let stack = compose((
        assume::<ClientIp>(),
        with_rate_limit(Quota::per_day(1).by_client_ip().unwrap()),
    ));
    let app = Router::new().route("/", get(ok)).layer(stack);
    let response = call(&app, request("GET", "/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(cause(&response).contains("with_client_ip(..)"));
}

fn from(client: &str) -> Request<Body> {
    let mut request = request("GET", "/");
    let client: IpAddr = client.parse().unwrap();
    request.extensions_mut().insert(ClientIp(client));
    request
}

#[tokio::test]
async fn clients_are_counted_by_the_address_of_with_client_ip() {
    let cases = [
        ("192.0.2.1", "192.0.2.1", 64, true),
        ("192.0.2.1", "192.0.2.2", 64, false),
        ("192.0.2.1", "::ffff:192.0.2.1", 64, true),
        ("2001:db8::1", "2001:db8::2:3:4:5", 64, true),
        ("2001:db8::1", "2001:db8:0:1::1", 64, false),
        ("2001:db8::1", "2001:db8:0:1::1", 48, true),
        ("2001:db8::1", "2001:db8::2", 128, false),
    ];
    for (one, other, prefix, together) in cases {
        let limit = Quota::per_day(1).by_client_ip().unwrap();
        let limit = limit.ipv6_prefix(prefix).unwrap();
        let stack = compose((assume::<ClientIp>(), with_rate_limit(limit)));
        let app = Router::new().route("/", get(ok)).layer(stack);
        assert_eq!(call(&app, from(one)).await.status(), 200);
        let refused = call(&app, from(other)).await.status() == 429;
        assert_eq!(refused, together, "{one} {other} /{prefix}");
    }
    for bits in [0, 129, 255] {
        let limit = Quota::per_day(1).by_client_ip().unwrap();
        limit.ipv6_prefix(bits).unwrap_err();
        key::client_ip().ipv6_prefix(bits).unwrap_err();
        key::peer().ipv6_prefix(bits).unwrap_err();
    }
}

#[tokio::test]
async fn a_path_parameter_is_counted_in_decoded_form() {
    let limit = || with_rate_limit(Quota::per_day(1).by_path_param("id").unwrap());
    let sent = [
        ("GET", "/users/A"),
        ("GET", "/users/%41"),
        ("GET", "/users/a"),
        ("GET", "/users/A?x=1"),
        ("GET", "/users/a%2Fb"),
        ("GET", "/users/%C3%A9"),
        ("GET", "/users/%c3%a9"),
        ("GET", "/users/%ff"),
    ];
    let expected = [200, 429, 200, 429, 200, 200, 429, 400];
    let by_handler = Router::new().route("/users/{id}", get(compose((limit(),)).handler(ok)));
    let by_layer = Router::new().route("/users/{id}", get(ok).layer(compose((limit(),))));
    let by_router = Router::new()
        .route("/users/{id}", get(ok))
        .layer(compose((limit(),)));
    let inner = Router::new()
        .route("/{id}", get(ok))
        .layer(compose((limit(),)));
    let nested = Router::new().nest("/users", inner);
    let inner = Router::new().route("/{id}", get(ok));
    let around = Router::new()
        .nest("/users", inner)
        .layer(compose((limit(),)));
    for app in [by_handler, by_layer, by_router, nested, around] {
        assert_eq!(statuses(&app, &sent).await, expected);
    }
}

#[tokio::test]
async fn wildcards_and_parameters_of_outer_routers_are_found() {
    let limit = |name: &'static str| {
        compose((with_rate_limit(
            Quota::per_day(1).by_path_param(name).unwrap(),
        ),))
    };
    let files = Router::new()
        .route("/files/{*path}", get(ok))
        .layer(limit("path"));
    let sent = [
        ("GET", "/files/a/b"),
        ("GET", "/files/a/%62"),
        ("GET", "/files/a"),
    ];
    assert_eq!(statuses(&files, &sent).await, [200, 429, 200]);

    let inner = Router::new().route("/posts/{post}", get(limit("user").handler(ok)));
    let nested = Router::new().nest("/users/{user}", inner);
    let sent = [
        ("GET", "/users/1/posts/1"),
        ("GET", "/users/1/posts/2"),
        ("GET", "/users/2/posts/1"),
    ];
    assert_eq!(statuses(&nested, &sent).await, [200, 429, 200]);
}

#[tokio::test]
async fn a_route_without_the_parameter_is_a_500_whose_cause_names_the_fix() {
    let limit = compose((with_rate_limit(
        Quota::per_day(1).by_path_param("id").unwrap(),
    ),));
    let app = Router::new()
        .route("/plain", get(ok))
        .route("/users/{user}", get(ok))
        .layer(limit);
    for uri in ["/plain", "/users/7", "/nowhere"] {
        for _ in 0..2 {
            let response = call(&app, request("GET", uri)).await;
            assert_eq!(
                response.status(),
                StatusCode::INTERNAL_SERVER_ERROR,
                "{uri}"
            );
            let cause = cause(&response);
            assert!(
                cause.contains("`id`") && cause.contains("`{id}`"),
                "{cause}"
            );
            assert!(!cause.contains('7'), "{cause}");
        }
    }
}

#[tokio::test]
async fn routes_are_counted_separately_whatever_their_parameters() {
    let limit = compose((with_rate_limit(Quota::per_day(1).by_route().unwrap()),));
    let api = Router::new()
        .route("/users/{id}", any(ok))
        .route("/", any(ok));
    let app = Router::new()
        .route("/users/{id}", any(ok))
        .route("/files/{*path}", any(ok))
        .nest("/api", api)
        .nest_service(
            "/served",
            tower::service_fn(async |_: Request<Body>| {
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            }),
        )
        .layer(limit);
    let sent = [
        ("GET", "/users/1", 200),
        ("GET", "/users/2", 429),
        ("POST", "/users/1", 200),
        ("GET", "/files/a", 200),
        ("GET", "/files/b/c", 429),
        ("GET", "/api/users/1", 200),
        ("GET", "/api/users/2", 429),
        ("GET", "/api", 200),
        // Paths without a route: one key, whatever the path.
        ("GET", "/nowhere", 404),
        ("GET", "/elsewhere", 429),
        ("GET", "/served/a", 429),
    ];
    for (method, uri, status) in sent {
        let response = call(&app, request(method, uri)).await;
        assert_eq!(response.status(), status, "{method} {uri}");
    }
}

#[tokio::test]
async fn invented_methods_and_paths_do_not_create_more_keys() {
    let limiter = Limiter::new(Quota::per_day(1_000).by_route().unwrap());
    let layer = with_rate_limit(limiter.clone());
    let app = Router::new().route("/a", any(ok)).layer(compose((layer,)));
    let methods = ["GET", "HEAD", "BREW", "X-1", "X-2", "get"];
    for method in methods {
        for uri in ["/a", "/b", "/c?d"] {
            call(&app, request(method, uri)).await;
        }
    }
    assert_eq!(
        limiter.keys(),
        4,
        "GET and the others, with a route and without"
    );
    let left = async |method: &Method, path| {
        let remaining = limiter
            .handle()
            .remaining(&RoutePart::new(method, path))
            .await;
        1_000 - remaining.unwrap()[0].units()
    };
    assert_eq!(left(&Method::GET, Some("/a")).await, 2);
    assert_eq!(left(&Method::HEAD, None).await, 4);
    assert_eq!(left(&Method::from_bytes(b"WHAT").unwrap(), None).await, 8);
}

#[tokio::test]
async fn a_limit_within_one_handler_counts_its_route() {
    let stack = compose((with_rate_limit(Quota::per_day(1).by_route().unwrap()),));
    let app = Router::new()
        .route("/a/{id}", get(stack.clone().handler(ok)))
        .route("/b/{id}", get(stack.handler(ok)));
    let sent = [
        ("GET", "/a/1"),
        ("HEAD", "/a/2"),
        ("GET", "/b/1"),
        ("GET", "/b/2"),
    ];
    assert_eq!(statuses(&app, &sent).await, [200, 429, 200, 429]);
}

#[tokio::test]
async fn a_tuple_is_one_key_made_of_all_its_parts() {
    let key = (
        key::client_ip(),
        key::route(),
        key::path_param("id"),
        key::by(|head: &RequestHead<'_>| head.query().map(str::to_owned)),
    );
    let stack = compose((assume::<ClientIp>(), with_rate_limit(once().keyed(key))));
    let app = Router::new()
        .route("/a/{id}", get(ok))
        .route("/b/{id}", get(ok))
        .layer(stack);
    let sent = [
        ("192.0.2.1", "/a/1", 200),
        ("192.0.2.1", "/a/1", 429),
        ("192.0.2.2", "/a/1", 200),
        ("192.0.2.1", "/b/1", 200),
        ("192.0.2.1", "/a/2", 200),
        ("192.0.2.1", "/a/1?x", 200),
        ("192.0.2.1", "/a/1?", 200),
        ("192.0.2.1", "/a/1?x", 429),
    ];
    for (client, uri, status) in sent {
        let mut request = from(client);
        *request.uri_mut() = uri.parse().unwrap();
        assert_eq!(call(&app, request).await.status(), status, "{client} {uri}");
    }
}

/// The stage of a limit by this key.
fn stage_of<K: Key>(key: K) -> String {
    use wythe::Place;
    const fn name<P: Place>(_: &P) -> &'static str {
        <P::Stage as stage::Stage>::NAME
    }
    name(&with_rate_limit(once().keyed(key))).to_owned()
}

/// A key with the given stage.
struct At<S>(std::marker::PhantomData<fn() -> S>);

impl<S: stage::Stage + 'static> Key for At<S> {
    type Value = ();
    type Stage = S;
    type Needs = ();

    fn of(&self, _: &mut Parts) -> Result<(), Problem> {
        Ok(())
    }
}

#[test]
fn a_tuple_has_the_stage_of_its_innermost_part() {
    const fn at<S>() -> At<S> {
        At(std::marker::PhantomData)
    }
    let user = || key::principal(|user: &User| &user.name);
    assert_eq!(stage_of((key::peer(), key::route())), "Throttle");
    assert_eq!(stage_of((key::peer(), user())), "Quota");
    assert_eq!(stage_of((user(), key::peer())), "Quota");
    assert_eq!(stage_of((user(),)), "Quota");
    assert_eq!(stage_of(((key::peer(), user()), key::route())), "Quota");
    assert_eq!(stage_of((at::<stage::Any>(), key::peer())), "Throttle");
    assert_eq!(stage_of((at::<stage::Any>(), at::<stage::Any>())), "Any");
    let six = (
        at::<stage::Admit>(),
        key::peer(),
        at::<stage::Any>(),
        at::<stage::Validate>(),
        user(),
        key::client_ip(),
    );
    assert_eq!(stage_of(six), "Validate");
}

#[tokio::test]
async fn counts_by_a_client_header_through_a_dangerously_named_function() {
    let limit = Quota::per_day(1)
        .dangerously_by_client_header("X-Api-Key")
        .unwrap();
    let app = Router::new()
        .route("/", get(ok))
        .layer(compose((with_rate_limit(limit),)));
    let sent: [(&[&[u8]], u16); 7] = [
        (&[b"a"], 200),
        (&[b"a"], 429),
        (&[b"A"], 200),
        (&[b"\xff"], 200),
        (&[], 200),
        (&[], 429),
        (&[b"b", b"c"], 400),
    ];
    for (values, status) in sent {
        let mut request = request("GET", "/");
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().append("x-api-key", value);
        }
        let response = call(&app, request).await;
        assert_eq!(response.status(), status, "{values:?}");
    }
    for name in ["", "x api key", "x-api-key:", "caf\u{e9}"] {
        let error = Quota::per_day(1)
            .dangerously_by_client_header(name)
            .unwrap_err();
        assert!(error.to_string().contains("header field"), "{error}");
    }
}

#[tokio::test]
async fn a_handle_finds_the_key_of_a_request() {
    let limiter = Limiter::new(once().keyed((
        key::client_ip(),
        key::principal(|user: &User| user.name.as_str()),
        key::path_param("id"),
        key::route(),
        key::dangerously_client_header("x-device").unwrap(),
        key::by(|head: &RequestHead<'_>| head.method().clone()),
    )));
    let handle = limiter.handle();
    let stack = compose((
        assume::<ClientIp>(),
        with_auth(Badge),
        with_rate_limit(limiter),
    ));
    let app = Router::new().route("/{id}", get(stack.handler(ok)));
    let sent = || {
        let mut request = from("2001:db8::7");
        *request.uri_mut() = "/%41".parse().unwrap();
        let headers = request.headers_mut();
        headers.insert("badge", HeaderValue::from_static("1/ada"));
        headers.insert("x-device", HeaderValue::from_static("d"));
        request
    };
    assert_eq!(call(&app, sent()).await.status(), 200);
    assert_eq!(call(&app, sent()).await.status(), 429);
    let address: IpAddr = "2001:db8::".parse().unwrap();
    let key = (
        AddressPart::from(address),
        "ada".to_owned(),
        "A".to_owned(),
        RoutePart::new(&Method::GET, Some("/{id}")),
        Some(HeaderValue::from_static("d")),
        Method::GET,
    );
    assert_eq!(handle.remaining(&key).await.unwrap()[0].units(), 0);
    handle.reset(&key).await.unwrap();
    assert_eq!(call(&app, sent()).await.status(), 200);
}

#[tokio::test]
async fn debug_shows_no_key() {
    let secret = "hunter2";
    let by = {
        let secret = secret.to_owned();
        key::by(move |_: &RequestHead<'_>| secret.clone())
    };
    let value = {
        let secret = secret.to_owned();
        key::principal_value(move |user: &User| format!("{secret}{}", user.name))
    };
    let shown = [
        format!("{:?}", key::peer()),
        format!("{:?}", key::client_ip()),
        format!("{by:?} {value:?}"),
        format!("{:?}", key::principal(|user: &User| &user.name)),
        format!("{:?}", key::route()),
        format!("{:?}", key::path_param("id")),
        format!("{:?}", key::dangerously_client_header("x-api-key")),
        format!("{:?}", RoutePart::new(&Method::GET, Some("/hunter2"))),
        format!("{:?}", AddressPart::from(IpAddr::from([203, 0, 113, 77]))),
    ];
    for shown in shown {
        assert!(!shown.contains(secret) && !shown.contains("113"), "{shown}");
    }
    let limiter = Limiter::new(once().keyed((by, key::client_ip())));
    let handle = limiter.handle();
    let stack = compose((assume::<ClientIp>(), with_rate_limit(limiter.clone())));
    let shown = format!("{limiter:?} {handle:?} {stack:?} {stack}");
    let app = Router::new().route("/", get(ok)).layer(stack);
    call(&app, from("203.0.113.77")).await;
    let response = call(&app, from("203.0.113.77")).await;
    assert_eq!(response.status(), 429);
    let shown = format!("{shown} {limiter:?} {handle:?} {response:?}");
    assert!(!shown.contains(secret) && !shown.contains("113"), "{shown}");
    assert!(shown.contains("1-per-day"), "{shown}");
}

#[test]
fn a_key_describes_what_it_answers() {
    let key = (
        key::peer(),
        key::path_param("id"),
        key::dangerously_client_header("x-api-key").unwrap(),
    );
    let shown = compose((with_rate_limit(once().keyed(key)),)).to_string();
    for answer in [
        "500 when the server does not provide the address of the peer",
        "400 when a parameter of the path is not UTF-8",
        "500 when the route has no parameter `id`",
        "400 with more than one `x-api-key` field",
    ] {
        assert!(shown.contains(answer), "{shown}");
    }
}
