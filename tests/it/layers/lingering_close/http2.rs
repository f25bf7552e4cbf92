//! In HTTP/2 the server answers, reads on, and resets the stream with `NO_ERROR`.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use wythe::{Api, LingeringClose, compose};

#[tokio::test]
async fn an_early_answer_arrives_and_the_connection_stays_open() {
    let refuse = async || (StatusCode::UNAUTHORIZED, "who are you?");
    let api = Api::<()>::new("Test", "1.0.0").post("/", compose(()).handler(refuse));
    let lingering = LingeringClose::new();
    let service = api.service(()).unwrap().lingering_close(lingering.clone());

    let (client, server) = tokio::io::duplex(4096);
    tokio::spawn(async move {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(server), TowerToHyperService::new(service))
            .await
    });
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client))
            .await
            .unwrap();
    tokio::spawn(connection);

    for _ in 0..3 {
        // Far more than the window: it would never be sent to its end.
        let frame = Bytes::from(vec![b'x'; 16 * 1024]);
        let frames = stream::repeat_with(move || Ok::<_, Infallible>(frame.clone()));
        let request = Request::post("http://x/")
            .body(Body::from_stream(frames))
            .unwrap();
        let response = send.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(!response.headers().contains_key("connection"));
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "who are you?");
    }
    for _ in 0..500 {
        if lingering.in_progress() == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("bodies without an end are read on");
}
