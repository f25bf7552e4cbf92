//! What is missing in the set-up of a server is an event, and is printed to stderr if the program has
//! no subscriber.

use std::{env, process::Command};

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wythe::{
    ClientIp, ClientIpSource, FromLayer, IpFilter, Quota, RateLimit, compose, with_client_ip,
    with_ip_filter, with_rate_limit,
};

use crate::common::log::Log;

/// The routes of [`serve`], and what is printed for each.
const MISSING: [(&str, &str, &str); 4] = [
    (
        "/limit",
        "wythe: `with_rate_limit` answers 500, because ",
        "`axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`",
    ),
    (
        "/filter",
        "wythe: `with_ip_filter` answers 500, because ",
        "`axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`",
    ),
    (
        "/client-ip",
        "wythe: `with_client_ip` answers 500, because ",
        "`axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`",
    ),
    (
        "/handler",
        "wythe: `handler` answers 500, because ",
        "asks for `ClientIp`",
    ),
];

/// Serves as in axum's own examples, without connect info, and sends each request twice.
async fn serve() {
    let limit = RateLimit::of([Quota::per_hour(1)]).unwrap().by_peer();
    let filter = IpFilter::deny(["203.0.113.0/24"]).unwrap().by_peer();
    let client_ip = with_client_ip(ClientIpSource::peer());
    let ok = async || "ok";
    let app = Router::new()
        .route("/limit", get(compose(with_rate_limit(limit)).handler(ok)))
        .route("/filter", get(compose(with_ip_filter(filter)).handler(ok)))
        .route("/client-ip", get(compose(client_ip).handler(ok)))
        .route("/handler", get(async |_: FromLayer<ClientIp>| "ok"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async { axum::serve(listener, app).await });
    for (path, ..) in MISSING.iter().chain(&MISSING) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
        assert!(!response.contains("connect_info"), "{response}");
    }
    server.abort();
}

/// In another process this variable says whether it has a subscriber.
const SUBSCRIBER: &str = "WYTHE_TEST_SUBSCRIBER";

/// The stderr of a process that only runs this test, because those of this process have subscribers.
fn stderr_of(subscriber: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "contract::set_up::in_a_process_of_its_own",
        ])
        .env(SUBSCRIBER, subscriber)
        .output()
        .unwrap();
    let (stdout, stderr) = (output.stdout, output.stderr);
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(
        String::from_utf8_lossy(&stdout).contains("1 passed"),
        "{stdout:?}"
    );
    stderr
}

#[tokio::test]
async fn in_a_process_of_its_own() {
    match env::var(SUBSCRIBER).as_deref() {
        Ok("none") => serve().await,
        Ok("some") => {
            let (log, _guard) = Log::listen();
            serve().await;
            let log = log.take();
            assert_eq!(log.lines().count(), 2 * MISSING.len(), "{log}");
            for (_, _, says) in MISSING {
                assert!(log.contains(says), "{says}: {log}");
            }
        }
        _ => {}
    }
}

#[test]
fn what_is_missing_is_printed_once_in_a_program_without_a_subscriber() {
    let stderr = stderr_of("none");
    for (path, layer, says) in MISSING {
        let lines: Vec<_> = stderr
            .lines()
            .filter(|line| line.starts_with(layer))
            .collect();
        let [line] = lines[..] else {
            panic!("{path}: {stderr}");
        };
        assert!(line.contains(says), "{path}: {line}");
    }
}

#[test]
fn what_is_missing_is_only_an_event_in_a_program_with_a_subscriber() {
    let stderr = stderr_of("some");
    assert!(!stderr.contains("wythe: "), "{stderr}");
}
