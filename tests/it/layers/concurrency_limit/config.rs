//! What can and can't be configured, and how a layer describes itself.

use std::time::Duration;

use http::StatusCode;
use wythe::{
    ConcurrencyLimit, ConfigError, Place, Placed, concurrency_limit::ConcurrencyLimiter, key::Key,
    stage::Stage, with_concurrency_limit,
};

use crate::common;

fn of(max: usize) -> ConcurrencyLimit {
    ConcurrencyLimit::of(max).unwrap()
}

#[test]
fn rejects_a_limit_that_would_reject_every_request() {
    const SECOND: Duration = Duration::from_secs(1);
    fn check<T>(result: Result<T, ConfigError>, says: &str) {
        let error = result.err().unwrap().to_string();
        let policy = if says == "1 to 128" {
            "Key: "
        } else {
            "ConcurrencyLimit: "
        };
        assert!(error.starts_with(policy), "{error}");
        assert!(error.contains(says), "{error}");
    }
    check(ConcurrencyLimit::of(0), "reject every request");
    check(ConcurrencyLimit::of(usize::MAX), "can be counted");
    check(of(1).queue(0, SECOND), "at least one request");
    check(of(1).queue(1, Duration::ZERO), "at least one request");
    check(of(1).by_peer().ipv6_prefix(0), "1 to 128");
    check(of(1).by_peer().ipv6_prefix(129), "1 to 128");
    check(of(1).by_client_ip().ipv6_prefix(129), "1 to 128");
    drop(of(usize::MAX >> 3));
    drop(of(1).queue(usize::MAX, Duration::MAX).unwrap());
    drop(of(1).by_client_ip().ipv6_prefix(128).unwrap());
}

#[test]
fn a_layer_describes_its_stage_and_its_refusals() {
    fn description<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>) -> (&'static str, Vec<String>) {
        let description = layer.describe();
        assert_eq!(description.name(), "with_concurrency_limit");
        assert_eq!(description.answers()[0].fields(), ["retry-after"]);
        let answers = description.answers().iter();
        (K::Stage::NAME, answers.map(ToString::to_string).collect())
    }
    let without_peer = "500 when the server does not provide the address of the peer".to_owned();
    assert_eq!(
        description(&with_concurrency_limit(of(9))),
        (
            "Admit",
            vec!["503 when 9 requests are in progress".to_owned()]
        )
    );
    assert_eq!(
        description(&with_concurrency_limit(of(9).by_peer())),
        (
            "Throttle",
            vec![
                "503 when 9 requests of its key are in progress".to_owned(),
                without_peer
            ]
        )
    );
    let queued = of(9).queue(5, Duration::from_millis(1_500)).unwrap();
    assert_eq!(
        description(&with_concurrency_limit(queued.after_auth())),
        (
            "Quota",
            vec![
                "503 when 9 requests are in progress and 5 wait, or after a wait of 1.5s"
                    .to_owned()
            ]
        )
    );
}

#[test]
fn debug_shows_the_limit_and_no_key() {
    let limit = of(9).named("uploads").by(|_| "the secret key");
    let shown = format!("{:?}", with_concurrency_limit(limit.after_auth()));
    assert!(
        shown.contains("max: 9") && shown.contains("uploads"),
        "{shown}"
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_refusal_says_when_to_retry_and_what_was_exceeded() {
    let name = |name: &'static str| of(1).named(name).retry_after(Duration::from_millis(2_001));
    let cases = [
        (of(1), "1", "concurrent-requests"),
        (
            of(1).retry_after(Duration::ZERO),
            "1",
            "concurrent-requests",
        ),
        (name("uploads"), "3", "uploads"),
    ];
    for (limit, seconds, name) in cases {
        let layer = with_concurrency_limit(limit);
        let _held = super::ask(&layer);
        let refused = super::now(common::read(super::ask(&layer)));
        let json = common::problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            json["type"],
            "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
        );
        assert_eq!(json["violated-policies"], serde_json::json!([name]));
        assert_eq!(refused.headers()["retry-after"], seconds);
    }
}
