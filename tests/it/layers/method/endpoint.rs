//! `endpoint()`: handlers by method, for tower and hyper.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tower::{Service, ServiceExt, service_fn};
use wythe::{Endpoint, Problem, compose, endpoint, with_methods};

use crate::common::{self, Body, empty, problem, read};

fn request(method: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/users")
        .body(empty())
        .unwrap()
}

async fn ask<M>(endpoint: &Endpoint<Body, Body, M>, method: &str) -> Response<Bytes> {
    read(endpoint.clone().oneshot(request(method)).await.unwrap()).await
}

async fn list(_: Request<Body>) -> Response<Body> {
    Response::new(Full::from("list"))
}

async fn create(_: Request<Body>) -> Result<Response<Body>, Problem> {
    Err(Problem::new(StatusCode::CONFLICT)
        .detail("taken")
        .because("a secret cause"))
}

async fn infallible(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Full::from("infallible")))
}

async fn echo(request: Request<Body>) -> Response<Body> {
    Response::new(Full::from(request.method().as_str().to_owned()))
}

#[tokio::test]
async fn each_method_goes_to_its_own_handler() {
    let all = endpoint()
        .get(echo)
        .post(echo)
        .put(echo)
        .patch(echo)
        .delete(echo);
    let all = all.options(echo).query(echo).head(echo);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
        assert_eq!(ask(&all, method).await.body(), method);
    }
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    let dav = endpoint().get(list).on(propfind, echo).unwrap();
    assert_eq!(ask(&dav, "PROPFIND").await.body(), "PROPFIND");
    assert_eq!(
        ask(&dav, "PUT").await.headers()["allow"],
        "GET, HEAD, PROPFIND"
    );
}

#[tokio::test]
async fn a_method_without_a_handler_is_answered_as_with_methods_does() {
    let users = endpoint().get(list).post(create);
    let guard = with_methods([Method::GET, Method::POST]);
    for method in ["PUT", "OPTIONS", "get", "BREW", "TRACE"] {
        let by_guard = common::send(&guard, request(method)).await;
        let by_endpoint = ask(&users, method).await;
        assert_eq!(by_endpoint.status(), by_guard.status(), "{method}");
        assert_eq!(by_endpoint.headers(), by_guard.headers(), "{method}");
        assert_eq!(by_endpoint.body(), by_guard.body(), "{method}");
    }
    let refused = ask(&users, "DELETE").await;
    problem(&refused, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()["allow"], "GET, HEAD, POST");
}

#[tokio::test]
async fn an_endpoint_without_handlers_allows_nothing() {
    let none = endpoint::<Body, Body>();
    let response = ask(&none, "GET").await;
    problem(&response, StatusCode::METHOD_NOT_ALLOWED);
    // RFC 9110, section 10.2.1: an empty Allow field means this.
    assert_eq!(response.headers()["allow"], "");
}

#[tokio::test]
async fn head_is_answered_by_the_get_handler_unless_it_has_its_own() {
    let users = endpoint().get(echo);
    let response = ask(&users, "HEAD").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-length"], "4");
    assert!(response.body().is_empty());

    let own = async |_: Request<Body>| {
        let response = Response::builder().header("content-length", "12345");
        response.body(Full::<Bytes>::from("ignored")).unwrap()
    };
    let response = ask(&endpoint().get(echo).head(own), "HEAD").await;
    assert_eq!(response.headers()["content-length"], "12345");
    assert!(response.body().is_empty());

    let response = ask(&endpoint().post(echo), "HEAD").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response.body().is_empty());
}

#[tokio::test]
async fn an_error_of_a_handler_becomes_its_problem() {
    let users = endpoint().get(infallible).post(create);
    assert_eq!(ask(&users, "GET").await.body(), "infallible");
    let response = ask(&users, "POST").await;
    let json = problem(&response, StatusCode::CONFLICT);
    assert_eq!(json["detail"], "taken");
    assert!(!String::from_utf8_lossy(response.body()).contains("secret"));

    let status = async |_: Request<Body>| Err::<Response<Body>, _>(StatusCode::GONE);
    problem(&ask(&endpoint().get(status), "GET").await, StatusCode::GONE);
}

#[tokio::test]
async fn a_404_from_a_handler_stays_a_404() {
    let none = async |_: Request<Body>| Err::<Response<Body>, _>(StatusCode::NOT_FOUND);
    let response = ask(&endpoint().get(none), "GET").await;
    problem(&response, StatusCode::NOT_FOUND);
    assert!(!response.headers().contains_key("allow"));
}

#[tokio::test]
async fn closures_keep_what_they_capture() {
    let greeting: Arc<str> = Arc::from("hello");
    let users = endpoint().get(move |_: Request<Body>| {
        let greeting = Arc::clone(&greeting);
        async move { Response::new(Full::from(greeting.to_string())) }
    });
    for _ in 0..2 {
        assert_eq!(ask(&users, "GET").await.body(), "hello");
    }
}

#[tokio::test]
async fn stacks_work_as_handlers_and_around_an_endpoint() {
    let inner = compose((with_methods([Method::POST]),)).service(service_fn(infallible));
    let users = endpoint().get(list).post(inner);
    assert_eq!(ask(&users, "GET").await.body(), "list");
    assert_eq!(ask(&users, "POST").await.body(), "infallible");

    let outer = compose((with_methods([Method::GET]),)).service(users);
    let refused = read(outer.oneshot(request("POST")).await.unwrap()).await;
    assert_eq!(refused.headers()["allow"], "GET, HEAD");
}

/// Counts how often it becomes ready, and panics if it is called without being ready.
#[derive(Default)]
struct Strict {
    ready: bool,
    made_ready: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            made_ready: Arc::clone(&self.made_ready),
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Problem;
    type Future = Ready<Result<Response<Body>, Problem>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        let before = self.made_ready.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            // Busy the first time, so it must be polled again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if before == 3 {
            return Poll::Ready(Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE)));
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        ready(Ok(Response::new(empty())))
    }
}

#[tokio::test]
async fn a_service_is_called_only_when_ready_and_its_error_becomes_a_response() {
    let service = Strict::default();
    let made_ready = Arc::clone(&service.made_ready);
    let users = endpoint().get(service).post(list);
    assert_eq!(ask(&users, "POST").await.status(), StatusCode::OK);
    assert_eq!(
        ask(&users, "PUT").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        made_ready.load(Ordering::Relaxed),
        0,
        "another method has another handler"
    );
    assert_eq!(ask(&users, "GET").await.status(), StatusCode::OK);
    assert_eq!(ask(&users, "GET").await.status(), StatusCode::OK);
    problem(&ask(&users, "GET").await, StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn rejects_a_method_with_a_dedicated_function_or_an_existing_handler() {
    let error = endpoint().on(Method::GET, list).unwrap_err();
    assert!(error.to_string().contains("`.get(..)`"), "{error}");
    assert!(
        error.to_string().contains("`Endpoint::list(..)`"),
        "{error}"
    );
    let link = || Method::from_bytes(b"LINK").unwrap();
    let error = endpoint()
        .on(link(), list)
        .unwrap()
        .on(link(), echo)
        .unwrap_err();
    assert!(
        error.to_string().contains("`LINK` already has a handler"),
        "{error}"
    );
    assert_eq!(error.policy(), "Endpoint");
}

#[tokio::test]
async fn an_endpoint_can_be_filled_from_a_list_at_run_time() {
    let configured = vec![(Method::GET, "list"), (Method::PUT, "saved")];
    let handlers = configured.into_iter().map(|(method, text)| {
        let handler = move |_: Request<Body>| async move { Response::new(Body::from(text)) };
        (method, handler)
    });
    let mut users = Endpoint::list(handlers).unwrap();
    assert_eq!(ask(&users, "GET").await.body(), "list");
    assert_eq!(ask(&users, "PUT").await.body(), "saved");
    let response = ask(&users, "DELETE").await;
    problem(&response, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "GET, HEAD, PUT");

    // Others in a loop, of any type.
    for name in ["DELETE", "PROPFIND"] {
        users = users.on(name.parse().unwrap(), echo).unwrap();
    }
    let users = users.on(Method::POST, create).unwrap();
    assert_eq!(ask(&users, "PROPFIND").await.body(), "PROPFIND");
    let error = users.on(Method::GET, echo).unwrap_err();
    assert!(
        error.to_string().contains("already has a handler"),
        "{error}"
    );

    let twice = [(Method::GET, echo), (Method::GET, echo)];
    Endpoint::list(twice).unwrap_err();
    let none: [(Method, fn(Request<Body>) -> Ready<Response<Body>>); 0] = [];
    let none = Endpoint::list(none).unwrap();
    assert_eq!(
        ask(&none, "GET").await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_fallback_answers_the_methods_without_a_handler() {
    let users = endpoint().get(list).fallback(echo).post(create);
    for method in ["PUT", "OPTIONS", "TRACE", "BREW", "CONNECT"] {
        let response = ask(&users, method).await;
        assert_eq!(response.status(), StatusCode::OK, "{method}");
        assert_eq!(response.body(), method);
        assert!(!response.headers().contains_key("allow"), "{method}");
    }
    assert_eq!(ask(&users, "GET").await.body(), "list");
    assert_eq!(ask(&users, "POST").await.status(), StatusCode::CONFLICT);
    // HEAD goes to GET, or to the fallback if there is none.
    let head = ask(&users, "HEAD").await;
    assert_eq!(head.headers()["content-length"], "4");
    let head = ask(&endpoint().post(list).fallback(echo), "HEAD").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.body().is_empty());

    let listed = Endpoint::list([(Method::GET, list)])
        .unwrap()
        .fallback(echo);
    let listed = listed.on(Method::PUT, list).unwrap();
    assert_eq!(ask(&listed, "PUT").await.body(), "list");
    assert_eq!(ask(&listed, "PATCH").await.body(), "PATCH");
}

#[tokio::test]
async fn a_405_of_a_fallback_has_allow() {
    // RFC 9110, section 15.5.6.
    let refuse = async |_: Request<Body>| {
        Err::<Response<Body>, _>(Problem::new(StatusCode::METHOD_NOT_ALLOWED).detail("no"))
    };
    let users = endpoint().get(list).post(create).fallback(refuse);
    let response = ask(&users, "PUT").await;
    let json = problem(&response, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(json["detail"], "no");
    assert_eq!(response.headers()["allow"], "GET, HEAD, POST");

    let own = async |_: Request<Body>| {
        let response = Response::builder().status(405).header("allow", "GET");
        response.body(empty()).unwrap()
    };
    let response = ask(&endpoint().get(list).fallback(own), "PUT").await;
    assert_eq!(response.headers()["allow"], "GET");
}

#[test]
fn is_clone_send_and_sync() {
    fn check<T: Clone + Send + Sync + Unpin + 'static>(_: &T) {}
    fn send<T: Send + 'static>(_: &T) {}
    let mut users = endpoint().get(list).post(create);
    check(&users);
    send(&users.call(request("GET")));
    assert_eq!(size_of_val(&users), size_of::<usize>());
    assert_eq!(format!("{users:?}"), "Endpoint [GET, POST]");
}

#[tokio::test]
async fn serves_hyper() {
    async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Problem> {
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(Problem::internal)?;
        assert!(body.to_bytes().is_empty());
        Ok(Response::new(Full::from("hello")))
    }
    let (client, server) = tokio::io::duplex(4096);
    let service = TowerToHyperService::new(endpoint().get(hello));
    let http = hyper::server::conn::http1::Builder::new();
    let server = tokio::spawn(http.serve_connection(TokioIo::new(server), service));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);

    let cases = [
        ("GET", 200, "5"),
        ("HEAD", 200, "5"),
        ("OPTIONS", 204, ""),
        ("BREW", 501, "*"),
    ];
    for (method, status, length) in cases {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .header("host", "localhost");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status, "{method}");
        let sent = response.headers().get("content-length");
        let sent = sent.map_or("", |value| value.to_str().unwrap()).to_owned();
        assert!(
            sent == length || length == "*" && !sent.is_empty(),
            "{method}: {sent}"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            body.is_empty(),
            method == "HEAD" || method == "OPTIONS",
            "{method}"
        );
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    server.await.unwrap().unwrap();
}
