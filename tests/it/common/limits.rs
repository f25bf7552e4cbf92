//! Shared by the tests of rate limits: a clock that the test advances, and a client.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use tower::Layer;
use wythe::{Clock, PeerAddr, With, key::Key, rate_limit::Limiter};

use super::{Body, Ok200, empty, read};

/// A clock that does not advance until it is set, and that can be set back.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub fn advance(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(time, Ordering::SeqCst);
    }

    pub fn set(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap();
        self.0.store(time, Ordering::SeqCst);
    }

    /// For `RateLimit::clock`.
    pub fn now(&self) -> Clock {
        let clock = self.clone();
        Clock::from(move || UNIX_EPOCH + Duration::from_nanos(clock.0.load(Ordering::SeqCst)))
    }
}

/// A request from this address.
pub fn from_peer(peer: &str) -> Request<Body> {
    let peer: SocketAddr = peer.parse().unwrap();
    let mut request = Request::new(empty());
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

/// Sends a request through the layer to a handler that answers 200 `ok`.
pub async fn send<K: Key>(layer: &With<Limiter<K>>, request: Request<Body>) -> Response<Bytes> {
    read(
        tower::ServiceExt::oneshot(layer.layer(Ok200), request)
            .await
            .unwrap(),
    )
    .await
}

/// Sends a request from the peer that most tests use.
pub async fn call<K: Key>(layer: &With<Limiter<K>>) -> Response<Bytes> {
    send(layer, from_peer("203.0.113.9:50123")).await
}

/// The text of a field that occurs at most once.
#[track_caller]
pub fn field<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    let name: HeaderName = name.parse().unwrap();
    let mut all = response.headers().get_all(&name).iter();
    let first = all.next();
    assert_eq!(all.next(), None, "{name} stands once");
    first.map(|value| value.to_str().unwrap())
}

/// The seconds of `Retry-After` on a well-formed refusal; `None` on success.
#[track_caller]
pub fn refused(response: &Response<Bytes>) -> Option<u64> {
    if response.status() == StatusCode::OK {
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
        return None;
    }
    super::problem(response, StatusCode::TOO_MANY_REQUESTS);
    let seconds = field(response, "retry-after").unwrap().parse().unwrap();
    assert_ne!(seconds, 0);
    Some(seconds)
}

/// An item of a `RateLimit` field.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub remaining: u64,
    pub window: Option<u64>,
}

/// Parses `"a";r=1;t=2, "b";r=3`, with names without escapes.
pub fn items(field: &str) -> Vec<Item> {
    let item = |text: &str| {
        let mut parts = text.split(';');
        let name = parts.next().unwrap();
        let name = name.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        let remaining = parts.next().unwrap().strip_prefix("r=").unwrap();
        let window = parts
            .next()
            .map(|t| t.strip_prefix("t=").unwrap().parse().unwrap());
        assert_eq!(parts.next(), None);
        Item {
            name: name.to_owned(),
            remaining: remaining.parse().unwrap(),
            window,
        }
    };
    field.split(", ").map(item).collect()
}
