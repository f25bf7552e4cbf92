//! The proxy over real sockets, between clients and upstreams that do anything.

mod described;
mod faults;
mod forwarded;
mod hostile;
#[cfg(all(feature = "request-id", feature = "trace"))]
mod observed;
mod tls;
mod tunnel;

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::any};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use wythe::{ConfigError, compose, proxy, proxy::Upstream};

const SECOND: Duration = Duration::from_secs(1);

/// An upstream that does this with each connection, and its URL.
async fn raw_upstream<F, Fut>(serve: F) -> String
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    format!("http://{address}")
}

/// An upstream that answers each request with these bytes, then closes the connection; and the heads of
/// its requests, as they arrive.
async fn scripted(answer: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let (heads, received) = mpsc::unbounded_channel();
    let url = raw_upstream(move |mut stream| {
        let heads = heads.clone();
        async move {
            let head = read_head(&mut stream).await;
            drop(heads.send(head));
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await;
    (url, received)
}

/// Reads up to the empty line, or to the end.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server that forwards every request below `/api/`.
async fn front(upstream: Upstream) -> Result<SocketAddr, ConfigError> {
    let upstream = upstream.path("/base/{*rest}")?;
    let handler = compose(()).handler(proxy(upstream)?);
    Ok(serve(Router::new().route("/api/{*rest}", any(handler))).await)
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// Sends these bytes and reads all that comes back.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(10 * SECOND, stream.read_to_end(&mut answer)).await;
    drop(read.expect("the connection is closed"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// `GET` of this path, and what comes back.
async fn get(address: SocketAddr, path: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n");
    send(address, &request).await
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

fn upstream(url: &str) -> Upstream {
    Upstream::new(url).expect("a loopback address")
}
