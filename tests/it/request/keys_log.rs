//! No key is in the log.

use http::{HeaderValue, Request, StatusCode};
use wythe::{ClientIp, PeerAddr, Quota, RateLimit, RequestHead, key, with_rate_limit};

use crate::common::{empty, limits::send, log::Log};

#[tokio::test]
async fn a_refusal_is_logged_without_its_key() {
    let (log, _guard) = Log::listen();
    let key = (
        key::peer(),
        key::client_ip(),
        key::dangerously_client_header("x-api-key").unwrap(),
        key::by(|head: &RequestHead<'_>| head.path().to_owned()),
    );
    let limit = RateLimit::of([Quota::per_day(1).named("daily")]);
    let limit = limit.unwrap().keyed(key);
    let (limited, shadow) = (limit.clone(), limit.shadow());
    let request = || {
        let mut request = Request::new(empty());
        *request.uri_mut() = "/hunter2".parse().unwrap();
        let value = HeaderValue::from_static("hunter2");
        request.headers_mut().insert("x-api-key", value);
        let peer = "203.0.113.77:50123".parse().unwrap();
        request.extensions_mut().insert(PeerAddr(peer));
        request.extensions_mut().insert(ClientIp(peer.ip()));
        request
    };
    let (limited, shadow) = (with_rate_limit(limited), with_rate_limit(shadow));
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(send(&limited, request()).await.status(), status);
        assert_eq!(send(&shadow, request()).await.status(), StatusCode::OK);
    }
    // Several values of the one that nobody can tell apart.
    let mut several = request();
    let value = HeaderValue::from_static("hunter2, too");
    several.headers_mut().append("x-api-key", value);
    let refused = send(&limited, several).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(!String::from_utf8_lossy(refused.body()).contains("hunter2"));

    let log = log.take();
    assert!(
        log.contains("status=429") && log.contains("status=400"),
        "{log}"
    );
    assert_eq!(log.lines().count(), 3, "{log}");
    for secret in ["hunter2", "203.0", "113", "50123"] {
        assert!(!log.contains(secret), "{log}");
    }
}
