//! Which networks are allowed.

use std::net::{IpAddr, SocketAddr};

use http::{Request, StatusCode};
use tower::{Layer, ServiceExt};
use wythe::{
    ClientIp, ConfigError, IpFilter, PeerAddr, Problem, assume, compose,
    ip_filter::AddressSource,
    networks::{IntoNetwork, private_networks},
    with_ip_filter,
};

use crate::common::{Body, Ok200, empty, problem, read};

/// A request from this client, through another peer.
fn of_client(client: &str) -> Request<Body> {
    let client: IpAddr = client.parse().unwrap();
    let proxy: SocketAddr = "198.51.100.1:50123".parse().unwrap();
    let mut request = Request::new(empty());
    request.extensions_mut().insert(ClientIp(client));
    request.extensions_mut().insert(PeerAddr(proxy));
    request
}

async fn status<W: AddressSource>(filter: &IpFilter<W>, request: Request<Body>) -> StatusCode {
    let service = with_ip_filter(filter.clone()).layer(Ok200);
    let response = read(service.oneshot(request).await.unwrap()).await;
    let status = response.status();
    if status == StatusCode::FORBIDDEN {
        let json = problem(&response, status);
        assert_eq!(
            json["detail"],
            "Requests from this address are not allowed."
        );
    }
    status
}

/// Checks which of these clients are allowed.
async fn check(filter: Result<IpFilter, ConfigError>, cases: &[(&str, bool)]) {
    let filter = filter.unwrap();
    for (client, passes) in cases {
        let status = status(&filter, of_client(client)).await;
        let expected = if *passes {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(status, expected, "{client}");
    }
}

#[tokio::test]
async fn allows_the_listed_networks_and_no_others() {
    check(
        IpFilter::allow(["192.0.2.0/24", "203.0.113.7", "2001:db8::/32"]),
        &[
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("192.0.1.255", false),
            ("192.0.3.0", false),
            ("203.0.113.7", true),
            ("203.0.113.6", false),
            ("203.0.113.8", false),
            ("2001:db8::", true),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("2001:db9::", false),
            ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false),
            ("::ffff:192.0.2.1", true),
            ("::ffff:192.0.3.1", false),
            ("::192.0.2.1", false),
        ],
    )
    .await;
}

#[tokio::test]
async fn denies_the_listed_networks_and_no_others() {
    check(
        IpFilter::deny([
            "192.0.2.0/24",
            "::ffff:203.0.113.0/120",
            "2001:db8:bad::/48",
        ]),
        &[
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("203.0.113.1", false),
            ("2001:db8:bad::1", false),
            ("192.0.3.1", true),
            ("2001:db8:bae::1", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_exception_wins_whichever_network_is_larger() {
    let allow = IpFilter::allow(["192.0.2.0/24", "203.0.113.7"]);
    let allow = allow.and_then(|filter| filter.except(["192.0.2.8/29"]));
    check(
        allow.and_then(|filter| filter.except(["203.0.113.0/24"])),
        &[
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("192.0.2.15", false),
            ("192.0.2.16", true),
            ("203.0.113.7", false),
            ("198.51.100.1", false),
        ],
    )
    .await;
    let deny = IpFilter::deny(["192.0.2.0/24", "203.0.113.7"]);
    let deny = deny.and_then(|filter| filter.except(["192.0.2.8/29"]));
    check(
        deny.and_then(|filter| filter.except(["203.0.113.0/24"])),
        &[
            ("192.0.2.7", false),
            ("192.0.2.8", true),
            ("192.0.2.16", false),
            ("203.0.113.7", true),
            ("198.51.100.1", true),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_whole_family_can_be_listed() {
    check(
        IpFilter::allow(["0.0.0.0/0"]),
        &[("192.0.2.1", true), ("2001:db8::1", false)],
    )
    .await;
    check(
        IpFilter::deny(["::/0"]),
        &[("192.0.2.1", true), ("2001:db8::1", false)],
    )
    .await;
}

#[tokio::test]
async fn a_filter_by_peer_uses_the_peer_only() {
    let filter = IpFilter::allow(["198.51.100.0/24"]).unwrap().by_peer();
    assert_eq!(
        status(&filter, of_client("192.0.2.1")).await,
        StatusCode::OK
    );
    let filter = IpFilter::deny(["198.51.100.0/24"]).unwrap().by_peer();
    assert_eq!(
        status(&filter, of_client("192.0.2.1")).await,
        StatusCode::FORBIDDEN
    );
    // It needs no other layer; the filter by client IP does.
    let _stack = compose((with_ip_filter(filter),));
}

#[tokio::test]
async fn a_request_without_a_client_address_does_not_pass() {
    let deny = IpFilter::deny(["192.0.2.0/24"]).unwrap();
    let stack = compose((assume::<ClientIp>(), with_ip_filter(deny.clone())));
    let response = stack
        .layer(Ok200)
        .oneshot(Request::new(empty()))
        .await
        .unwrap();
    let response = read(response).await;
    let json = problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(json.get("detail"), None);
    let refused: &Problem = response.extensions().get().unwrap();
    assert!(
        refused
            .cause()
            .unwrap()
            .to_string()
            .contains("with_client_ip(..)")
    );

    let by_peer = with_ip_filter(deny.by_peer()).layer(Ok200);
    let response = by_peer.oneshot(Request::new(empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let refused: &Problem = response.extensions().get().unwrap();
    let cause = refused.cause().unwrap().to_string();
    assert!(
        cause.contains("into_make_service_with_connect_info"),
        "{cause}"
    );
}

#[tokio::test]
async fn ten_thousand_networks_work_like_one() {
    let network = |n: u32| format!("10.{}.{}.0/25", n / 256, n % 256);
    let filter = IpFilter::deny((0..10_000).map(network)).unwrap();
    for n in [0, 1, 4_999, 9_999] {
        let (high, low) = (n / 256, n % 256);
        let cases = [
            (format!("10.{high}.{low}.127"), false),
            (format!("10.{high}.{low}.128"), true),
        ];
        for (client, passes) in cases {
            check(Ok(filter.clone()), &[(&client, passes)]).await;
        }
    }
}

#[test]
fn rejects_a_list_without_effect() {
    let none: [&str; 0] = [];
    let cases = [
        (IpFilter::allow(none), "is empty"),
        (IpFilter::deny(none), "is empty"),
        (
            IpFilter::deny(["192.0.2.1"]).and_then(|filter| filter.except(none)),
            "is empty",
        ),
        (
            IpFilter::allow(["192.0.2.1/24"]),
            "192.0.2.0/24 or 192.0.2.1/32",
        ),
        (
            IpFilter::deny(["example.com"]),
            "example.com is not a network",
        ),
    ];
    for (filter, message) in cases {
        let error = filter.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(
        private_networks()
            .into_iter()
            .all(|network| network.into_network().is_ok())
    );
}

#[test]
fn a_printed_stack_shows_the_responses_of_the_filter() {
    let filter = IpFilter::deny(["192.0.2.0/24"]).unwrap();
    assert_eq!(format!("{filter:?}"), "IpFilter { deny: 1, except: 0, .. }");
    let stack = compose((assume::<ClientIp>(), with_ip_filter(filter))).to_string();
    assert!(
        stack.contains("403 to addresses that are not allowed"),
        "{stack}"
    );
}
