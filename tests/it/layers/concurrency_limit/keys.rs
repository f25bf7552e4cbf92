//! Limits by key: each key has its own limit, and is forgotten as soon as it is not needed.

use std::net::{IpAddr, SocketAddr};

use http::{Request, StatusCode, request::Parts};
use wythe::{
    ClientIp, ConcurrencyLimit, PeerAddr, Placed, Problem, RequestHead,
    concurrency_limit::ConcurrencyLimiter, key::Key, stage, with_concurrency_limit,
};

use super::{Answer, counts, now, send};
use crate::common::{Body, empty, problem, read};

fn of(max: usize) -> ConcurrencyLimit {
    ConcurrencyLimit::of(max).unwrap()
}

fn with<T: Clone + Send + Sync + 'static>(extension: T) -> Request<Body> {
    let mut request = Request::new(empty());
    request.extensions_mut().insert(extension);
    request
}

fn by_number(head: &RequestHead<'_>) -> Option<u32> {
    head.extensions().get().copied()
}

#[track_caller]
fn ask<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>, request: Request<Body>) -> Answer {
    let Ok(answer) = now(send(layer, request));
    answer
}

#[test]
fn each_key_has_its_own_limit() {
    let layer = with_concurrency_limit(of(2).by(by_number));
    let mut held = Vec::new();
    for key in 0..100_u32 {
        for expected in [200, 200, 503, 503] {
            let answer = ask(&layer, with(key));
            assert_eq!(answer.status(), expected, "key {key}");
            held.push(answer);
        }
    }
    assert_eq!(counts(&layer), (200, 0));
    assert_eq!(layer.inner().keys(), 100);

    // The places of key 0 are free again; those of the other keys are not.
    drop(held.drain(..4));
    assert_eq!(layer.inner().keys(), 99);
    assert_eq!(ask(&layer, with(0_u32)).status(), StatusCode::OK);
    assert_eq!(
        ask(&layer, with(1_u32)).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[test]
fn requests_without_a_key_share_one_limit() {
    let layer = with_concurrency_limit(of(1).by(by_number));
    let _held = ask(&layer, Request::new(empty()));
    assert_eq!(
        ask(&layer, Request::new(empty())).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(ask(&layer, with(0_u32)).status(), StatusCode::OK);
}

#[test]
fn a_key_is_forgotten_with_its_last_request() {
    let layer = with_concurrency_limit(of(3).by(by_number));
    for _ in 0..3 {
        let mut held: Vec<_> = (0..3_000_u32)
            .map(|n| ask(&layer, with(n % 1_000)))
            .collect();
        assert_eq!(layer.inner().keys(), 1_000);
        // One request of each key is enough to keep it.
        held.truncate(1_000);
        assert_eq!(layer.inner().keys(), 1_000);
        assert_eq!(counts(&layer), (1_000, 0));
        drop(held);
        assert_eq!(layer.inner().keys(), 0);
        assert_eq!(counts(&layer), (0, 0));
    }
}

#[test]
fn a_forgotten_key_starts_with_all_places_free() {
    let layer = with_concurrency_limit(of(2).by(by_number));
    for key in 0..2_000_u32 {
        let held = [ask(&layer, with(key)), ask(&layer, with(key))];
        assert!(held.iter().all(|answer| answer.status() == StatusCode::OK));
        assert_eq!(
            ask(&layer, with(key)).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}

#[test]
fn peers_are_counted_by_address_without_port_and_ipv6_by_network() {
    let cases = [
        ("203.0.113.9:1", "203.0.113.9:2", 64, true),
        ("203.0.113.9:1", "203.0.113.10:1", 64, false),
        ("203.0.113.9:1", "[::ffff:203.0.113.9]:1", 64, true),
        ("[2001:db8::1]:1", "[2001:db8::2]:1", 64, true),
        ("[2001:db8::1]:1", "[2001:db8::2]:1", 128, false),
        ("[2001:db8:0:1::]:1", "[2001:db8:0:2::]:1", 64, false),
        ("[2001:db8:0:1::]:1", "[2001:db8:0:2::]:1", 48, true),
    ];
    for (one, other, prefix, same) in cases {
        let (one, other): (SocketAddr, SocketAddr) = (one.parse().unwrap(), other.parse().unwrap());
        let by_peer = of(1).by_peer().ipv6_prefix(prefix).unwrap();
        let by_peer = with_concurrency_limit(by_peer);
        let _held = ask(&by_peer, with(PeerAddr(one)));
        let refused = ask(&by_peer, with(PeerAddr(other))).status() != StatusCode::OK;
        assert_eq!(refused, same, "{one} {other} /{prefix}");

        let by_client = of(1).by_client_ip().ipv6_prefix(prefix).unwrap();
        let by_client = with_concurrency_limit(by_client);
        let ip = |address: SocketAddr| -> IpAddr { address.ip() };
        let _held = ask(&by_client, with(ClientIp(ip(one))));
        let refused = ask(&by_client, with(ClientIp(ip(other)))).status() != StatusCode::OK;
        assert_eq!(refused, same, "{one} {other} /{prefix}");
    }
}

#[test]
fn a_request_without_the_address_that_the_key_needs_never_passes() {
    fn check<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>, says: &str) {
        let answer = now(read(ask(layer, Request::new(empty()))));
        problem(&answer, StatusCode::INTERNAL_SERVER_ERROR);
        let cause = answer.extensions().get::<Problem>().unwrap().cause();
        let cause = cause.unwrap().to_string();
        assert!(cause.contains(says), "{cause}");
        assert_eq!((counts(layer), layer.inner().keys()), ((0, 0), 0));
    }
    check(&with_concurrency_limit(of(1).by_peer()), "wythe::PeerAddr");
    check(
        &with_concurrency_limit(of(1).by_client_ip()),
        "with_client_ip",
    );
}

#[test]
fn a_custom_key_may_reject_a_request() {
    struct Tenant;
    impl Key for Tenant {
        type Value = u32;
        type Stage = stage::Quota;
        type Needs = ();
        fn of(&self, head: &mut Parts) -> Result<u32, Problem> {
            by_number(&RequestHead::from(&*head))
                .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST).detail("no tenant"))
        }
    }
    let layer = with_concurrency_limit(of(1).keyed(Tenant));
    let answer = now(read(ask(&layer, Request::new(empty()))));
    assert_eq!(
        problem(&answer, StatusCode::BAD_REQUEST)["detail"],
        "no tenant"
    );
    assert_eq!(ask(&layer, with(7_u32)).status(), StatusCode::OK);
}
