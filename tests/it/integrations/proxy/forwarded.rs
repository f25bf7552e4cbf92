//! What an upstream gets, and what comes back.

use axum::{Router, routing::any};
use http::{StatusCode, header};
use wythe::{
    Secret, Transport, compose, proxy,
    proxy::{ForwardedFields, Upstream},
};

use super::{front, get, scripted, send, serve, status, upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nX-Other: 1\r\n\r\nok";

#[tokio::test]
async fn the_upstream_gets_path_query_fields_and_body() {
    let (url, mut heads) = scripted(OK).await;
    let key = Secret::new("Bearer key".to_owned());
    let upstream = upstream(&url)
        .credential(header::AUTHORIZATION, &key)
        .unwrap();
    let front = front(upstream).await.unwrap();
    let answer = send(
        front,
        "POST /api/a%20b/c?q=1%2F2&x=http://evil.example/ HTTP/1.1\r\nHost: front.example\r\n\
         Connection: close, x-hop\r\nX-Hop: 1\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n\
         Cookie: session=1\r\nAuthorization: Bearer mine\r\nAccept: */*\r\nContent-Length: 4\r\n\
         Via: 1.0 fred\r\n\r\nbody",
    )
    .await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(
        answer.contains("x-other: 1") && !answer.contains("set-cookie"),
        "{answer}"
    );
    let head = heads.recv().await.unwrap();
    let host = url.strip_prefix("http://").unwrap();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines[1..].sort_unstable();
    assert_eq!(
        lines,
        [
            "POST /base/a%20b/c?q=1%2F2&x=http://evil.example/ HTTP/1.1",
            "accept: */*",
            "authorization: Bearer key",
            "content-length: 4",
            &format!("host: {host}"),
            "via: 1.0 fred",
            "via: 1.1 wythe",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: front.example",
        ]
    );
}

#[tokio::test]
async fn settings_change_what_goes_on() {
    let (url, mut heads) = scripted(OK).await;
    let upstream = upstream(&url)
        .forward(header::COOKIE)
        .unwrap()
        .give_back(header::SET_COOKIE)
        .unwrap()
        .forwarded(ForwardedFields::Standard)
        .transport(Transport::tls())
        .without_query()
        .keep_host();
    let answer = send(
        front(upstream).await.unwrap(),
        "GET /api/7?q HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\nCookie: a=1\r\n\r\n",
    )
    .await;
    assert!(answer.contains("set-cookie: a=1"), "{answer}");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /base/7 HTTP/1.1\r\n"), "{head}");
    for line in [
        "host: front.example",
        "cookie: a=1",
        "forwarded: for=127.0.0.1;host=\"front.example\";proto=https",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("x-forwarded"), "{head}");
}

#[tokio::test]
async fn the_upstreams_errors_and_redirects_go_back_as_they_are() {
    for answer in [
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nours",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nours",
        "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 4\r\n\r\nours",
        "HTTP/1.0 200 OK\r\n\r\nours",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nours\r\n0\r\nSet-Cookie: a=1\r\n\r\n",
    ] {
        let (url, mut heads) = scripted(answer).await;
        let received = get(front(upstream(&url)).await.unwrap(), "/api/7").await;
        assert_eq!(status(&received), status(answer), "{received}");
        assert!(received.contains("ours"), "{received}");
        assert!(!received.contains("set-cookie"), "{received}");
        let location = "location: http://elsewhere.example/";
        assert_eq!(
            received.contains(location),
            answer.contains("Location"),
            "{received}"
        );
        heads.recv().await.unwrap();
        assert!(heads.try_recv().is_err(), "{answer}");
    }
}

#[tokio::test]
async fn head_and_304_tell_the_length_of_the_body_that_is_not_sent() {
    let (url, mut heads) = scripted("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    let front_of_head = front(upstream(&url).max_response(10)).await.unwrap();
    let request = "HEAD /api/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = send(front_of_head, request).await;
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("content-length: 1234"), "{answer}");
    assert!(heads.recv().await.unwrap().starts_with("HEAD "));

    let (url, _heads) =
        scripted("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 1234\r\n\r\n").await;
    let answer = get(front(upstream(&url)).await.unwrap(), "/api/7").await;
    assert_eq!(status(&answer), "304");
    assert!(
        answer.contains("etag: \"1\"") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn connect_and_trace_are_not_forwarded_and_max_forwards_is_counted_down() {
    let (url, mut heads) = scripted(OK).await;
    let front = front(upstream(&url)).await.unwrap();
    let close = "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let answer = send(front, &format!("TRACE /api/7 {close}\r\n")).await;
    assert_eq!(status(&answer), "501", "{answer}");
    let answer = send(
        front,
        &format!("OPTIONS /api/7 {close}Max-Forwards: 0\r\n\r\n"),
    )
    .await;
    assert_eq!(status(&answer), "204", "{answer}");
    heads.try_recv().unwrap_err();
    send(
        front,
        &format!("OPTIONS /api/7 {close}Max-Forwards: 7\r\n\r\n"),
    )
    .await;
    assert!(heads.recv().await.unwrap().contains("max-forwards: 6"));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (connections, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let url = super::raw_upstream(move |mut stream| {
        let _ = connections.send(());
        async move {
            while !super::read_head(&mut stream).await.is_empty() {
                use tokio::io::AsyncWriteExt;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                drop(stream.write_all(answer).await);
            }
        }
    })
    .await;
    let front = front(upstream(&url)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(status(&get(front, "/api/7").await), "200");
    }
    opened.recv().await.unwrap();
    opened.try_recv().unwrap_err();
}

#[tokio::test]
async fn the_key_is_in_no_debug_output_and_no_problem() {
    let key = Secret::new("Bearer swordfish".to_owned());
    let upstream = Upstream::new("http://127.0.0.1:1/")
        .unwrap()
        .credential(header::AUTHORIZATION, &key)
        .unwrap();
    assert!(!format!("{upstream:?}").contains("swordfish"));
    let proxy = proxy(upstream).unwrap();
    assert!(!format!("{proxy:?}").contains("swordfish"));
    let front = serve(Router::new().route("/", any(compose(()).handler(proxy)))).await;
    let answer = get(front, "/").await;
    assert_eq!(status(&answer), StatusCode::BAD_GATEWAY.as_str());
    assert!(!answer.contains("swordfish"), "{answer}");
    let invalid = Secret::new("sword\nfish".to_owned());
    let error = Upstream::new("http://127.0.0.1:1/")
        .unwrap()
        .credential(header::AUTHORIZATION, &invalid)
        .unwrap_err();
    assert!(!format!("{error:?} {error}").contains("fish"), "{error:?}");
}

#[test]
fn urls_and_settings_are_checked() {
    for url in [
        "",
        "/users",
        "users.example",
        "ftp://users.example",
        "http://users.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "https://user:password@users.example",
        "https://users.example/a/../b",
        "https://users.example//a",
        "https://users.example/?key=1",
        "https://users.example/#a",
    ] {
        assert!(Upstream::new(url).is_err(), "{url}");
    }
    drop(Upstream::dangerously_plain("http://10.0.0.1").unwrap());
    let upstream = || Upstream::new("https://users.example").unwrap();
    upstream().timeout(std::time::Duration::ZERO).unwrap_err();
    upstream().forward(header::CONNECTION).unwrap_err();
    upstream().give_back(header::TRANSFER_ENCODING).unwrap_err();
    proxy(upstream().roots("no PEM")).unwrap_err();
}

#[test]
fn a_field_that_is_written_for_the_upstream_is_not_taken_from_clients() {
    let made = |field: &'static str, fields: ForwardedFields| {
        let upstream = Upstream::new("http://127.0.0.1:4000").unwrap();
        let field = http::HeaderName::from_static(field);
        proxy(upstream.forward(field).unwrap().forwarded(fields)).map(drop)
    };
    for (field, fields) in [
        ("x-forwarded-for", ForwardedFields::XForwarded),
        ("x-forwarded-host", ForwardedFields::XForwarded),
        ("x-forwarded-proto", ForwardedFields::XForwarded),
        ("x_forwarded_proto", ForwardedFields::XForwarded),
        ("forwarded", ForwardedFields::Standard),
    ] {
        let error = made(field, fields).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
        made(field, ForwardedFields::Nothing).unwrap();
    }
    made("forwarded", ForwardedFields::XForwarded).unwrap();
    made("x-forwarded-prefix", ForwardedFields::XForwarded).unwrap();
}
