//! Accepts connections and serves them, with a time limit on everything.
//!
//! `axum::serve` sets none: a client that sends half a request would hold its connection forever.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown, graceful::Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::Notify,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use wythe::api::{ApiService, ConnectedApi};

/// How long each step may take.
#[derive(Clone, Debug)]
pub struct TimeLimits {
    /// The first request of a connection, until its handler starts.
    pub first_request: Duration,
    /// The head of each request, in HTTP/1.
    pub head: Duration,
    /// The response to a request, including reading its body.
    pub answer: Duration,
    /// Responses that are still in progress when the server stops.
    pub stop: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(10),
            head: Duration::from_secs(10),
            answer: Duration::from_secs(15),
            stop: Duration::from_secs(20),
        }
    }
}

/// Serves HTTP/1 and HTTP/2 until `stop` completes, and then finishes the requests in progress.
pub async fn serve(
    listener: TcpListener,
    api: ApiService,
    limits: &TimeLimits,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (api, limits) = (api.clone().connected(peer), limits.clone());
                tokio::spawn(serve_one(stream, api, limits, graceful.watcher()));
            }
            // Too many open files, for example: some will be closed soon.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
    drop(listener);
    // What takes longer is aborted.
    let _: Result<(), _> = timeout(limits.stop, graceful.shutdown()).await;
}

async fn serve_one(stream: TcpStream, api: ConnectedApi, limits: TimeLimits, watcher: Watcher) {
    let begun = Arc::new(Notify::new());
    let beginning = Arc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        beginning.notify_one();
        api.clone().oneshot(request)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20));
    let connection = server.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection.into_owned()));
    select! {
        // Errors of the client's connection are not ours.
        _ = &mut connection => return,
        () = begun.notified() => {}
        () = sleep(limits.first_request) => return,
    }
    let _: Result<(), _> = connection.await;
}
