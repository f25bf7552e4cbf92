//! `with_body_limit` on a socket: bodies that are announced, chunked, slow or cut.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::post};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wythe::{BodyLimit, compose, with_body_limit};

async fn serve() -> SocketAddr {
    let limit = BodyLimit::bytes(10)
        .idle(Duration::from_millis(200))
        .unwrap();
    let stack = compose(with_body_limit(limit));
    let handler = stack.handler(async |body: Bytes| format!("{} bytes", body.len()));
    let app: Router = Router::new().route("/", post(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn each_body_on_a_socket_gets_its_answer() {
    let address = serve().await;
    // The fields, what is sent of the body, the start of the answer, and whether the connection is
    // closed.
    let cases = [
        (
            "content-length: 10\r\n",
            "0123456789",
            "HTTP/1.1 200",
            false,
        ),
        ("content-length: 11\r\n", "", "HTTP/1.1 413", true),
        (
            "content-length: 11\r\n",
            "01234567890",
            "HTTP/1.1 413",
            true,
        ),
        // It is not invited.
        (
            "content-length: 11\r\nexpect: 100-continue\r\n",
            "",
            "HTTP/1.1 413",
            true,
        ),
        (
            "content-length: 10\r\nexpect: 100-continue\r\n",
            "0123456789",
            "HTTP/1.1 100",
            false,
        ),
        (
            "transfer-encoding: chunked\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 200",
            false,
        ),
        (
            "transfer-encoding: chunked\r\n",
            "5\r\nhello\r\n6\r\n world",
            "HTTP/1.1 413",
            true,
        ),
        (
            "transfer-encoding: chunked\r\n",
            "fffffff\r\nhello hello",
            "HTTP/1.1 413",
            true,
        ),
        // Nothing more comes.
        (
            "transfer-encoding: chunked\r\n",
            "5\r\nhe",
            "HTTP/1.1 408",
            true,
        ),
        ("content-length: 10\r\n", "01234", "HTTP/1.1 408", true),
        ("content-length: 10\r\n", "", "HTTP/1.1 408", true),
    ];
    for (fields, body, expected, closes) in cases {
        let case = format!("{fields:?} {body:?}");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that keeps the connection open does not end it.
        let reading = stream.read_to_end(&mut answer);
        let wait = if closes { 20_000 } else { 500 };
        let ended = tokio::time::timeout(Duration::from_millis(wait), reading).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(expected), "{case}: {answer}");
        assert_eq!(ended.is_ok(), closes, "{case}: {answer}");
        assert_eq!(
            answer.contains("connection: close"),
            closes,
            "{case}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_of_the_client() {
    let address = serve().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n01234";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
