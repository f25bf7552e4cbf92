//! Which client address each source finds.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Builder};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    ClientIp, ClientIpSource, ConfigError, PeerAddr, Problem, With, compose,
    networks::{Network, private_networks},
    with_client_ip,
};

use crate::common::{Body, empty, problem, read};

/// The response to a request: the address that reached the handler, or a refusal.
async fn answer(source: &ClientIpSource, request: Request<Body>) -> Response<Bytes> {
    let layer: With<ClientIpSource> = with_client_ip(source.clone());
    let handler = service_fn(async |request: Request<Body>| {
        let ClientIp(address) = request.extensions().get().expect("the layer leaves it");
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(address.to_string())))
    });
    read(layer.layer(handler).oneshot(request).await.unwrap()).await
}

/// A request from this peer, or from none, with these lines of a field.
fn request(peer: &str, name: &str, lines: &[&str]) -> Request<Body> {
    let with_line = |request: Builder, line: &&str| request.header(name, *line);
    let mut request = lines.iter().fold(Request::get("/"), with_line);
    if !peer.is_empty() {
        let peer: IpAddr = peer.parse().unwrap();
        request = request.extension(PeerAddr(SocketAddr::new(peer, 50_123)));
    }
    request.body(empty()).unwrap()
}

/// The address, or the reason that the log has for the refusal.
async fn found(source: &ClientIpSource, request: Request<Body>) -> Result<String, String> {
    let response = answer(source, request).await;
    if response.status() == StatusCode::OK {
        return Ok(String::from_utf8(response.body().to_vec()).unwrap());
    }
    let json = problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(json.get("detail"), None, "the client is told nothing");
    let refused: &Problem = response.extensions().get().unwrap();
    Err(refused.cause().unwrap().to_string())
}

type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a str);

/// Checks each case: its description, the peer, the lines of the field, and the address or the
/// reason that the log has for the refusal.
async fn check(source: Result<ClientIpSource, ConfigError>, field: &str, cases: &[Case<'_>]) {
    let source = source.unwrap();
    for (name, peer, lines, expected) in cases {
        match found(&source, request(peer, field, lines)).await {
            Ok(address) => assert_eq!(&address, expected, "{name}"),
            Err(cause) => {
                assert!(cause.contains(expected), "{name}: {cause}");
                let addresses = ["203.0.113", "6.6.6.6", "10.0.0", "3fff", "proxy.local"];
                for address in addresses {
                    assert!(!cause.contains(address), "{name}: {cause}");
                }
            }
        }
    }
}

const NO_PEER: &str = "into_make_service_with_connect_info::<SocketAddr>()";
const NO_FIELD: &str = "the proxy must set it";
const ONLY_PROXIES: &str = "only addresses of trusted proxies";
const HIDDEN: &str = "a proxy hides the address of the client";
const MALFORMED: &str = "is not an address";
const NO_CLIENT: &str = "is an address that no client can have";
const NO_CLIENT_PEER: &str = "the address of the peer is one that no client can have";

#[tokio::test]
async fn the_peer_is_the_client_whatever_the_headers_say() {
    check(
        Ok(ClientIpSource::peer()),
        "x-forwarded-for",
        &[
            ("IPv4", "203.0.113.9", &[], "203.0.113.9"),
            ("IPv6", "2001:db8::9", &[], "2001:db8::9"),
            ("mapped", "::ffff:203.0.113.9", &[], "203.0.113.9"),
            ("with a field", "203.0.113.9", &["6.6.6.6"], "203.0.113.9"),
            ("no peer", "", &["6.6.6.6"], NO_PEER),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_last_value_of_a_field_is_the_client() {
    check(
        ClientIpSource::header("Fly-Client-IP"),
        "fly-client-ip",
        &[
            ("one value", "", &["203.0.113.9"], "203.0.113.9"),
            ("its port", "", &["203.0.113.9:4711"], "203.0.113.9"),
            ("IPv6", "", &["2001:db8::9"], "2001:db8::9"),
            ("two lines", "", &["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
            ("two values", "", &["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            (
                "rubbish before it",
                "",
                &["\"", "x, 203.0.113.9"],
                "203.0.113.9",
            ),
            ("no field", "10.0.0.5", &[], NO_FIELD),
            ("an empty field", "", &[""], MALFORMED),
            ("an empty last value", "", &["6.6.6.6,"], MALFORMED),
            ("an empty last line", "", &["6.6.6.6", ""], MALFORMED),
            ("a name", "", &["client.example.com"], MALFORMED),
            ("unknown", "", &["unknown"], HIDDEN),
        ],
    )
    .await;
}

#[tokio::test]
async fn x_forwarded_for_is_walked_from_the_right_past_trusted_networks() {
    let source = ClientIpSource::x_forwarded_for(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]);
    check(
        source,
        "x-forwarded-for",
        &[
            (
                "an untrusted peer",
                "203.0.113.9",
                &["6.6.6.6"],
                "203.0.113.9",
            ),
            (
                "an untrusted peer without the field",
                "203.0.113.9",
                &[],
                "203.0.113.9",
            ),
            ("one proxy", "10.0.0.5", &["203.0.113.9"], "203.0.113.9"),
            (
                "a mapped proxy",
                "::ffff:10.0.0.5",
                &["203.0.113.9"],
                "203.0.113.9",
            ),
            ("a proxy with IPv6", "2001:db8::5", &["3fff::9"], "3fff::9"),
            (
                "spoofed",
                "10.0.0.5",
                &["6.6.6.6, 203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "spoofed as trusted",
                "10.0.0.5",
                &["10.0.0.9, 203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "two proxies",
                "10.0.0.5",
                &["6.6.6.6, 203.0.113.9, 10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "three",
                "10.0.0.5",
                &["203.0.113.9, 192.0.2.7, 10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "several lines",
                "10.0.0.5",
                &["6.6.6.6", "203.0.113.9", "10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "spaces and ports",
                "10.0.0.5",
                &["x,203.0.113.9:80 ,\t10.0.0.6:81"],
                "203.0.113.9",
            ),
            (
                "IPv6 with a port",
                "10.0.0.5",
                &["[3fff::9]:80, [2001:db8::1]:81"],
                "3fff::9",
            ),
            (
                "a trusted one, mapped",
                "10.0.0.5",
                &["203.0.113.9, ::ffff:10.0.0.6"],
                "203.0.113.9",
            ),
            ("a zone", "10.0.0.5", &["fe80::9%eth0"], "fe80::9"),
            (
                "rubbish on the left",
                "10.0.0.5",
                &["\",;=\\, 203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "a line of rubbish",
                "10.0.0.5",
                &["", "unknown", "203.0.113.9"],
                "203.0.113.9",
            ),
        ],
    )
    .await;
}

/// RFC 9110, section 5.6.1.2.
#[tokio::test]
async fn empty_elements_are_skipped() {
    check(
        ClientIpSource::x_forwarded_for(["10.0.0.0/8"]),
        "x-forwarded-for",
        &[
            (
                "an empty element",
                "10.0.0.5",
                &["6.6.6.6, 203.0.113.9, , 10.0.0.6,"],
                "203.0.113.9",
            ),
            (
                "an empty last line",
                "10.0.0.5",
                &["203.0.113.9", ""],
                "203.0.113.9",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn rejects_x_forwarded_for_if_no_trusted_proxy_names_the_client() {
    let source = ClientIpSource::x_forwarded_for(["10.0.0.0/8"]);
    check(
        source,
        "x-forwarded-for",
        &[
            ("no peer", "", &["203.0.113.9"], NO_PEER),
            ("no field", "10.0.0.5", &[], NO_FIELD),
            ("an empty field", "10.0.0.5", &[""], NO_FIELD),
            ("only commas", "10.0.0.5", &[" , ", ","], NO_FIELD),
            (
                "only proxies",
                "10.0.0.5",
                &["10.0.0.7, 10.0.0.6"],
                ONLY_PROXIES,
            ),
            ("a hidden client", "10.0.0.5", &["6.6.6.6, unknown"], HIDDEN),
            (
                "a hidden proxy",
                "10.0.0.5",
                &["203.0.113.9, unknown, 10.0.0.6"],
                HIDDEN,
            ),
            (
                "a name",
                "10.0.0.5",
                &["203.0.113.9, proxy.local"],
                MALFORMED,
            ),
            ("a Unix socket", "10.0.0.5", &["6.6.6.6, unix:"], MALFORMED),
        ],
    )
    .await;
}

#[tokio::test]
async fn forwarded_is_walked_from_the_right_past_trusted_networks() {
    check(
        ClientIpSource::forwarded(private_networks()),
        "forwarded",
        &[
            (
                "an untrusted peer",
                "203.0.113.9",
                &["for=6.6.6.6"],
                "203.0.113.9",
            ),
            (
                "one proxy",
                "127.0.0.1",
                &["for=203.0.113.9;proto=https"],
                "203.0.113.9",
            ),
            (
                "spoofed",
                "::1",
                &["for=6.6.6.6, for=203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "two proxies",
                "172.16.0.1",
                &[r#"For="[3fff::9]:80", for="[fd00::1]""#],
                "3fff::9",
            ),
            (
                "several lines",
                "10.0.0.5",
                &["for=6.6.6.6", "for=203.0.113.9"],
                "203.0.113.9",
            ),
            (
                "a comma in a string",
                "10.0.0.5",
                &[r#"for=203.0.113.9;x="a, for=6.6.6.6""#],
                "203.0.113.9",
            ),
            (
                "a stray quote",
                "10.0.0.5",
                &[r#"for=", for=203.0.113.9"#],
                "203.0.113.9",
            ),
            (
                "a string that swallows",
                "10.0.0.5",
                &[r#"for=6.6.6.6;x="a, for="[3fff::9]""#],
                "3fff::9",
            ),
            (
                "a stray quote in a line",
                "10.0.0.5",
                &["for=\"", "for=203.0.113.9"],
                "203.0.113.9",
            ),
            ("no peer", "", &["for=203.0.113.9"], NO_PEER),
            ("no field", "10.0.0.5", &[], NO_FIELD),
            ("only proxies", "10.0.0.5", &["for=10.0.0.6"], ONLY_PROXIES),
            ("unknown", "10.0.0.5", &["for=6.6.6.6, for=unknown"], HIDDEN),
            (
                "obfuscated",
                "10.0.0.5",
                &[r#"for=6.6.6.6, for="_gazonk:_x""#],
                HIDDEN,
            ),
            (
                "no `for`",
                "10.0.0.5",
                &["for=6.6.6.6, by=10.0.0.5;proto=https"],
                MALFORMED,
            ),
            (
                "`for` twice",
                "10.0.0.5",
                &["for=6.6.6.6;for=203.0.113.9"],
                MALFORMED,
            ),
            (
                "an empty element",
                "10.0.0.5",
                &["for=6.6.6.6, for=203.0.113.9, ,"],
                "203.0.113.9",
            ),
            ("only pairs", "10.0.0.5", &["for=6.6.6.6, ;"], MALFORMED),
        ],
    )
    .await;
}

#[tokio::test]
async fn with_a_fixed_number_of_proxies_the_outermost_names_the_client() {
    check(
        ClientIpSource::x_forwarded_for_behind(1),
        "x-forwarded-for",
        &[
            ("one entry", "", &["203.0.113.9"], "203.0.113.9"),
            ("spoofed", "", &["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            (
                "a second line",
                "10.0.0.5",
                &["6.6.6.6", "203.0.113.9"],
                "203.0.113.9",
            ),
            ("a private client", "", &["6.6.6.6, 10.0.0.9"], "10.0.0.9"),
            ("no field", "10.0.0.5", &[], NO_FIELD),
            ("an empty field", "", &[""], NO_FIELD),
            ("an empty element", "", &["203.0.113.9, "], "203.0.113.9"),
            ("no address", "", &["6.6.6.6, x"], MALFORMED),
        ],
    )
    .await;
    check(
        ClientIpSource::x_forwarded_for_behind(3),
        "x-forwarded-for",
        &[
            (
                "three entries",
                "",
                &["203.0.113.9, 10.0.0.7, 10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "spoofed",
                "",
                &["6.6.6.6, 203.0.113.9", "10.0.0.7, 10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "hidden proxies",
                "",
                &["203.0.113.9, unknown, unix:"],
                "203.0.113.9",
            ),
            ("no field", "", &[], NO_FIELD),
            ("one entry", "", &["203.0.113.9"], "has 1 of the 3 entries"),
            (
                "two entries",
                "",
                &["203.0.113.9, 10.0.0.6"],
                "has 2 of the 3 entries",
            ),
            (
                "an empty element is not an entry",
                "",
                &["203.0.113.9, 10.0.0.6, "],
                "has 2 of the 3 entries",
            ),
        ],
    )
    .await;
    check(
        ClientIpSource::forwarded_behind(2),
        "forwarded",
        &[
            (
                "two entries",
                "",
                &["for=203.0.113.9, for=10.0.0.6"],
                "203.0.113.9",
            ),
            (
                "spoofed",
                "",
                &["for=6.6.6.6;x=\"", "for=203.0.113.9, for=_lb"],
                "203.0.113.9",
            ),
            (
                "one entry",
                "",
                &["for=203.0.113.9"],
                "has 1 of the 2 entries",
            ),
            ("hidden", "", &["for=_hidden, for=10.0.0.6"], HIDDEN),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_proxy_is_the_client_of_its_own_requests_if_allowed() {
    let allowed = |source: Result<ClientIpSource, ConfigError>| {
        Ok(source.unwrap().dangerously_allow_proxies_as_clients())
    };
    let trusted = ClientIpSource::x_forwarded_for(["10.0.0.0/8"]);
    check(
        allowed(trusted),
        "x-forwarded-for",
        &[
            ("a health check", "::ffff:10.0.0.5", &[], "10.0.0.5"),
            ("a neighbour", "10.0.0.5", &["10.0.0.9"], "10.0.0.9"),
            (
                "a neighbour by two",
                "10.0.0.5",
                &["10.0.0.9, 10.0.0.6"],
                "10.0.0.9",
            ),
            (
                "a client",
                "10.0.0.5",
                &["10.0.0.9, 203.0.113.9"],
                "203.0.113.9",
            ),
            ("no peer", "", &[], NO_PEER),
            ("rubbish", "10.0.0.5", &["x"], MALFORMED),
            ("an empty field", "10.0.0.5", &[""], "10.0.0.5"),
        ],
    )
    .await;
    check(
        allowed(ClientIpSource::header("x-real-ip")),
        "x-real-ip",
        &[
            ("a health check", "10.0.0.5", &[], "10.0.0.5"),
            ("no peer", "", &[], NO_PEER),
            ("a client", "", &["203.0.113.9"], "203.0.113.9"),
        ],
    )
    .await;
    let behind = ClientIpSource::x_forwarded_for_behind(2);
    check(
        allowed(behind),
        "x-forwarded-for",
        &[
            ("a health check", "10.0.0.5", &[], "10.0.0.5"),
            (
                "too few",
                "10.0.0.5",
                &["203.0.113.9"],
                "has 1 of the 2 entries",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_address_that_no_client_can_have_is_rejected() {
    let none = [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "::",
        "ff02::1",
        "::ffff:0.0.0.0",
        "::ffff:224.0.0.1",
    ];
    for address in none {
        let peer = ClientIpSource::peer();
        let case = (address, address, &[][..], NO_CLIENT_PEER);
        check(Ok(peer), "x-forwarded-for", &[case]).await;

        let list = format!("203.0.113.9, {address}");
        let lines = [&*list];
        let proxied = |field| [(address, "10.0.0.5", &lines[..], NO_CLIENT), field];
        let no_peer = (address, address, &[][..], NO_CLIENT_PEER);
        let trusted = ClientIpSource::x_forwarded_for(["10.0.0.0/8"]);
        check(trusted, "x-forwarded-for", &proxied(no_peer)).await;
        let number = ClientIpSource::x_forwarded_for_behind(1);
        check(number, "x-forwarded-for", &proxied(no_peer)[..1]).await;
        let header = ClientIpSource::header("x-real-ip");
        check(header, "x-real-ip", &proxied(no_peer)[..1]).await;

        let list = format!("for=203.0.113.9, for=\"[{address}]\"");
        if address.contains(':') {
            let trusted = ClientIpSource::forwarded(["10.0.0.0/8"]);
            let case = (address, "10.0.0.5", &[&*list][..], NO_CLIENT);
            check(trusted, "forwarded", &[case]).await;
        }
    }
}

#[tokio::test]
async fn each_entrance_has_its_source_and_the_peer_decides() {
    let source = || {
        ClientIpSource::x_forwarded_for(["10.0.1.0/24"])?
            .for_peers(
                ["10.0.2.0/24", "fd00::/8"],
                ClientIpSource::header("x-tunnel")?,
            )?
            .for_peers(["10.0.0.0/16"], ClientIpSource::peer())
    };
    check(
        source(),
        "x-forwarded-for",
        &[
            (
                "the load balancer",
                "10.0.1.5",
                &["203.0.113.9"],
                "10.0.1.5",
            ),
            ("no entrance", "203.0.113.9", &["6.6.6.6"], "203.0.113.9"),
            (
                "the field of the other",
                "10.0.2.5",
                &["6.6.6.6"],
                "`x-tunnel`",
            ),
            ("no peer", "", &["203.0.113.9"], NO_PEER),
        ],
    )
    .await;
    check(
        source(),
        "x-tunnel",
        &[
            ("the tunnel", "10.0.2.5", &["203.0.113.9"], "203.0.113.9"),
            ("mapped", "::ffff:10.0.2.5", &["203.0.113.9"], "203.0.113.9"),
            ("by IPv6", "fd00::1", &["203.0.113.9"], "203.0.113.9"),
            ("from outside", "203.0.113.9", &["6.6.6.6"], "203.0.113.9"),
        ],
    )
    .await;
    let two = ClientIpSource::x_forwarded_for(["10.0.1.0/24"])
        .and_then(|source| source.for_peers(["10.0.2.0/24"], ClientIpSource::header("x-tunnel")?));
    check(
        two,
        "x-forwarded-for",
        &[
            ("listed", "10.0.1.5", &["203.0.113.9"], "203.0.113.9"),
            (
                "a spoofed field",
                "10.0.1.5",
                &["6.6.6.6, 203.0.113.9"],
                "203.0.113.9",
            ),
        ],
    )
    .await;
}

#[test]
fn rejects_entrances_that_are_none() {
    let none: [&str; 0] = [];
    let cases = [
        (
            ClientIpSource::peer().for_peers(none, ClientIpSource::peer()),
            "empty",
        ),
        (
            ClientIpSource::peer().for_peers(["::/0"], ClientIpSource::peer()),
            "every address is trusted",
        ),
        (
            ClientIpSource::peer().for_peers(["tunnel.local"], ClientIpSource::peer()),
            "is not a network",
        ),
    ];
    for (source, message) in cases {
        let error = source.unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn rejects_sources_that_would_let_clients_choose_their_address() {
    let none: [&str; 0] = [];
    let cases = [
        (
            ClientIpSource::x_forwarded_for(none),
            "`ClientIpSource::peer()`",
        ),
        (ClientIpSource::forwarded(none), "`ClientIpSource::peer()`"),
        (
            ClientIpSource::x_forwarded_for_behind(0),
            "`ClientIpSource::peer()`",
        ),
        (
            ClientIpSource::forwarded_behind(0),
            "`ClientIpSource::peer()`",
        ),
        (
            ClientIpSource::x_forwarded_for(["0.0.0.0/0"]),
            "every address is trusted",
        ),
        (
            ClientIpSource::x_forwarded_for(["10.0.0.0/8", "::/0"]),
            "every address is trusted",
        ),
        (
            ClientIpSource::forwarded(["::ffff:0:0/96"]),
            "every address is trusted",
        ),
        (
            ClientIpSource::forwarded(["128.0.0.0/1", "0.0.0.0/1"]),
            "every address is trusted",
        ),
        (
            ClientIpSource::x_forwarded_for(["10.0.0.1/8"]),
            "10.0.0.0/8 or 10.0.0.1/32",
        ),
        (
            ClientIpSource::x_forwarded_for(["proxy.local"]),
            "proxy.local is not a network",
        ),
        (
            ClientIpSource::header("X-Forwarded-For"),
            "`ClientIpSource::x_forwarded_for(..)`",
        ),
        (
            ClientIpSource::header("forwarded"),
            "`ClientIpSource::forwarded(..)`",
        ),
        (
            ClientIpSource::header("CloudFront-Viewer-Address"),
            "use `X-Forwarded-For`",
        ),
        (ClientIpSource::header("x real ip"), "not a field name"),
        (ClientIpSource::header(""), "not a field name"),
    ];
    for (source, message) in cases {
        let error = source.unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn trusted_proxies_may_be_strings_addresses_or_networks() {
    let texts = vec![String::from("10.0.0.0/8")];
    let addresses: [IpAddr; 1] = ["10.0.0.5".parse().unwrap()];
    let networks: [Network; 1] = ["10.0.0.0/8".parse().unwrap()];
    let all = networks.into_iter().chain(private_networks());
    let sources = [
        ClientIpSource::x_forwarded_for(&texts),
        ClientIpSource::x_forwarded_for(texts),
        ClientIpSource::x_forwarded_for("10.0.0.0/8 192.0.2.1".split(' ')),
        ClientIpSource::x_forwarded_for(addresses),
        ClientIpSource::x_forwarded_for(networks.iter()),
        ClientIpSource::x_forwarded_for(all),
    ];
    let counts = sources.map(|source| format!("{:?}", source.unwrap()));
    let expected = ["1", "1", "2", "1", "1", "7"];
    for (shown, count) in counts.iter().zip(expected) {
        assert!(shown.contains(&format!("past {count} networks")), "{shown}");
    }
}

#[test]
fn debug_and_the_printed_stack_show_the_source_and_no_address() {
    let source = ClientIpSource::x_forwarded_for(["10.0.0.0/8", "192.0.2.7"]).unwrap();
    let shown = format!("{source:?}");
    assert!(shown.contains("x-forwarded-for past 2 networks"), "{shown}");
    assert!(!shown.contains("10.0"), "{shown}");
    let stack = compose((with_client_ip(source),)).to_string();
    assert!(stack.contains("with_client_ip"), "{stack}");
    assert!(
        stack.contains("500 when the proxies do not send the address of the client"),
        "{stack}"
    );
}

#[tokio::test]
async fn replaces_an_address_that_the_extensions_already_hold() {
    let source = ClientIpSource::peer();
    let mut request = request("203.0.113.9", "x", &[]);
    let spoofed: IpAddr = "6.6.6.6".parse().unwrap();
    request.extensions_mut().insert(ClientIp(spoofed));
    assert_eq!(found(&source, request).await.unwrap(), "203.0.113.9");
}

/// A scan that looked at anything twice would take hours.
#[tokio::test]
async fn a_huge_field_is_scanned_once() {
    let source = ClientIpSource::x_forwarded_for(["10.0.0.0/8"]).unwrap();
    let line = format!("6.6.6.6, 203.0.113.9{}", ", 10.0.0.6".repeat(200_000));
    let request_of = |name, line: &str| request("10.0.0.5", name, &[line]);
    let address = found(&source, request_of("x-forwarded-for", &line)).await;
    assert_eq!(address.unwrap(), "203.0.113.9");

    let source = ClientIpSource::forwarded(["10.0.0.0/8"]).unwrap();
    let element = r#", for="10.0.0.6";x="\\\"\\""#.repeat(50_000);
    let line = format!("for=6.6.6.6, for=203.0.113.9{element}");
    let address = found(&source, request_of("forwarded", &line)).await;
    assert_eq!(address.unwrap(), "203.0.113.9");
    for rubbish in ["\"", "\\", "\\\"", ",", ";", "="] {
        let line = rubbish.repeat(1_000_000);
        let refused = found(&source, request_of("forwarded", &line)).await;
        let reason = if rubbish == "," { NO_FIELD } else { MALFORMED };
        assert!(refused.unwrap_err().contains(reason), "{rubbish}");
    }
}
