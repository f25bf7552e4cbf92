//! What clients notice of a restart: a rolling one under load, where two processes have one port and one of
//! them stops, and the end of an HTTP/2 connection.

mod support;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use example_api::{AppState, Config, TimeLimits, app, serve};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use support::{Api, config};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::{sleep, timeout},
};

const CONNECTIONS: usize = 200;

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    retried: AtomicUsize,
    failed: AtomicUsize,
    sent_once: AtomicUsize,
    lost: AtomicUsize,
    refused: AtomicUsize,
}

type Client = hyper::client::conn::http1::SendRequest<Full<Bytes>>;

/// A client with a connection that it keeps as long as the server does.
struct Worker {
    address: String,
    client: Option<Client>,
}

impl Worker {
    /// Sends a request; `None` if the connection has closed without an answer.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Option<StatusCode> {
        // A connection that the server has announced to close is not used again.
        let open = self.client.take().filter(|client| !client.is_closed());
        let mut client = match open {
            Some(client) => client,
            None => {
                let stream = TcpStream::connect(&self.address).await.ok()?;
                let io = TokioIo::new(stream);
                let (client, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
                tokio::spawn(connection);
                client
            }
        };
        client.ready().await.ok()?;
        let response = client.send_request(request).await.ok()?;
        let status = response.status();
        response.into_body().collect().await.ok()?;
        self.client = Some(client);
        Some(status)
    }
}

async fn work(mut worker: Worker, counts: Arc<Counts>, done: Arc<AtomicBool>) {
    while !done.load(Relaxed) {
        let hello = || Request::get("/api/hello").header("host", "localhost");
        let mut tries = 0;
        loop {
            match worker.send(hello().body(Full::default()).unwrap()).await {
                Some(StatusCode::OK) => counts.answered.fetch_add(1, Relaxed),
                // It is idempotent, so it is sent again: 503 says that it was not handled.
                None | Some(StatusCode::SERVICE_UNAVAILABLE) if tries < 3 => {
                    tries += 1;
                    counts.retried.fetch_add(1, Relaxed);
                    continue;
                }
                _ => counts.failed.fetch_add(1, Relaxed),
            };
            break;
        }
        let feedback =
            r#"{"name":"Ada","email":"ada@example.com","message":"It works","rating":5}"#;
        let post = Request::post("/api/feedback")
            .header("host", "localhost")
            .header("content-type", "application/json");
        let post = post.body(Full::from(feedback)).unwrap();
        match worker.send(post).await {
            Some(StatusCode::CREATED) => counts.sent_once.fetch_add(1, Relaxed),
            Some(StatusCode::SERVICE_UNAVAILABLE) => counts.refused.fetch_add(1, Relaxed),
            Some(status) => panic!("{status}"),
            None => counts.lost.fetch_add(1, Relaxed),
        };
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_200_connections_fails_no_request() {
    let shared = [
        ("REUSE_PORT", "true"),
        ("DRAIN_SECONDS", "2"),
        ("RATE_LIMIT_FACTOR", "1000000"),
    ];
    let mut old = Api::start_with(&shared);
    let port = old.address.rsplit(':').next().unwrap().to_owned();
    let counts = Arc::new(Counts::default());
    let done = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let worker = Worker {
                address: old.address.clone(),
                client: None,
            };
            tokio::spawn(work(worker, Arc::clone(&counts), Arc::clone(&done)))
        })
        .collect();
    sleep(Duration::from_secs(2)).await;
    let mut variables = shared.to_vec();
    variables.push(("PORT", &port));
    let new = Api::start_with(&variables);
    assert_eq!(new.address, old.address);

    let mut program = old.program.take().unwrap();
    let process = program.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &process]).status();
    assert!(killed.unwrap().success());
    let stopped = tokio::task::spawn_blocking(move || program.wait().unwrap());
    assert!(stopped.await.unwrap().success());
    // All of them go on with the new process.
    sleep(Duration::from_secs(2)).await;
    done.store(true, Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    let count = |count: &AtomicUsize| count.load(Relaxed);
    let (answered, failed) = (count(&counts.answered), count(&counts.failed));
    let (once, lost) = (count(&counts.sent_once), count(&counts.lost));
    let (retried, refused) = (count(&counts.retried), count(&counts.refused));
    println!(
        "idempotent: {answered} answered, {retried} sent again, {failed} failed; \
         others: {once} answered, {refused} refused, {lost} lost"
    );
    assert_eq!(failed, 0);
    assert!(answered > CONNECTIONS && once > CONNECTIONS);
    // Those in the moment between the last accept and the end of the listener.
    assert!(lost * 100 <= once, "{lost} of {once}");
}

#[tokio::test]
async fn an_http2_client_gets_goaway_and_the_answer_to_its_request() {
    let config = Config {
        time_limits: TimeLimits {
            leave: Duration::from_secs(1),
            ..TimeLimits::default()
        },
        ..config()
    };
    let state = AppState::new(&config).await.unwrap();
    let drain = state.drain.clone();
    let routes = app(&state, &config.time_limits).unwrap().routes;
    let service = routes.service(state).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        serve(listener, service, &config.time_limits, &drain, stopped).await
    });

    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let post = Request::post(format!("http://localhost:{}/api/feedback", address.port()))
        .header("content-type", "application/json");
    let (response, mut body) = client.send_request(post.body(()).unwrap(), false).unwrap();
    let feedback = br#"{"name":"Ada","email":"ada@example.com","message":"It works","rating":5}"#;
    let (first, second) = feedback.split_at(20);
    body.send_data(Bytes::from_static(first), false).unwrap();
    // The server handles the request, and waits for the rest of its body.
    sleep(Duration::from_millis(200)).await;
    stop.send(()).unwrap();

    let goaway = async {
        loop {
            match std::future::poll_fn(|cx| client.poll_ready(cx)).await {
                Ok(()) => sleep(Duration::from_millis(10)).await,
                Err(error) => return error,
            }
        }
    };
    let goaway = timeout(Duration::from_secs(10), goaway).await.unwrap();
    assert!(goaway.is_go_away() && goaway.is_remote(), "{goaway:?}");
    assert_eq!(goaway.reason(), Some(h2::Reason::NO_ERROR));

    body.send_data(Bytes::from_static(second), true).unwrap();
    let response = timeout(Duration::from_secs(10), response).await.unwrap();
    assert_eq!(response.unwrap().status(), StatusCode::CREATED);
    // Neither side has cut anything off.
    drop(client);
    let closed = timeout(Duration::from_secs(10), connection).await.unwrap();
    closed.unwrap().unwrap();
    let stopped = timeout(Duration::from_secs(10), server).await.unwrap();
    assert_eq!(stopped.unwrap().connections, 0);
}
