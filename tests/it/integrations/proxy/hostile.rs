//! Clients that want more than the route gives.

use axum::{Router, routing::any};
use proptest::prelude::*;
use wythe::{Api, compose, proxy, proxy::Upstream};

use super::{front, get, scripted, send, serve, status, upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Paths of the client, and what the upstream sees; 400 if there is none.
const PATHS: [(&str, Option<&str>); 22] = [
    ("/users/7", Some("/base/users/7")),
    ("/users/a%3Fb%23c", Some("/base/users/a%3Fb%23c")),
    ("/users/a@b:80", Some("/base/users/a%40b%3A80")),
    ("/users/http:", Some("/base/users/http%3A")),
    ("/users/..", None),
    ("/users/.", None),
    ("/users/%2e%2e", None),
    ("/users/%2e%2e%2fadmin", None),
    ("/users/..%2fadmin", None),
    ("/users/..%5cadmin", None),
    ("/users/..\\admin", None),
    ("/users/%252e%252e", None),
    ("/users/%252e%252e%252fadmin", None),
    ("/users/..;", None),
    ("/users/..;%2fadmin", None),
    ("/users/7%2forders", None),
    ("/users/%2f%2fevil.example", None),
    ("/users/7%00", None),
    ("/users/7%0d%0aHost:%20evil.example", None),
    ("/users/%ff", None),
    ("/users/%c0%ae%c0%ae", None),
    ("/users/%E2%80%A5", Some("/base/users/%E2%80%A5")),
];

#[tokio::test]
async fn no_parameter_leads_to_another_path() {
    let (url, mut heads) = scripted(OK).await;
    let handler = || {
        let upstream = upstream(&url).path("/base/users/{id}").unwrap();
        compose(()).handler(proxy(upstream).unwrap())
    };
    let by_axum = serve(Router::new().route("/users/{id}", any(handler()))).await;
    let api = Api::<()>::new("Users", "1").get("/users/{id}", handler());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let by_api = listener.local_addr().unwrap();
    let api = api.service(()).unwrap();
    tokio::spawn(async move { api.serve(listener).await });
    for front in [by_axum, by_api] {
        for (path, expected) in PATHS {
            let answer = get(front, path).await;
            match expected {
                Some(expected) => {
                    assert_eq!(status(&answer), "200", "{path}: {answer}");
                    let head = heads.recv().await.unwrap();
                    assert_eq!(head.split(' ').nth(1), Some(expected), "{path}");
                }
                None => assert_eq!(status(&answer), "400", "{path}: {answer}"),
            }
            assert!(heads.try_recv().is_err(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_target_of_a_request_chooses_no_host() {
    let (url, mut heads) = scripted(OK).await;
    let front = front(upstream(&url)).await.unwrap();
    for target in [
        "http://evil.example/api/7",
        "http://user@evil.example:99/api/7",
        "/api/7",
    ] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&send(front, &request).await), "200", "{target}");
        let head = heads.recv().await.unwrap();
        assert!(head.starts_with("GET /base/7 HTTP/1.1\r\n"), "{head}");
        let host = url.strip_prefix("http://").unwrap();
        assert!(head.contains(&format!("host: {host}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn a_host_has_no_user_name() {
    let (url, mut heads) = scripted(OK).await;
    let front = front(upstream(&url).keep_host()).await.unwrap();
    let request = "GET http://user:password@front.example:99/api/7 HTTP/1.1\r\n\
                   Host: front.example:99\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&send(front, request).await), "200");
    let head = heads.recv().await.unwrap();
    for line in [
        "\r\nhost: front.example:99\r\n",
        "\r\nx-forwarded-host: front.example:99\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
}

/// Requests whose length two servers could read in two ways. Whatever hyper makes of them, the upstream
/// gets at most one request on a connection.
#[tokio::test]
async fn no_request_is_smuggled() {
    let smuggled = "GET /api/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for fields in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
        "Content-Length: 0, 40\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length: 0\r\n\t40\r\n\r\n",
        "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nConnection: transfer-encoding, content-length, close\r\n\r\n0\r\n\r\n",
        "Connection: content-length, close\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (url, mut heads) = scripted(OK).await;
        let front = front(upstream(&url)).await.unwrap();
        let request = format!("POST /api/7 HTTP/1.1\r\nHost: a\r\n{fields}{smuggled}");
        // The front may answer the second request as well, as one of the client's own: then it is forwarded
        // as one of its own.
        let last = "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        send(front, &format!("{request}{last}")).await;
        while let Ok(head) = heads.try_recv() {
            let lengths = head.matches("content-length: ").count();
            let chunked = head.matches("transfer-encoding: ").count();
            assert!(lengths + chunked <= 1, "{fields:?}: {head}");
            assert_eq!(head.matches("HTTP/1.1").count(), 1, "{fields:?}: {head}");
            assert!(
                !head.contains("\r\n\t") && !head.contains("\r\n "),
                "{head}"
            );
        }
    }
}

#[tokio::test]
async fn connection_can_not_remove_what_is_written() {
    let (url, mut heads) = scripted(OK).await;
    let front = front(upstream(&url)).await.unwrap();
    let request = "GET /api/7 HTTP/1.1\r\nHost: a\r\n\
        Connection: close, x-forwarded-for, x-forwarded-host, via, host\r\n\r\n";
    assert_eq!(status(&send(front, request).await), "200");
    let head = heads.recv().await.unwrap();
    for field in [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host",
        "via: 1.1",
        "host: 127",
    ] {
        assert!(head.contains(field), "{head}");
    }
}

proptest! {
    #[test]
    fn every_value_gives_the_same_host_and_prefix_or_none(id in ".*", rest in "([a.%2eEfF5c/\\\\;]|.){0,20}") {
        let upstream = Upstream::new("https://users.example/base")
            .and_then(|upstream| upstream.path("/users/{id}/files/{*rest}"))
            .expect("an upstream");
        if let Ok(uri) = upstream.uri(&[("id", &id), ("rest", &rest)]) {
            prop_assert_eq!(uri.host(), Some("users.example"));
            prop_assert_eq!(uri.query(), None);
            let path = uri.path();
            let segments: Vec<_> = path.split('/').collect();
            prop_assert_eq!(&segments[..3], &["", "base", "users"]);
            prop_assert_eq!(segments[4], "files");
            prop_assert_eq!(segments.len() - 5, rest.split('/').count());
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte)));
            let decoded = percent_decode(path);
            prop_assert!(decoded.split(['/', '\\']).all(|segment| segment != "." && segment != ".."));
            prop_assert_eq!(decoded.matches('/').count(), segments.len() - 1);
        }
    }
}

/// Decodes as often as there is something to decode.
fn percent_decode(path: &str) -> String {
    let mut text = path.to_owned();
    loop {
        let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
        let next = form_urlencoded::parse(query.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned());
        match next {
            Some(next) if next != text => text = next,
            _ => return text,
        }
    }
}
