//! The handshake of a WebSocket, which is a GET over HTTP/1.1 and an extended CONNECT over HTTP/2
//! (RFC 8441).

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use http_body_util::Full;
use hyper::{body::Incoming, ext::Protocol};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tower::{Service, ServiceExt};
use wythe::{compose, endpoint, with_methods};

use crate::common::{Body, empty, problem, read, send};

fn connect(target: &str, version: Version) -> Request<Body> {
    let request = Request::builder().method("CONNECT").uri(target);
    request.version(version).body(empty()).unwrap()
}

#[tokio::test]
async fn where_get_is_listed_an_extended_connect_passes_and_a_plain_one_does_not() {
    let reading = with_methods([Method::GET]);
    let writing = with_methods([Method::POST]);
    // The target, the version, whether it opens a WebSocket.
    let cases = [
        ("https://example.com/chat", Version::HTTP_2, true),
        ("/chat", Version::HTTP_2, true),
        ("https://example.com/chat", Version::HTTP_3, true),
        ("example.com:443", Version::HTTP_2, false),
        ("example.com:443", Version::HTTP_11, false),
        ("https://example.com/chat", Version::HTTP_11, false),
        ("/chat", Version::HTTP_11, false),
    ];
    for (target, version, passes) in cases {
        let response = send(&reading, connect(target, version)).await;
        let expected = if passes { 200 } else { 405 };
        assert_eq!(response.status(), expected, "{target} {version:?}");
        let response = send(&writing, connect(target, version)).await;
        problem(&response, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
    }
    let both = with_methods([Method::CONNECT]);
    let plain = connect("example.com:443", Version::HTTP_2);
    assert_eq!(send(&both, plain).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_handler_of_get_gets_an_extended_connect_unless_connect_has_its_own() {
    let named = |name: &'static str| {
        move |_: Request<Body>| async move { Response::new(Full::<Bytes>::from(name)) }
    };
    let chat = || connect("https://example.com/chat", Version::HTTP_2);
    let get = endpoint().get(named("get"));
    let response = read(get.clone().oneshot(chat()).await.unwrap()).await;
    assert_eq!(response.body(), "get");
    let plain = connect("example.com:443", Version::HTTP_2);
    let response = read(get.clone().oneshot(plain).await.unwrap()).await;
    problem(&response, StatusCode::METHOD_NOT_ALLOWED);

    let own = get.on(Method::CONNECT, named("connect")).unwrap();
    let response = read(own.oneshot(chat()).await.unwrap()).await;
    assert_eq!(response.body(), "connect");
}

/// The method that reaches the handler, in a field: a response to CONNECT has no body.
fn method_field<R: Default>(method: &Method) -> Response<R> {
    let response = Response::builder().header("x-method", method.as_str());
    response.body(R::default()).unwrap()
}

/// What hyper's server answers to a WebSocket over HTTP/2 and to a plain CONNECT.
async fn over_http_2<S, R>(service: S) -> [(u16, Option<String>); 2]
where
    S: Service<Request<Incoming>, Response = Response<R>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    R: HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .serve_connection(TokioIo::new(server), TowerToHyperService::new(service))
            .await
    });
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);
    // After this answer the client knows that the server takes extended CONNECT.
    let get = Request::get("https://example.com/chat")
        .body(empty())
        .unwrap();
    assert_eq!(
        client.send_request(get).await.unwrap().status(),
        StatusCode::OK
    );

    let mut websocket = Request::connect("https://example.com/chat")
        .body(empty())
        .unwrap();
    websocket
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    let plain = Request::connect("example.com:443").body(empty()).unwrap();
    let mut found = Vec::new();
    for request in [websocket, plain] {
        let response = client.send_request(request).await.unwrap();
        let method = response.headers().get("x-method");
        let method = method.map(|method| method.to_str().unwrap().to_owned());
        found.push((response.status().as_u16(), method));
    }
    found.try_into().unwrap()
}

#[tokio::test]
async fn hyper_serves_websockets_over_http_2_where_get_is_listed() {
    let expected = [(200, Some("CONNECT".to_owned())), (405, None)];

    let handler = async |request: Request<Incoming>| {
        Ok::<_, Infallible>(method_field::<Full<Bytes>>(request.method()))
    };
    let guarded = compose(with_methods([Method::GET])).service(tower::service_fn(handler));
    assert_eq!(over_http_2(guarded).await, expected);

    let chat = endpoint()
        .get(async |request: Request<Incoming>| method_field::<Full<Bytes>>(request.method()));
    assert_eq!(over_http_2(chat).await, expected);
}

#[cfg(feature = "api")]
#[tokio::test]
async fn the_get_route_of_an_api_serves_websockets_over_http_2() {
    let expected = [(200, Some("CONNECT".to_owned())), (404, None)];
    let handler = async |method: Method| method_field::<axum::body::Body>(&method);
    let api = || wythe::Api::<()>::new("Chat", "1.0.0").get("/chat", compose(()).handler(handler));
    assert_eq!(over_http_2(api().service(()).unwrap()).await, expected);
    // The same in a router of axum.
    let router: axum::Router = api().router(()).unwrap();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    assert_eq!(over_http_2(service).await, expected);
}
