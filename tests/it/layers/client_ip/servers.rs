//! `with_client_ip` and `with_ip_filter` in axum behind a real socket, in plain hyper, and in
//! stacks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::{TcpListener, TcpStream};
use wythe::{
    ClientIp, ClientIpSource, IpFilter, PeerAddr, assume, compose, with_client_ip, with_ip_filter,
};

use crate::common;

async fn whoami(ClientIp(address): ClientIp) -> String {
    address.to_string()
}

async fn maybe(client: Option<ClientIp>) -> String {
    client.map_or_else(
        || "nobody".to_owned(),
        |ClientIp(address)| address.to_string(),
    )
}

/// Sends a GET on a new connection.
async fn get_from(server: SocketAddr, path: &str, forwarded: &[&str]) -> (StatusCode, String) {
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::get(path).header("host", "localhost");
    for line in forwarded {
        request = request.header("x-forwarded-for", *line);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    drop(sender);
    connection.await.unwrap().unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The routes behind a proxy on this machine.
fn app() -> Router {
    let source = ClientIpSource::x_forwarded_for(["127.0.0.0/8"]).unwrap();
    let around = compose((with_client_ip(source),));
    let inside = compose((assume::<ClientIp>(),));
    let conditional = with_client_ip(ClientIpSource::peer()).when(|head| head.query().is_some());
    let filter = IpFilter::deny(["203.0.113.0/24"]).unwrap();
    let filtered = compose((assume::<ClientIp>(), with_ip_filter(filter)));
    Router::new()
        .route("/whoami", get(inside.handler(whoami)))
        .route("/filtered", get(filtered.handler(whoami)))
        .layer(around)
        .route(
            "/peer",
            get(compose((with_client_ip(ClientIpSource::peer()),)).handler(whoami)),
        )
        .route("/maybe", get(compose((conditional,)).handler(maybe)))
        .route(
            "/assumed",
            get(compose((assume::<ClientIp>(),)).handler(whoami)),
        )
}

#[tokio::test]
async fn axum_provides_the_peer() {
    let (listener, server) = listen().await;
    let service = app().into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async { axum::serve(listener, service).await });
    let ok = |address: &str| (StatusCode::OK, address.to_owned());

    let forwarded = ["6.6.6.6", "203.0.113.9"];
    assert_eq!(
        get_from(server, "/whoami", &forwarded).await,
        ok("203.0.113.9")
    );
    assert_eq!(get_from(server, "/peer", &forwarded).await, ok("127.0.0.1"));
    assert_eq!(get_from(server, "/maybe", &[]).await, ok("nobody"));
    assert_eq!(get_from(server, "/maybe?", &[]).await, ok("127.0.0.1"));

    let (status, _) = get_from(server, "/filtered", &["203.0.113.9"]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        get_from(server, "/filtered", &["192.0.2.1"]).await,
        ok("192.0.2.1")
    );

    for path in ["/whoami", "/assumed"] {
        let (status, body) = get_from(server, path, &[]).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(
            !body.contains("proxy"),
            "the client is told nothing: {body}"
        );
    }
    serving.abort();
}

#[tokio::test]
async fn axum_without_connect_info_is_a_server_error() {
    let (listener, server) = listen().await;
    let serving = tokio::spawn(async { axum::serve(listener, app()).await });
    for path in ["/peer", "/whoami", "/filtered"] {
        let (status, _) = get_from(server, path, &["203.0.113.9"]).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_hyper_server_can_insert_the_peer() {
    async fn handle(ClientIp(address): ClientIp, _: Request<Incoming>) -> Response<Full<Bytes>> {
        Response::new(Full::from(address.to_string()))
    }
    let stack = compose((
        with_client_ip(ClientIpSource::x_forwarded_for([Ipv4Addr::LOCALHOST]).unwrap()),
        with_ip_filter(IpFilter::allow(["203.0.113.0/24"]).unwrap()),
    ));
    let service = stack.service_fn(handle);
    let (listener, server) = listen().await;
    let serving = tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = tower::util::MapRequest::new(
                service.clone(),
                move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(PeerAddr(peer));
                    request
                },
            );
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            connection.await.unwrap();
        }
    });
    let (status, body) = get_from(server, "/", &["6.6.6.6, 203.0.113.9"]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "203.0.113.9"));
    let (status, _) = get_from(server, "/", &["203.0.113.9, 6.6.6.6"]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = get_from(server, "/", &[]).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    serving.abort();
}

#[tokio::test]
async fn a_nested_stack_provides_the_client_ip() {
    let base = compose((with_client_ip(ClientIpSource::peer()),));
    let filter = IpFilter::allow(["192.0.2.0/24"]).unwrap();
    let stack = compose((base, with_ip_filter(filter)));
    let service = stack.service_fn(|ClientIp(address): ClientIp, _: Request<common::Body>| {
        std::future::ready(Response::new(Full::<Bytes>::from(address.to_string())))
    });
    let mut request = Request::new(common::empty());
    let peer: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    request.extensions_mut().insert(PeerAddr((peer, 80).into()));
    let response = tower::ServiceExt::oneshot(service, request).await.unwrap();
    let body = common::read(response).await.into_body();
    assert_eq!(body, "192.0.2.7");
}
