//! Whose keys they are.

use std::net::SocketAddr;

use http::StatusCode;
use tower::Layer;
use wythe::{ClientIp, Idempotency, PeerAddr, with_idempotency};

use super::{Payments, is_replay, pay, send};

#[tokio::test]
async fn each_peer_has_keys_of_its_own() {
    let payments = Payments::default();
    let service = with_idempotency(Idempotency::in_memory().by_peer()).layer(payments.handler(1));
    let from = |peer: &str| {
        let mut request = pay("a");
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(PeerAddr(peer));
        request
    };
    assert_eq!(
        send(&service, from("192.0.2.1:1")).await.body(),
        "payment 1"
    );
    assert_eq!(
        send(&service, from("192.0.2.2:1")).await.body(),
        "payment 2"
    );
    assert!(is_replay(&send(&service, from("192.0.2.1:2")).await));
    // Without an address, nothing is shared.
    let unknown = send(&service, pay("a")).await;
    assert_eq!(unknown.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn each_client_address_has_keys_of_its_own() {
    let payments = Payments::default();
    let policy = Idempotency::in_memory().by_client_ip();
    let service = with_idempotency(policy).layer(payments.handler(1));
    for (client, payment) in [("192.0.2.1", "payment 1"), ("192.0.2.2", "payment 2")] {
        let mut request = pay("a");
        request
            .extensions_mut()
            .insert(ClientIp(client.parse().unwrap()));
        assert_eq!(send(&service, request).await.body(), payment);
    }
}

#[cfg(feature = "auth")]
#[tokio::test]
async fn each_principal_has_keys_of_its_own() {
    use wythe::{Auth, key};

    #[derive(Clone)]
    struct Claims {
        tenant: u32,
        sub: String,
    }

    let by = |tenant: u32, sub: &str| {
        let mut request = pay("a");
        let sub = sub.to_owned();
        request
            .extensions_mut()
            .insert(Auth(Claims { tenant, sub }));
        request
    };
    let payments = Payments::default();
    let policy = Idempotency::in_memory().by_principal(|claims: &Claims| &claims.sub);
    let service = with_idempotency(policy).layer(payments.handler(1));
    assert_eq!(send(&service, by(1, "ada")).await.body(), "payment 1");
    assert_eq!(send(&service, by(1, "grace")).await.body(), "payment 2");
    assert!(is_replay(&send(&service, by(2, "ada")).await));

    let payments = Payments::default();
    let user = (
        key::principal(|claims: &Claims| &claims.tenant),
        key::principal(|claims: &Claims| &claims.sub),
    );
    let service = with_idempotency(Idempotency::in_memory().keyed(user)).layer(payments.handler(1));
    assert_eq!(send(&service, by(1, "ada")).await.body(), "payment 1");
    assert_eq!(send(&service, by(2, "ada")).await.body(), "payment 2");
    assert!(is_replay(&send(&service, by(1, "ada")).await));
}

#[cfg(all(feature = "auth", feature = "axum"))]
#[tokio::test]
async fn the_key_is_that_of_the_route_and_the_request_that_of_the_path() {
    use axum::{Router, routing::post};
    use http::Request;
    use tower::ServiceExt;
    use wythe::{IdempotencyKey, compose};

    async fn pay(key: Option<IdempotencyKey>) -> String {
        key.map_or_else(|| "no key".to_owned(), |key| key.as_str().to_owned())
    }

    let layer = with_idempotency(Idempotency::in_memory().dangerously_shared());
    let stack = compose((layer,));
    let app = Router::new().route("/users/{id}/payments", post(stack.handler(pay)));
    let app = Router::new().nest("/api", app);
    let send = async |path: &str, key: Option<&str>| {
        let mut request = Request::post(path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        crate::common::read(response).await
    };
    assert_eq!(send("/api/users/1/payments", None).await.body(), "no key");
    assert_eq!(send("/api/users/1/payments", Some("a")).await.body(), "a");
    assert!(is_replay(&send("/api/users/1/payments", Some("a")).await));
    let other_user = send("/api/users/2/payments", Some("a")).await;
    assert_eq!(other_user.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
