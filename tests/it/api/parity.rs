//! `Api::router` and `Api::service` give the same answers: every byte on a connection is the same,
//! whatever the client sends.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::MatchedPath,
    response::sse::{Event, Sse},
    routing::get,
};
use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use wythe::{
    Api, Auth, Cors, FinishedApi, Path, RoutePath, api::TrailingSlash, assume, compose, with,
    with_auth, with_cors, with_presentation,
};

use super::{Badge, Staff, Through, answers, call, field, shown};

async fn show(Path(id): Path<String>, route: RoutePath) -> String {
    format!("{} {id:?}", route.as_str())
}

async fn show_by_axum(
    axum::extract::Path(id): axum::extract::Path<String>,
    route: MatchedPath,
) -> String {
    format!("{} {id:?}", route.as_str())
}

fn nested() -> FinishedApi<Auth<Staff>> {
    Api::new("Nested", "1.0.0")
        .around(compose(with(Through("nested"))))
        .get("/", compose(with_auth(Badge)).handler(async || "nested"))
        .finish()
}

/// An `Api` with a route of each kind.
fn api(slash: TrailingSlash) -> FinishedApi<Auth<Staff>> {
    let cors = Cors::origins(["https://app.example.com"])
        .unwrap()
        .methods([Method::GET, Method::PUT])
        .unwrap();
    let route = compose((assume::<Auth<Staff>>(), with(Through("route"))));
    let open = compose(());
    let events = async || {
        let event = Ok::<_, Infallible>(Event::default().data("hello"));
        Sse::new(futures_util::stream::iter([event]))
    };
    let files = Router::new()
        .route("/", get(async || "files"))
        .route("/{name}", get(show_by_axum))
        .fallback(async || "no file");
    Api::<Auth<Staff>>::new("Parity", "1.0.0")
        .around(compose((
            with_cors(cors),
            with_presentation(),
            with(Through("around")),
        )))
        .guard(compose((with_auth(Badge), with(Through("guard")))))
        .trailing_slash(slash)
        .get("/me", route.handler(async || "me"))
        .public("a test", |public| {
            public
                .get("/", open.handler(async || "root"))
                .get("/users/{id}", open.handler(show))
                .get("/axum/{id}", open.handler(show_by_axum))
                .get("/rest/{*rest}", open.handler(show))
                .get("/file-{name}", open.handler(show))
                .get("/slash/{a}/", open.handler(show))
                .get("/brace{{s}}/{a}", open.handler(show))
                .get(
                    "/umlaut-ä",
                    open.handler(async |route: RoutePath| route.as_str().to_owned()),
                )
                .get("/events", open.handler(events))
                .get("/empty", open.handler(async || ()))
                .get("/panic", open.handler(async || -> () { panic!("a test") }))
                .service("/any/{id}", get(show_by_axum).with_state(()))
                .router("/files", files)
        })
        .nest("/nested", nested())
        .not_found()
        .finish()
}

/// Serves the service and the router.
async fn serve(api: impl Fn() -> FinishedApi<Auth<Staff>>) -> [SocketAddr; 2] {
    let service = api().service(()).unwrap();
    let router = api().router(()).unwrap();
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses = [0, 1].map(|index: usize| listeners[index].local_addr().unwrap());
    let [of_router, of_service] = [(); 2].map(|()| listeners.pop().unwrap());
    tokio::spawn(async move { service.serve(of_service).await });
    tokio::spawn(async move { axum::serve(of_router, router).await });
    addresses
}

/// All that a server sends for a request, with the lines of the head sorted and without the time.
async fn answer(server: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let request = format!("{head}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    timeout(Duration::from_secs(20), reading)
        .await
        .expect(head)
        .unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut lines: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date: "))
        .collect();
    lines[1..].sort_unstable();
    format!("{}\n\n{body}", lines.join("\n"))
}

const PATHS: [&str; 76] = [
    "/",
    "//",
    "///",
    "/.",
    "/..",
    "/./",
    "/../",
    "/me",
    "/me/",
    "/me//",
    "/Me",
    "/me/.",
    "/./me",
    "/../me",
    "//me",
    "/me?a=b",
    "/me?",
    "/me/?a=b",
    "/%6de",
    "/%2fme",
    "/%2e/me",
    "/me%00",
    "/me%2f",
    "/users",
    "/users/",
    "/users//",
    "/users/7",
    "/users/7/",
    "/users/%2e%2e",
    "/users/..",
    "/users/a%2fb",
    "/users/%00",
    "/users/%ff",
    "/users/%",
    "/users/%zz",
    "/users/%C3%A4",
    "/users/ä",
    "/users/7;a=b",
    "/users/a+b",
    "/users/{id}",
    "/users/%2525",
    "/users/a\\b",
    "/users/7/8",
    "/axum/",
    "/axum/a%2fb",
    "/axum/%ff",
    "/axum/ä",
    "/axum//",
    "/rest",
    "/rest/",
    "/rest//",
    "/rest/a//b/../%2e/",
    "/file-",
    "/file-a",
    "/file-%2f",
    "/file-a/",
    "/slash/a",
    "/slash/a/",
    "/slash//",
    "/slash/",
    "/brace{s}/a",
    "/brace%7Bs%7D/a",
    "/umlaut-ä",
    "/umlaut-%C3%A4",
    "/any/7",
    "/any/7/",
    "/any/%ff",
    "/files",
    "/files/",
    "/files/a",
    "/files/a/b",
    "/files/%ff",
    "/nested",
    "/nested/",
    "/nothing",
    "*",
];

async fn compare(slash: TrailingSlash) {
    let [service, router] = serve(|| api(slash)).await;
    let fields = [
        "",
        "\r\nbadge: ann",
        "\r\norigin: https://app.example.com\r\nbadge: ann",
        "\r\norigin: https://app.example.com\r\naccess-control-request-method: PUT",
        "\r\norigin: https://evil.example\r\naccess-control-request-method: PUT",
    ];
    let long = format!("/users/{}", "a/../%2e".repeat(1_000));
    let too_long = format!("/{}", "a".repeat(70_000));
    let mut heads = Vec::new();
    for method in [
        "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "TRACE", "get", "BREW", "QUERY",
    ] {
        for target in PATHS.iter().chain(&[&*long, &too_long]) {
            heads.push(format!(
                "{method} {target} HTTP/1.1\r\nhost: a.example\r\nbadge: ann"
            ));
        }
        for target in [
            "http://a.example",
            "http://a.example/me",
            "http://a.example//me",
            "a.example:443",
            "http:///me",
            "me",
            "",
            "?",
            "#",
            "/me#a",
        ] {
            heads.push(format!(
                "{method} {target} HTTP/1.1\r\nhost: a.example\r\nbadge: ann"
            ));
        }
    }
    for path in [
        "/", "/me", "/me/", "/users/7", "/any/7", "/files/a", "/nested", "/nothing", "/events",
        "/empty", "/panic",
    ] {
        for method in ["GET", "HEAD", "PUT", "OPTIONS", "BREW"] {
            for fields in fields {
                heads.push(format!(
                    "{method} {path} HTTP/1.1\r\nhost: a.example{fields}"
                ));
            }
            heads.push(format!("{method} {path} HTTP/1.0"));
        }
    }
    for head in heads {
        let by_service = answer(service, &head).await;
        assert_eq!(by_service, answer(router, &head).await, "{head}");
        assert!(by_service.starts_with("HTTP/1."), "{head}");
    }
}

#[tokio::test]
async fn a_router_and_a_service_answer_hostile_requests_alike() {
    compare(TrailingSlash::NotFound).await;
}

#[tokio::test]
async fn a_router_and_a_service_redirect_hostile_requests_alike() {
    compare(TrailingSlash::Redirect).await;
}

#[tokio::test]
async fn encoding_and_dots_are_never_resolved_before_a_route_is_found() {
    let service = api(TrailingSlash::NotFound).service(()).unwrap();
    let cases = [
        ("GET /users/..", "200 /users/{id} \"..\""),
        ("GET /users/%2e%2e", "200 /users/{id} \"..\""),
        ("GET /users/a%2fb", "200 /users/{id} \"a/b\""),
        ("GET /users/%2525", "200 /users/{id} \"%25\""),
        ("GET /users/%00", "200 /users/{id} \"\\0\""),
        ("GET /rest/a//b/../%2e/", "200 /rest/{*rest} \"a//b/.././\""),
        ("GET /slash//", "200 /slash/{a}/ \"\""),
        ("GET /users/7;a=b", "200 /users/{id} \"7;a=b\""),
    ];
    answers(&service, &cases).await;
    for path in [
        "/%6de", "/./me", "/../me", "//me", "/users/", "/users//", "/rest/", "/file-", "/%2fme",
    ] {
        assert_eq!(
            call(&service, &format!("GET {path}")).await.status(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_nested_router_answers_under_its_prefix() {
    let inner = api(TrailingSlash::Redirect).router(()).unwrap();
    let app: Router = Router::new()
        .route("/", get(async || "outer"))
        .nest("/v1", inner);
    let cases = [
        ("GET /", "200 outer"),
        ("GET /me", "404"),
        ("GET /v1", "200 root"),
        ("GET /v1/users/7", "200 /v1/users/{id} \"7\""),
        ("GET /v1/axum/7", "200 /v1/axum/{id} \"7\""),
        ("GET /v1/files/a", "200 /v1/files/{name} \"a\""),
        ("GET /v1/me", "401 Authentication is required."),
        ("GET /v1/nothing", "404 There is nothing at this path."),
    ];
    answers(&app, &cases).await;
    let redirect = call(&app, "GET /v1/me/?a").await;
    assert_eq!(field(&redirect, "location"), "/v1/me?a");
    let preflight = "origin:https://app.example.com access-control-request-method:PUT";
    for path in ["/v1/me", "/v1/users/7", "/v1/nothing"] {
        let response = call(&app, &format!("OPTIONS {path} {preflight}")).await;
        assert_eq!(shown(&response), "204");
        assert_eq!(field(&response, "access-control-allow-methods"), "GET, PUT");
    }
}

fn without_not_found() -> Router {
    let stack = compose(());
    let api = Api::<()>::new("Test", "1.0.0").get("/users/{id}", stack.handler(show));
    api.router(()).unwrap()
}

#[tokio::test]
async fn a_merged_router_leaves_the_fallback_of_the_application() {
    let app = || {
        Router::new()
            .route("/old", get(async || "old"))
            .fallback(async || (http::StatusCode::NOT_FOUND, "no page"))
    };
    let cases = [
        ("GET /old", "200 old"),
        ("GET /users/7", "200 /users/{id} \"7\""),
        ("GET /nothing", "404 no page"),
        ("GET /users/7/", "404 no page"),
    ];
    answers(&app().merge(without_not_found()), &cases).await;
    answers(&without_not_found().merge(app()), &cases).await;

    let not_allowed = call(&app().merge(without_not_found()), "PUT /users/7").await;
    assert_eq!(not_allowed.status(), 405);
    assert_eq!(field(&not_allowed, "allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_service_can_be_the_fallback_of_an_application() {
    let service = api(TrailingSlash::NotFound).service(()).unwrap();
    let app: Router = Router::new()
        .route("/old", get(async || "old"))
        .nest_service("/v1", service.clone())
        .fallback_service(service);
    let cases = [
        ("GET /old", "200 old"),
        ("GET /users/7", "200 /users/{id} \"7\""),
        ("GET /v1/users/7", "200 /users/{id} \"7\""),
        ("GET /v1", "200 root"),
        ("GET /v1/", "200 root"),
        ("GET /nothing", "404 There is nothing at this path."),
    ];
    answers(&app, &cases).await;
}
