//! On sockets, with clients that write all before they read.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use axum::Router;
use bytes::Bytes;
use http::StatusCode;
use tokio::{net::TcpListener, task::spawn_blocking};
use wythe::{Api, LingeringClose, api::Concern, compose, with_lingering_close};

const KIB: usize = 1024;

/// An API with a route that answers 401 without a look at the body, and one that reads it.
async fn serve(lingering: LingeringClose) -> SocketAddr {
    let refuse = async || (StatusCode::UNAUTHORIZED, "who are you?");
    let read = async |body: Bytes| format!("{} bytes", body.len());
    let api = Api::<()>::new("Test", "1.0.0")
        .post("/refuse", compose(()).handler(refuse))
        .post(
            "/read",
            compose(())
                .handler(read)
                .allow(Concern::NoBodyLimit, "a test"),
        );
    let service = api.service(()).unwrap().lingering_close(lingering);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { service.serve(listener).await });
    address
}

fn request(path: &str, fields: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\n{fields}\r\n")
}

/// One response with a `Content-Length`, as far as it comes.
fn read_answer(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(text),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Writes all, waits, and only then reads.
async fn write_first(address: SocketAddr, head: String, body: Vec<u8>) -> std::io::Result<String> {
    let exchange = move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(head.as_bytes())?;
        // Head and body in segments of their own, as most clients send them.
        std::thread::sleep(Duration::from_millis(20));
        for piece in body.chunks(16 * KIB) {
            stream.write_all(piece)?;
        }
        std::thread::sleep(Duration::from_millis(100));
        read_answer(&mut stream)
    };
    spawn_blocking(exchange).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_write_first_get_the_answer() {
    let address = serve(LingeringClose::new()).await;
    let sized = |bytes: usize| request("/refuse", &format!("content-length: {bytes}\r\n"));
    let chunked = request("/refuse", "transfer-encoding: chunked\r\n");
    let mut chunks = format!("{:x}\r\n", 300 * KIB).into_bytes();
    chunks.resize(chunks.len() + 300 * KIB, b'x');
    chunks.extend_from_slice(b"\r\n0\r\n\r\n");
    let cases = [
        ("one byte", sized(1), vec![b'x'; 1], false),
        ("in one segment", sized(1_000), vec![b'x'; 1_000], false),
        (
            "as much as fits",
            sized(1024 * KIB),
            vec![b'x'; 1024 * KIB],
            false,
        ),
        // Nobody knows how much is left.
        ("chunked", chunked, chunks, true),
    ];
    for (case, head, body, closes) in cases {
        let answer = write_first(address, head, body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 401"), "{case}: {answer}");
        assert!(answer.ends_with("who are you?"), "{case}: {answer}");
        assert_eq!(
            answer.contains("connection: close"),
            closes,
            "{case}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_used_again_when_all_was_read() {
    let address = serve(LingeringClose::new()).await;
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        for path in ["/refuse", "/read", "/refuse", "/refuse", "/read"] {
            let head = request(path, "content-length: 100000\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&[b'x'; 100_000]).unwrap();
            let answer = read_answer(&mut stream).unwrap();
            let expected = if path == "/read" {
                "100000 bytes"
            } else {
                "who are you?"
            };
            assert!(answer.ends_with(expected), "{path}: {answer}");
        }
    };
    spawn_blocking(exchange).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_an_invitation_is_not_invited() {
    let lingering = LingeringClose::new();
    let address = serve(lingering.clone()).await;
    let head = request("/refuse", "content-length: 5\r\nexpect: 100-continue\r\n");
    let answer = write_first(address, head, Vec::new()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(lingering.in_progress(), 0);

    // Where the body is read, it is.
    let head = request("/read", "content-length: 5\r\nexpect: 100-continue\r\n");
    let answer = write_first(address, head, b"hello".to_vec()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 100 Continue"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_on_is_bounded_in_bytes_time_and_number() {
    // Announced, but it never comes: the connection closes when the time has passed.
    let silent = |lingering: LingeringClose| async move {
        let address = serve(lingering).await;
        let begin = Instant::now();
        let exchange = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let head = request("/refuse", "content-length: 100000\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = spawn_blocking(exchange).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        (answer.contains("connection: close"), begin.elapsed())
    };
    let within = Duration::from_millis(300);
    let (closes, time) = silent(LingeringClose::new().within(within)).await;
    assert!(!closes && time >= within, "{time:?}");

    // Too much, or no place: at once.
    for lingering in [
        LingeringClose::new().max_bytes(0),
        LingeringClose::new().max_at_once(0).unwrap(),
    ] {
        let (closes, time) = silent(lingering).await;
        assert!(closes && time < Duration::from_secs(4), "{time:?}");
    }
    // It may come, so it is waited for.
    let (closes, time) = silent(LingeringClose::new().max_bytes(99_999).within(within)).await;
    assert!(closes && time >= within, "{time:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_frees_its_place() {
    // No clock reaches that.
    let lingering = LingeringClose::new().within(Duration::MAX);
    let address = serve(lingering.clone()).await;
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = request("/refuse", "content-length: 100000\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"some").unwrap();
        read_answer(&mut stream).unwrap()
    };
    assert!(
        spawn_blocking(exchange)
            .await
            .unwrap()
            .ends_with("who are you?")
    );
    for _ in 0..500 {
        if lingering.in_progress() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("its place is not free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_layer_does_it_for_a_router_of_axum() {
    let refuse = axum::routing::post(async || (StatusCode::UNAUTHORIZED, "who are you?"));
    let app: Router = Router::new()
        .route("/refuse", refuse)
        .layer(compose(with_lingering_close(LingeringClose::new())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let head = request("/refuse", &format!("content-length: {}\r\n", 512 * KIB));
    let answer = write_first(address, head, vec![b'x'; 512 * KIB])
        .await
        .unwrap();
    assert!(answer.ends_with("who are you?"), "{answer}");
}

#[test]
fn outside_of_a_runtime_nothing_is_read_on() {
    use std::{pin::pin, task::Context};
    use tower::{Layer, Service};

    let handler = tower::service_fn(|_: http::Request<wythe::Body>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
            wythe::Body::empty(),
        )))
    });
    let mut service = with_lingering_close(LingeringClose::new()).layer(handler);
    let request = http::Request::new(wythe::Body::from("never read"));
    let response = pin!(service.call(request));
    let context = &mut Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(response)) = response.poll(context) else {
        panic!("nothing waits");
    };
    assert_eq!(response.headers()["connection"], "close");
}
