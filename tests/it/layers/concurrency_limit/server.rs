//! On a socket: a client that reads slowly keeps its place, and one that disconnects does not.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use wythe::{
    ConcurrencyLimit, Placed, compose,
    concurrency_limit::{ConcurrencyLimiter, Overall},
    with_concurrency_limit,
};

use super::counts;
use crate::common::scripted::Scripted;

/// Nothing here takes this long unless it hangs.
const LONG: Duration = Duration::from_secs(60);

/// More than the buffers of two sockets hold.
const CHUNKS: usize = 64;
static CHUNK: &[u8] = &[b'x'; 1 << 20];

async fn large() -> Body {
    Body::new(Scripted::data(&[CHUNK; CHUNKS], None))
}

async fn stuck() -> Body {
    std::future::pending().await
}

async fn serve(layer: &Placed<ConcurrencyLimiter<Overall>>) -> SocketAddr {
    let stack = compose((layer.clone(),));
    let app = Router::new()
        .route("/large", get(stack.handler(large)))
        .route("/stuck", get(stack.handler(stuck)))
        .route("/small", get(stack.handler(async || "small")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn send(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The status, as soon as it comes.
async fn status(stream: &mut TcpStream) -> String {
    let mut start = [0; 12];
    timeout(LONG, stream.read_exact(&mut start))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(start.to_vec()).unwrap()
}

/// Waits until this many requests are in progress and waiting.
async fn until(layer: &Placed<ConcurrencyLimiter<Overall>>, expected: (usize, usize)) {
    let reached = async {
        while counts(layer) != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let reached = timeout(LONG, reached).await;
    assert!(
        reached.is_ok(),
        "{:?} instead of {expected:?}",
        counts(layer)
    );
}

fn limit() -> ConcurrencyLimit {
    ConcurrencyLimit::of(1).unwrap()
}

#[tokio::test]
async fn a_client_that_reads_slowly_keeps_its_place_until_it_has_read() {
    let layer = with_concurrency_limit(limit());
    let address = serve(&layer).await;
    let mut slow = send(address, "/large").await;
    assert_eq!(status(&mut slow).await, "HTTP/1.1 200");
    // It has the head and part of the body, and reads no further.
    for _ in 0..3 {
        assert_eq!(
            status(&mut send(address, "/small").await).await,
            "HTTP/1.1 503"
        );
    }
    assert_eq!(counts(&layer), (1, 0));
    let mut rest = Vec::new();
    timeout(LONG, slow.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(rest.len() > CHUNKS * CHUNK.len());
    until(&layer, (0, 0)).await;
    assert_eq!(
        status(&mut send(address, "/small").await).await,
        "HTTP/1.1 200"
    );
}

#[tokio::test]
async fn a_client_that_disconnects_releases_its_place_while_reading_and_while_being_served() {
    let layer = with_concurrency_limit(limit());
    let address = serve(&layer).await;
    let mut reading = send(address, "/large").await;
    assert_eq!(status(&mut reading).await, "HTTP/1.1 200");
    drop(reading);
    until(&layer, (0, 0)).await;

    let served = send(address, "/stuck").await;
    until(&layer, (1, 0)).await;
    drop(served);
    until(&layer, (0, 0)).await;
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_the_queue_and_one_that_stays_is_served() {
    let layer = with_concurrency_limit(limit().queue(2, LONG).unwrap());
    let address = serve(&layer).await;
    let first = send(address, "/stuck").await;
    until(&layer, (1, 0)).await;
    let second = send(address, "/stuck").await;
    until(&layer, (1, 1)).await;
    let mut third = send(address, "/small").await;
    until(&layer, (1, 2)).await;
    assert_eq!(
        status(&mut send(address, "/small").await).await,
        "HTTP/1.1 503"
    );
    drop(second);
    until(&layer, (1, 1)).await;
    drop(first);
    assert_eq!(status(&mut third).await, "HTTP/1.1 200");
    until(&layer, (0, 0)).await;
}
