//! One thing to measure: an app, and a request to it.

use std::{
    convert::Infallible,
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode},
    response::Response,
};
use tower::{Service, ServiceExt};

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    work: Work,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// Makes the request and drops it.
    Request(fn() -> Request<Bytes>),
    /// Makes the request, and has the app answer it with this status.
    Answer(fn() -> Router, fn() -> Request<Bytes>, StatusCode),
    /// Does part of the work of a request.
    Part(fn() -> Run),
}

/// A case that is ready to run: each call is one request.
pub type Run = Box<dyn FnMut()>;

impl Case {
    /// A request that is built and dropped: every other case pays this too.
    #[must_use]
    pub const fn request(name: &'static str, request: fn() -> Request<Bytes>) -> Self {
        let work = Work::Request(request);
        Self { name, work }
    }

    /// A request that the app answers with this status.
    #[must_use]
    pub const fn answer(
        name: &'static str,
        status: StatusCode,
        request: fn() -> Request<Bytes>,
        app: fn() -> Router,
    ) -> Self {
        let work = Work::Answer(app, request, status);
        Self { name, work }
    }

    /// Part of the work of a request, after its preparation.
    #[must_use]
    pub const fn part(name: &'static str, part: fn() -> Run) -> Self {
        let work = Work::Part(part);
        Self { name, work }
    }

    /// Builds the app and sends it a first request, whose response is not checked: it may be the
    /// one that uses up a limit. Every other response is checked, because a benchmark that measures
    /// a refusal by accident is worse than none.
    pub(crate) fn start(self) -> Run {
        match self.work {
            Work::Request(request) => {
                let request = copies(request());
                Box::new(move || drop(black_box(request())))
            }
            Work::Part(part) => part(),
            Work::Answer(app, request, expected) => {
                answered(self.name, connection(app()), request(), expected)
            }
        }
    }
}

/// Sends a request to a service again and again, and checks the status of every response but the
/// first. hyper calls a clone of the connection's service for each request, and so does this.
pub fn answered<S>(
    name: &'static str,
    connection: S,
    request: Request<Bytes>,
    expected: StatusCode,
) -> Run
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + 'static,
{
    let request = copies(request);
    let send = move || finish(connection.clone().oneshot(request()));
    let Ok(_) = send();
    Box::new(move || {
        let Ok(response) = send();
        assert_eq!(response.status(), expected, "{name}");
        drop(black_box(response));
    })
}

/// The service that `axum::serve` makes for a connection: it has converted the router once (a
/// router that is called without that builds its routes again for each request), and gives each
/// request the peer's address.
fn connection(
    app: Router,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible> + Clone {
    let peer = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 9), 51_820));
    let mut server = app.into_make_service_with_connect_info::<SocketAddr>();
    let Ok(connection) = finish(server.call(peer));
    connection
}

/// Copies of a request. A server's parser builds a request with less work than the builder does,
/// and with about as few allocations as a copy.
fn copies(request: Request<Bytes>) -> impl Fn() -> Request<Body> {
    let (head, body) = request.into_parts();
    move || Request::from_parts(head.clone(), Body::from(body.clone()))
}

/// Runs a future that never has to wait: the whole request is in memory.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
