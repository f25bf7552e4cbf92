//! Upstreams that fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::{Instant, sleep, timeout},
};
use wythe::{Timeout, compose, proxy, with_timeout};

use super::{SECOND, front, get, raw_upstream, read_head, scripted, send, serve, status, upstream};

const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn an_upstream_that_refuses_connections_is_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let front = front(upstream(&url)).await.unwrap();
    let answer = get(front, "/api/7").await;
    assert_eq!(status(&answer), "502", "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(!answer.contains("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_504() {
    let url = raw_upstream(|stream| async move {
        sleep(60 * SECOND).await;
        drop(stream);
    })
    .await;
    let slow = upstream(&url).timeout(MOMENT).unwrap();
    let answer = get(front(slow).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "504", "{answer}");

    // An earlier deadline takes precedence.
    let handler = compose(with_timeout(Timeout::after(MOMENT).unwrap().gateway()))
        .handler(proxy(upstream(&url)).unwrap());
    let front = serve(Router::new().route("/", any(handler))).await;
    let started = Instant::now();
    assert_eq!(status(&get(front, "/").await), "504");
    assert!(started.elapsed() < 5 * SECOND);
}

#[tokio::test]
async fn responses_that_are_not_valid_are_502() {
    for answer in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (url, _heads) = scripted(answer).await;
        let front = front(upstream(&url)).await.unwrap();
        assert_eq!(status(&get(front, "/api/7").await), "502", "{answer:?}");
    }
}

#[tokio::test]
async fn a_huge_head_is_502() {
    let url = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let line = format!("A: {}\r\n", "x".repeat(1000));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n").await);
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    })
    .await;
    let front = front(upstream(&url)).await.unwrap();
    assert_eq!(status(&get(front, "/api/7").await), "502");
}

#[tokio::test]
async fn a_flood_of_interim_responses_ends_with_the_time() {
    let url = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        while stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let flooding = upstream(&url).timeout(MOMENT).unwrap();
    let front = front(flooding).await.unwrap();
    assert_eq!(status(&get(front, "/api/7").await), "504");
}

#[tokio::test]
async fn interim_responses_are_not_given_back() {
    let (url, _heads) = scripted(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let answer = get(front(upstream(&url)).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(!answer.contains("103"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_the_client_as_incomplete() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    ] {
        let (url, _heads) = scripted(answer).await;
        let received = get(front(upstream(&url)).await.unwrap(), "/api/7").await;
        assert_eq!(status(&received), "200", "{received}");
        let is_chunked = received.contains("transfer-encoding: chunked");
        let is_complete = if is_chunked {
            received.ends_with("0\r\n\r\n")
        } else {
            received.len() > 1000
        };
        assert!(!is_complete, "{answer}: {received}");
    }
}

#[tokio::test]
async fn bytes_beyond_the_length_are_not_given_back() {
    let (url, _heads) =
        scripted("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nmore").await;
    let answer = get(front(upstream(&url)).await.unwrap(), "/api/7").await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn a_response_that_is_too_large_is_502_or_cut_off() {
    let (url, _heads) = scripted("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
    let limited = upstream(&url).max_response(1000);
    assert_eq!(
        status(&get(front(limited).await.unwrap(), "/api/7").await),
        "502"
    );

    let url = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
        while stream.write_all(&[b'x'; 100]).await.is_ok() {}
    })
    .await;
    let limited = upstream(&url).max_response(10_000);
    let answer = get(front(limited).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "200");
    let bytes = answer.bytes().filter(|byte| *byte == b'x').count();
    assert!(bytes <= 10_000 && !answer.ends_with("0\r\n\r\n"), "{bytes}");
}

#[tokio::test]
async fn a_slow_body_passes_and_one_that_stalls_ends() {
    let url = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        drop(
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
                .await,
        );
        for _ in 0..10 {
            drop(stream.write_all(b"x").await);
            sleep(MOMENT / 4).await;
        }
        sleep(60 * SECOND).await;
    })
    .await;
    let front = front(upstream(&url).idle(MOMENT).unwrap()).await.unwrap();
    let answer = get(front, "/api/7").await;
    assert!(answer.ends_with("\r\n\r\nxxxxxxxxxx"), "{answer}");
}

#[tokio::test]
async fn a_slow_client_does_not_make_the_upstream_late() {
    let url = raw_upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let mut body = [0; 5];
        drop(stream.read_exact(&mut body).await);
        sleep(MOMENT / 2).await;
        drop(
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await,
        );
    })
    .await;
    let front = front(upstream(&url).timeout(MOMENT).unwrap())
        .await
        .unwrap();
    let mut stream = TcpStream::connect(front).await.unwrap();
    let head = "POST /api/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..5 {
        sleep(MOMENT / 2).await;
        stream.write_all(b"x").await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "200", "{answer}");
}

#[tokio::test]
async fn only_safe_requests_without_a_body_are_sent_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let url = raw_upstream({
        let count = Arc::clone(&count);
        move |mut stream| {
            let count = Arc::clone(&count);
            async move {
                read_head(&mut stream).await;
                // Closed without a response.
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let front = front(upstream(&url)).await.unwrap();
    for (request, attempts) in [
        ("GET /api/7 HTTP/1.1\r\n", 2),
        ("HEAD /api/7 HTTP/1.1\r\n", 2),
        ("OPTIONS /api/7 HTTP/1.1\r\n", 2),
        ("GET /api/7 HTTP/1.1\r\nContent-Length: 1\r\n", 1),
        ("POST /api/7 HTTP/1.1\r\nContent-Length: 0\r\n", 1),
        ("PUT /api/7 HTTP/1.1\r\nContent-Length: 0\r\n", 1),
        ("DELETE /api/7 HTTP/1.1\r\n", 1),
    ] {
        let before = count.load(Ordering::SeqCst);
        let request = format!("{request}Host: a\r\nConnection: close\r\n\r\n");
        let body = if request.contains(": 1\r") { "x" } else { "" };
        let answer = send(front, &format!("{request}{body}")).await;
        assert_eq!(status(&answer), "502", "{request}");
        assert_eq!(count.load(Ordering::SeqCst) - before, attempts, "{request}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_request() {
    let (closed, is_closed) = oneshot::channel();
    let closed = Arc::new(std::sync::Mutex::new(Some(closed)));
    let (arrived, mut has_arrived) = tokio::sync::mpsc::unbounded_channel();
    let url = raw_upstream(move |mut stream| {
        let (closed, arrived) = (Arc::clone(&closed), arrived.clone());
        async move {
            read_head(&mut stream).await;
            let _ = arrived.send(());
            // The end of the connection.
            drop(stream.read_u8().await);
            if let Some(closed) = closed.lock().unwrap().take() {
                let _ = closed.send(());
            }
        }
    })
    .await;
    let front = front(upstream(&url)).await.unwrap();
    let mut stream = TcpStream::connect(front).await.unwrap();
    stream
        .write_all(b"GET /api/7 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    has_arrived.recv().await.unwrap();
    drop(stream);
    timeout(5 * SECOND, is_closed)
        .await
        .expect("in time")
        .unwrap();
}
