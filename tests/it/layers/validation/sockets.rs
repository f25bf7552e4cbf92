//! `with_validation` on a socket: bodies that arrive late, in chunks, or are only announced.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::Request, routing::post};
use garde::Validate;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wythe::{Json, Provided, Valid, with_validation};

#[derive(Deserialize, Validate)]
struct Text {
    #[garde(length(max = 5))]
    text: String,
}

async fn serve() -> SocketAddr {
    let handler = |mut request: Request<Body>| async move {
        let valid = Valid::<Json<Text>>::from_extensions(request.extensions_mut());
        let raw = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        format!("{} of {} bytes", valid.unwrap().text, raw.unwrap().len())
    };
    let layer = with_validation::<Json<Text>>().max_body_bytes(64);
    let app = Router::new().route("/", post(handler).layer(layer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Writes the pieces one by one, and reads until the server has responded.
async fn exchange(address: SocketAddr, fields: &str, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in pieces {
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("the server answers")
        .unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn bodies_on_a_socket_are_read_counted_and_passed_on() {
    let address = serve().await;
    let json = "content-type: application/json\r\n";
    let sized = |length: usize| format!("{json}content-length: {length}\r\n");
    let chunked = format!("{json}transfer-encoding: chunked\r\n");
    let asking = |length: usize| format!("{}expect: 100-continue\r\n", sized(length));
    let long = format!("40\r\n{}\r\n1\r\n \r\n", " ".repeat(64));
    let cases: [(&str, String, &[&str], &str, &str); 8] = [
        (
            "whole",
            sized(14),
            &["{\"text\":\"abc\"}"],
            "HTTP/1.1 200",
            "abc of 14 bytes",
        ),
        (
            "in two",
            sized(14),
            &["{\"text\"", ":\"abc\"}"],
            "HTTP/1.1 200",
            "abc of 14 bytes",
        ),
        (
            "chunked",
            chunked.clone(),
            &["7\r\n{\"text\"\r\n", "7\r\n:\"abc\"}\r\n", "0\r\n\r\n"],
            "HTTP/1.1 200",
            "abc of 14 bytes",
        ),
        (
            "against a rule",
            sized(17),
            &["{\"text\":\"abcdef\"}"],
            "HTTP/1.1 422",
            "\"pointer\":\"#/text\"",
        ),
        (
            "over the limit",
            chunked,
            &[&long],
            "HTTP/1.1 413",
            "\"max_body_bytes\":64",
        ),
        (
            "asked for",
            asking(14),
            &["{\"text\":\"abc\"}"],
            "HTTP/1.1 100",
            "abc of 14 bytes",
        ),
        (
            "announced, too large",
            asking(65),
            &[],
            "HTTP/1.1 413",
            "\"max_body_bytes\":64",
        ),
        (
            "announced, of no type",
            "content-length: 14\r\nexpect: 100-continue\r\n".into(),
            &[],
            "HTTP/1.1 415",
            "Content-Type",
        ),
    ];
    for (name, fields, pieces, status, text) in cases {
        let answer = exchange(address, &fields, pieces).await;
        assert!(answer.starts_with(status), "{name}: {answer}");
        assert!(answer.contains(text), "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_request_without_a_body_is_a_400() {
    let answer = exchange(serve().await, "", &[]).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("The request has no body"), "{answer}");
}
