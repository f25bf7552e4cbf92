//! Upstreams with TLS, whose certificates are those of an authority of the tests' own.

use tokio::{io::AsyncWriteExt, net::TcpListener, sync::mpsc};
use wythe::proxy::Upstream;

use super::{front, get, read_head, send, status};
use crate::common::tls::{acceptor, vector};

/// An upstream with this certificate: its URL, and the heads of the requests that it gets. It answers each
/// with 200.
async fn upstream_with(
    certificate: &[u8],
    key: &[u8],
) -> (String, mpsc::UnboundedReceiver<String>) {
    let acceptor = acceptor(certificate, key);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (heads, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, heads) = (acceptor.clone(), heads.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let head = read_head(&mut stream).await;
                drop(heads.send(head));
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure";
                drop(stream.write_all(answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
    (url, received)
}

fn trusting(url: &str) -> Upstream {
    Upstream::new(url).unwrap().roots(vector("ca.pem"))
}

#[tokio::test]
async fn requests_go_to_an_upstream_with_a_trusted_certificate() {
    let (url, mut heads) =
        upstream_with(&vector("localhost.pem"), &vector("localhost.key.pem")).await;
    let front = front(trusting(&url)).await.unwrap();
    let answer = get(front, "/api/7").await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.ends_with("secure"), "{answer}");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /base/7 HTTP/1.1\r\n"), "{head}");
    let host = url.strip_prefix("https://").unwrap();
    assert!(head.contains(&format!("host: {host}\r\n")), "{head}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_with_another_name_or_authority_or_without_tls() {
    let elsewhere = upstream_with(&vector("elsewhere.pem"), &vector("elsewhere.key.pem")).await;
    let unknown = upstream_with(&vector("localhost.pem"), &vector("localhost.key.pem")).await;
    let other_root = Upstream::new(&unknown.0)
        .unwrap()
        .roots(vector("elsewhere.pem"));
    for (upstream, mut heads) in [
        (trusting(&elsewhere.0), elsewhere.1),
        (other_root, unknown.1),
    ] {
        let front = front(upstream).await.unwrap();
        let post = "POST /api/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\
            Connection: close\r\n\r\nsecret";
        let answer = send(front, post).await;
        assert_eq!(status(&answer), "502", "{answer}");
        // Why is the log's to say.
        assert!(!answer.contains("certificate"), "{answer}");
        heads.try_recv().unwrap_err();
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_request() {
    let plain = super::raw_upstream(|mut stream| async move {
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        drop(stream.write_all(answer).await);
        drop(stream.shutdown().await);
    });
    let plain = plain.await.replace("http://", "https://");
    let answer = get(front(trusting(&plain)).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "502", "{answer}");

    // The handshake is part of the time for the answer.
    let (url, mut bytes) = super::scripted("").await;
    let silent = trusting(&url.replace("http://", "https://"));
    let silent = silent.timeout(super::SECOND / 5).unwrap();
    let answer = get(front(silent).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "504", "{answer}");
    assert!(!bytes.recv().await.unwrap().contains("/base/7"));
}
