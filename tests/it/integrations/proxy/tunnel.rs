//! WebSocket connections.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::{SECOND, front, raw_upstream, read_head, scripted, send, status, upstream};

const HANDSHAKE: &str = "GET /api/chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Accepts every handshake, and sends back what arrives.
async fn echo() -> String {
    raw_upstream(|mut stream| async move {
        let head = read_head(&mut stream).await;
        assert!(head.contains("upgrade: websocket"), "{head}");
        assert!(
            head.contains("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="),
            "{head}"
        );
        drop(stream.write_all(SWITCHED).await);
        let (mut read, mut write) = stream.split();
        drop(tokio::io::copy(&mut read, &mut write).await);
    })
    .await
}

#[tokio::test]
async fn bytes_go_in_both_directions() {
    let front = front(upstream(&echo().await).websockets()).await.unwrap();
    let mut stream = TcpStream::connect(front).await.unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert_eq!(status(&head), "101", "{head}");
    assert!(
        head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    for message in ["hello", "again"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, message.as_bytes());
    }
    stream.shutdown().await.unwrap();
    let end = timeout(5 * SECOND, stream.read(&mut [0; 1])).await;
    assert_eq!(end.expect("in time").unwrap(), 0);
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let upstream = upstream(&echo().await).websockets();
    let front = front(upstream.idle(Duration::from_millis(100)).unwrap())
        .await
        .unwrap();
    let mut stream = TcpStream::connect(front).await.unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    read_head(&mut stream).await;
    let end = timeout(5 * SECOND, stream.read(&mut [0; 1])).await;
    assert_eq!(end.expect("in time").unwrap(), 0);
}

#[tokio::test]
async fn only_websocket_is_forwarded_and_only_if_allowed() {
    let (url, mut heads) =
        scripted("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await;
    let closed = front(upstream(&url)).await.unwrap();
    let open = front(upstream(&url).websockets()).await.unwrap();
    let h2c = HANDSHAKE.replace(
        "Upgrade: websocket",
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
    );
    let both = HANDSHAKE.replace("Upgrade: websocket", "Upgrade: websocket, h2c");
    let post = HANDSHAKE
        .replace("GET", "POST")
        .replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n");
    for (front, request) in [
        (closed, HANDSHAKE),
        (open, &h2c),
        (open, &both),
        (open, &post),
    ] {
        let request = request.replace("keep-alive", "close");
        let answer = send(front, &request).await;
        assert_eq!(status(&answer), "426", "{request}");
        let head = heads.recv().await.unwrap();
        for field in ["upgrade:", "connection:", "http2-settings:"] {
            assert!(!head.contains(field), "{head}");
        }
    }
    // Allowed, and not accepted by the upstream.
    let answer = send(open, &HANDSHAKE.replace("keep-alive", "close")).await;
    assert_eq!(status(&answer), "426", "{answer}");
}
