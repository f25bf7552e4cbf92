//! Accepts connections and serves them, with time limits on what clients send and on what handlers do, and
//! stops without losing requests.
//!
//! `axum::serve` sets no limits: a client that sends half a request would hold its connection forever. How
//! slowly a client reads is not limited here, nor how many connections there are: a proxy in front does both.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{Request, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tower::ServiceExt;
use wythe::{
    BodyLimit, ConfigError, Drain,
    api::{ApiService, ConnectedApi},
    drain::Phase,
};

/// How long each step may take.
#[derive(Clone, Debug)]
pub struct TimeLimits {
    /// The first request of a connection, until its handler starts.
    pub first_request: Duration,
    /// The head of each request, in HTTP/1.
    pub head: Duration,
    /// The response to a request, including reading its body.
    pub answer: Duration,
    /// How long requests are still served when the server stops, so that load balancers notice first.
    pub leave: Duration,
    /// Responses that are still in progress when the server stops, and work after the answer, together.
    pub stop: Duration,
}

impl TimeLimits {
    /// The limits of a body, of which the handler gets the rest of the time.
    pub(crate) fn body(&self, max_bytes: usize) -> Result<BodyLimit, ConfigError> {
        BodyLimit::bytes(max_bytes)
            .idle(self.answer / 3)?
            .within(self.answer * 2 / 3)
    }
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(10),
            head: Duration::from_secs(10),
            answer: Duration::from_secs(15),
            leave: Duration::ZERO,
            stop: Duration::from_secs(20),
        }
    }
}

/// How a server has stopped.
#[derive(Debug)]
pub struct Stopped {
    /// How many connections were cut off.
    pub connections: usize,
    /// What is left of [`TimeLimits::stop`], for work after the answer.
    pub left: Duration,
}

/// Serves HTTP/1 and HTTP/2 until `stop` completes. Then it
///
/// 1. is not ready any more, but serves: HTTP/1 connections close after their next response, HTTP/2 connections
///    get GOAWAY;
/// 2. after a while stops accepting, closes idle connections, and refuses what still comes;
/// 3. waits for the responses in progress. What takes longer is cut off.
///
/// The answer says how many were cut off, and what is left of the time to stop.
pub async fn serve(
    listener: TcpListener,
    api: ApiService,
    limits: &TimeLimits,
    drain: &Drain,
    stop: impl Future<Output = ()>,
) -> Stopped {
    let mut connections = JoinSet::new();
    let mut stop = pin!(async {
        stop.await;
        drain.leave();
        sleep(limits.leave).await;
    });
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let api = api.clone().connected(peer);
                    connections.spawn(serve_one(stream, api, limits.clone(), drain.clone()));
                }
                // Too many open files, for example: some will be closed soon.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    drain.refuse();
    let end = Instant::now() + limits.stop;
    // Clients whose connection waits to be accepted would see it reset.
    while let Ok(Ok((stream, peer))) = timeout(Duration::ZERO, listener.accept()).await {
        let api = api.clone().connected(peer);
        connections.spawn(serve_one(stream, api, limits.clone(), drain.clone()));
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let connections = match timeout_at(end, all).await {
        Ok(()) => 0,
        Err(_) => connections.len(),
    };
    let left = end.saturating_duration_since(Instant::now());
    Stopped { connections, left }
}

async fn serve_one(stream: TcpStream, api: ConnectedApi, limits: TimeLimits, drain: Drain) {
    let begun = Arc::new(Notify::new());
    let beginning = Arc::clone(&begun);
    let is_http2 = Arc::new(AtomicBool::new(false));
    let seen_http2 = Arc::clone(&is_http2);
    let service = service_fn(move |request: Request<Incoming>| {
        seen_http2.store(request.version() == Version::HTTP_2, Ordering::Relaxed);
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
    let mut connection = pin!(connection.into_owned());
    select! {
        // Errors of the client's connection are not ours.
        _ = connection.as_mut() => return,
        () = begun.notified() => {}
        () = sleep(limits.first_request) => return,
        () = drain.reached(Phase::Refusing) => {}
    }
    select! {
        _ = connection.as_mut() => return,
        () = drain.reached(Phase::Leaving) => {}
    }
    // With GOAWAY the client knows which requests are not going to be answered. An HTTP/1 connection that is
    // closed while the client sends a request loses it, so it is left to `Connection: close` first.
    if !is_http2.load(Ordering::Relaxed) {
        select! {
            _ = connection.as_mut() => return,
            () = drain.reached(Phase::Refusing) => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    let _: Result<(), _> = connection.await;
}
