//! Clients that disconnect: whenever the future of a response is dropped, the layer goes on as if the
//! request had never been, and what it has counted is right.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt};

use super::strict::Strict;
use crate::common::Body;

type Answered = Result<Response<Body>, Infallible>;

/// More polls than any request takes.
const MAX_POLLS: usize = 100;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends two requests at a time, and drops one of them after each number of polls, until it ends by
/// itself; each time through a new layer. The other one passes, and so does another request then.
/// After that `check` looks at the accounts, and is told how many requests there were.
pub(crate) async fn survives_disconnects<L, S, C>(
    make: impl Fn() -> (L, C),
    passing: impl Fn() -> Request<Body>,
) where
    L: Layer<Strict, Service = S>,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    C: AsyncFn(u32),
{
    for disconnecting_first in [true, false] {
        for woken in [false, true] {
            let mut polls = 0;
            let mut left = true;
            while left {
                let (layer, check) = make();
                let handler = Strict::default();
                let seen = Arc::clone(&handler.seen);
                let service = layer.layer(handler);
                let disconnecting = Box::pin(service.clone().oneshot(passing()));
                let remaining = Box::pin(service.clone().oneshot(passing()));
                let case =
                    format!("leaves after {polls}, first: {disconnecting_first}, woken: {woken}");
                let remaining =
                    disconnect(disconnecting, remaining, disconnecting_first, polls, woken);
                let (remaining, has_disconnected) = timeout(TIMEOUT, remaining).await.expect(&case);
                left = has_disconnected;
                let completed = match remaining {
                    Ok(answered) => answered,
                    Err(remaining) => timeout(TIMEOUT, remaining).await.expect(&case),
                };
                assert_eq!(completed.unwrap().status(), 200, "{case}");
                let next = service.clone().oneshot(passing());
                let next = timeout(TIMEOUT, next).await.expect(&case);
                assert_eq!(next.unwrap().status(), 200, "{case}");
                assert_eq!(seen.alive.load(Ordering::SeqCst), 0, "{case}");
                check(3).await;
                polls += 1;
                assert!(polls < MAX_POLLS, "{case}");
            }
        }
    }
}

/// Polls two futures, and drops the first after this many polls: at once, or when it has been woken
/// for the next. Returns the other one or what it answered, and whether the first was dropped before
/// its end.
async fn disconnect<F>(
    disconnecting: Pin<Box<F>>,
    remaining: Pin<Box<F>>,
    disconnecting_first: bool,
    polls: usize,
    woken: bool,
) -> (Result<Answered, Pin<Box<F>>>, bool)
where
    F: Future<Output = Answered>,
{
    let (mut disconnecting, mut remaining, mut answered) = (Some(disconnecting), remaining, None);
    let mut left = polls;
    let has_disconnected = poll_fn(|cx| {
        let mut poll_remaining = |cx: &mut _| {
            if answered.is_none()
                && let Poll::Ready(response) = remaining.as_mut().poll(cx)
            {
                answered = Some(response);
            }
        };
        if !disconnecting_first {
            poll_remaining(cx);
        }
        if left == 0 {
            disconnecting = None;
            return Poll::Ready(true);
        }
        left -= 1;
        let ended = disconnecting
            .as_mut()
            .map(|disconnecting| disconnecting.as_mut().poll(cx));
        if let Some(Poll::Ready(response)) = ended {
            assert_eq!(response.unwrap().status(), 200);
            disconnecting = None;
            return Poll::Ready(false);
        }
        if disconnecting_first {
            poll_remaining(cx);
        }
        if left == 0 && !woken {
            disconnecting = None;
            return Poll::Ready(true);
        }
        Poll::Pending
    })
    .await;
    (answered.ok_or(remaining), has_disconnected)
}
