//! The limits that are measured: each is called in the same way, with a number as the key.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    num::NonZeroU32,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use governor::{
    DefaultKeyedRateLimiter, RateLimiter, clock::QuantaInstant, middleware::NoOpMiddleware,
};
use tower::{Layer, Service, service_fn};
use tower_governor::{
    GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor,
};
use wythe::{
    Later, Middleware, Quota, RateLimit, RateLimitFields, RequestHead, Step, With,
    key::By,
    rate_limit::{Limiter, Overflow},
    with_rate_limit,
};

/// Half an hour, so that no key of a benchmark becomes idle.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1_800);
/// As many as a benchmark can send, and few enough for all limits to represent.
pub(crate) const LARGE_LIMIT: u32 = 2_000_000;

thread_local! {
    /// The client of the request. Reading it costs next to nothing, as it should: it is not
    /// measured.
    static KEY: Cell<u64> = const { Cell::new(0) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Whether a request with this key passes.
pub(crate) type Check = Box<dyn FnMut(u64) -> bool>;

fn key_of(_: &RequestHead<'_>) -> u64 {
    KEY.get()
}

pub(crate) type ByNumber = By<fn(&RequestHead<'_>) -> u64>;

/// A limit of wythe, with room for this many keys.
pub(crate) fn wythe(burst: u32, keys: usize, overflow: Overflow) -> RateLimit<ByNumber> {
    let quota = Quota::per(1, INTERVAL).burst(burst);
    let limit = quota
        .by(key_of as fn(&RequestHead<'_>) -> u64)
        .expect("a quota");
    let limit = limit.fields(RateLimitFields::None);
    limit.max_keys(keys, overflow).expect("room")
}

/// With [`turn`] instead of the system's clock.
pub(crate) fn by_hand(limit: RateLimit<ByNumber>) -> RateLimit<ByNumber> {
    limit.clock(|| UNIX_EPOCH + NOW.get())
}

pub(crate) fn turn(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// The middleware's decision alone.
pub(crate) fn decide(layer: &With<Limiter<ByNumber>>, key: u64) -> bool {
    KEY.set(key);
    let step = layer.middleware().before(Request::new(()));
    matches!(black_box(step), Later::Ready(Step::Next(..)))
}

/// The cost of the request in [`decide`], without a limit.
pub(crate) fn request_alone(key: u64) -> bool {
    KEY.set(key);
    let (head, body) = black_box(Request::new(())).into_parts();
    black_box(key_of(&RequestHead::from(&head)));
    black_box(Request::from_parts(head, body));
    true
}

pub(crate) fn governor(burst: u32) -> DefaultKeyedRateLimiter<u64> {
    let quota = governor::Quota::with_period(INTERVAL).expect("not zero");
    let burst = NonZeroU32::new(burst).expect("not zero");
    RateLimiter::dashmap(quota.allow_burst(burst))
}

/// `with_rate_limit` as a layer.
pub(crate) fn wythe_layer(limit: RateLimit<ByNumber>) -> Check {
    through(with_rate_limit(limit).layer(service_fn(answer)))
}

/// governor in a handwritten layer that rejects without a body or a field.
pub(crate) fn governor_layer(burst: u32) -> Check {
    let limit = Arc::new(governor(burst));
    through(service_fn(move |request: Request<Body>| {
        let (head, body) = request.into_parts();
        if limit.check_key(&key_of(&RequestHead::from(&head))).is_ok() {
            return answer(Request::from_parts(head, body));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        ready(Ok(response))
    }))
}

pub(crate) fn tower_governor_layer(burst: u32) -> Check {
    let mut config: GovernorConfigBuilder<_, NoOpMiddleware<QuantaInstant>> =
        GovernorConfigBuilder::const_default();
    let mut config = config.key_extractor(Number);
    let config = config.period(INTERVAL).burst_size(burst).finish();
    let config = Arc::new(config.expect("a quota"));
    through(GovernorLayer::new(config).layer(service_fn(answer)))
}

fn answer(request: Request<Body>) -> Ready<Result<Response<Body>, Infallible>> {
    black_box(request);
    ready(Ok(Response::new(Body::empty())))
}

fn through<S>(mut service: S) -> Check
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
{
    Box::new(move |key| {
        KEY.set(key);
        let mut future = pin!(service.call(Request::new(Body::empty())));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(Ok(response)) = future.as_mut().poll(&mut context) {
                return black_box(response).status() == StatusCode::OK;
            }
        }
    })
}

#[derive(Clone, Copy, Debug)]
struct Number;

impl KeyExtractor for Number {
    type Key = u64;

    fn extract<T>(&self, _: &Request<T>) -> Result<u64, GovernorError> {
        Ok(KEY.get())
    }
}
