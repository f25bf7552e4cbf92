//! Requests that no well-behaved client sends: each gets a well-formed refusal, and the server
//! keeps running.

mod support;

use std::time::Duration;

use example_api::TimeLimits;
use http::{StatusCode, Version};
use serde_json::json;
use sqlx::SqlitePool;
use support::{Api, ORIGIN, database::File, raw::problem};

const HEAD: &str =
    "POST /api/contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

fn short() -> TimeLimits {
    let limit = Duration::from_secs(1);
    TimeLimits {
        first_request: limit,
        head: limit,
        answer: limit,
        leave: Duration::ZERO,
        stop: limit,
    }
}

#[tokio::test]
async fn a_body_with_a_huge_content_length_is_rejected_before_it_is_sent() {
    let api = Api::start(Version::HTTP_11);
    let answer = api
        .send_raw(format!("{HEAD}Content-Length: 10000000000\r\n\r\n"))
        .await;
    problem(&answer, 413);
    let expecting = format!("{HEAD}Expect: 100-continue\r\nContent-Length: 10000000000\r\n\r\n");
    problem(&api.send_raw(expecting).await, 413);
}

#[tokio::test]
async fn an_endless_body_is_rejected_at_the_limit() {
    let api = Api::start(Version::HTTP_11);
    let mut raw = api.raw().await;
    let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    raw.write(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
    // Eight times the limit; the server may close the connection before that.
    for _ in 0..64 {
        if raw.write(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    problem(&raw.rest().await, 413);
    api.get("/api/hello").send().await.is(200);
}

#[tokio::test]
async fn an_endless_body_is_rejected_over_http2_too() {
    let api = Api::start(Version::HTTP_2);
    let body = vec![b'a'; 8 << 20];
    let call = api
        .post("/api/contact")
        .header("content-type", "application/json");
    call.body(body).send().await.refused(413);
    api.get("/api/hello").send().await.is(200);
}

#[tokio::test]
async fn a_body_that_never_arrives_times_out() {
    let api = Api::with(short()).await;
    let answer = api
        .send_raw(format!("{HEAD}Content-Length: 100\r\n\r\n{{"))
        .await;
    problem(&answer, 408);
}

#[tokio::test]
async fn an_incomplete_request_times_out() {
    let api = Api::with(short()).await;
    for beginning in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /api/hello HTTP/1.1\r\nHost: localhost\r\nA",
    ] {
        let mut raw = api.raw().await;
        raw.write(beginning.as_bytes()).await.unwrap();
        // Some servers send a 408 before they close; closing is enough.
        raw.rest().await;
    }
    // Half of a second request, on a connection that has had a complete one.
    let request = "GET /api/hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = api
        .send_raw(format!("{request}GET /api/hello HTTP/1.1\r\nHos"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn bytes_that_are_not_a_request_are_rejected() {
    let api = Api::start(Version::HTTP_11);
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let long = "a".repeat(1_000_000);
    let cases = [
        ("no HTTP", "hello\r\n\r\n".to_owned(), 400),
        (
            "TLS",
            "\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\0\0\0\r\n\r\n".to_owned(),
            400,
        ),
        (
            "a space in the path",
            "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            400,
        ),
        (
            "a header without a name",
            "GET / HTTP/1.1\r\n: a\r\n\r\n".to_owned(),
            400,
        ),
        (
            "two lengths",
            format!("{HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}"),
            400,
        ),
        (
            "a length below 0",
            format!("{HEAD}Content-Length: -1\r\n\r\n"),
            400,
        ),
        (
            "too many headers",
            format!("GET / HTTP/1.1\r\n{many}\r\n"),
            431,
        ),
        (
            "a header of 1 MB",
            format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"),
            431,
        ),
        (
            "a path of 1 MB",
            format!("GET /{long} HTTP/1.1\r\n\r\n"),
            431,
        ),
    ];
    for (name, request, status) in cases {
        let mut raw = api.raw().await;
        // The server may answer, and close, before it has read everything.
        let _ = raw.write(request.as_bytes()).await;
        let answer = raw.rest().await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{name}: {answer}");
    }
    api.get("/api/hello").send().await.is(200);
}

#[tokio::test]
async fn unusual_headers_and_paths_are_handled() {
    let api = Api::start(Version::HTTP_11);
    let token = api.token("ada@example.com").await;
    let protected = || api.get("/api/protected");

    let long = "a".repeat(100_000);
    let answer = protected().header("x-long", &long).bearer(&token);
    answer.send().await.is(200);
    let cases: [(&str, &[u8], u16); 8] = [
        ("authorization", long.as_bytes(), 401),
        ("authorization", b"Basic YTpi", 401),
        ("authorization", b"Bearer", 400),
        ("authorization", b"Bearer \xff", 400),
        ("authorization", b"Bearer a b", 400),
        ("cookie", long.as_bytes(), 401),
        ("cookie", b"token=\xff", 401),
        ("cookie", b"\xff; token=", 401),
    ];
    for (name, value, status) in cases {
        let answer = protected().header(name, value).send().await;
        answer.refused(status);
    }
    let twice = protected().bearer(&token).bearer(&token);
    twice.send().await.refused(400);
    let twice = protected().cookie(&token).cookie(&token);
    twice.send().await.refused(400);
    let types = api
        .post("/api/contact")
        .header("content-type", "text/plain");
    types.json(&json!({})).send().await.refused(415);
    for (coding, status) in [("br", 415), ("gzip, gzip", 415), ("gzip", 400)] {
        let packed = api.post("/api/contact").header("content-encoding", coding);
        packed.json(&json!({})).send().await.refused(status);
    }

    let docs = api.get("/api/docs/a%00b").send().await.is(200);
    assert_eq!(docs.json()["path"], "a\0b");
    let docs = api.get("/api/docs/../../etc/passwd").send().await;
    assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&docs.status));
    api.get("/api/docs/%ff").send().await.refused(400);
    let answer = api
        .send_raw(b"GET /api/docs/\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.await.starts_with("HTTP/1.1 400 "));

    let odd =
        |name: &str| json!({ "name": name, "email": "a@b", "message": "'; DROP TABLE users; --" });
    let contact = |name: &str| api.post("/api/contact").json(&odd(name)).send();
    contact("\u{1}\u{202e}").await.is(201);
    // PostgreSQL does not store it.
    contact("a\0b").await.refused(422);
    protected().bearer(&token).send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_logins_are_rejected_and_other_requests_are_still_served() {
    let api = Api::start(Version::HTTP_11);
    let mut let_through = 0;
    for m in 0..100 {
        let calls: Vec<_> = (0..100)
            .map(|n| {
                // Wrong passwords for one account have their own limit.
                let email = format!("{m}.{n}@example.com");
                let account = json!({ "email": email, "password": "a guess" });
                api.post("/api/auth/login")
                    .header("origin", ORIGIN)
                    .json(&account)
            })
            .map(|call| tokio::spawn(call.send()))
            .collect();
        for call in calls {
            let answer = call.await.unwrap();
            if answer.status == StatusCode::UNAUTHORIZED {
                let_through += 1;
                continue;
            }
            let seconds: u32 = answer.field("retry-after").parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            answer.refused(429);
        }
    }
    // One attempt is refilled every six seconds.
    assert!((10..=30).contains(&let_through), "{let_through}");
    api.get("/api/hello").send().await.is(200);
    api.register("ada@example.com").await.is(201);
}

#[tokio::test]
async fn a_connection_can_be_used_again_after_a_refusal() {
    let api = Api::start(Version::HTTP_11);
    let login = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\n\r\n{}";
    let last = "GET /api/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = api.send_raw(login.repeat(13) + last).await;
    let statuses: Vec<_> = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|a| &a[..3])
        .collect();
    let expected = [["422"; 10].as_slice(), &["429"; 3], &["200"]].concat();
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn clients_that_disconnect_leave_the_server_working() {
    let api = Api::start(Version::HTTP_11);
    let token = api.token("ada@example.com").await;
    let list = format!(
        "GET /api/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    for _ in 0..500 {
        let mut raw = api.raw().await;
        raw.write(list.as_bytes()).await.unwrap();
        // Dropped: the connection is closed while the request is being answered.
    }
    // The database is in memory, and lives as long as its one connection.
    let answer = api
        .get("/api/protected")
        .bearer(&token)
        .send()
        .await
        .is(200);
    assert_eq!(answer.json()["user"]["id"], 1);
    let user = json!({ "name": "Grace", "email": "grace@example.com" });
    let create = api.post("/api/users").bearer(&token).json(&user);
    create.send().await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_has_locked_is_a_503() {
    let file = File::new();
    let api = Api::start_with(&[("DATABASE_URL", file.path())]);
    let message = json!({ "name": "Ada", "email": "ada@example.com", "message": "Hello" });
    let write = || api.post("/api/contact").json(&message).send();
    write().await.is(201);
    let other = SqlitePool::connect(file.path()).await.unwrap();
    let mut lock = other.acquire().await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let refused = write().await;
    refused.field("retry-after");
    refused.refused(503);
    sqlx::query("ROLLBACK").execute(&mut *lock).await.unwrap();
    write().await.is(201);
}
