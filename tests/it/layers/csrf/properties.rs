//! A simple statement of the rules, compared with the layer: over every combination of what
//! browsers send, and over what no browser sends.

use proptest::prelude::*;
use wythe::Csrf;

use super::{APP, request, send};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "QUERY",
];
const SITES: [Option<&str>; 7] = [
    None,
    Some("same-origin"),
    Some("none"),
    Some("same-site"),
    Some("cross-site"),
    Some("SAME-ORIGIN"),
    Some(""),
];
const UPGRADES: [Option<&str>; 4] = [None, Some("websocket"), Some("WebSocket"), Some("h2c")];
/// An origin with its host and port, if it is an HTTP or HTTPS origin.
const ORIGINS: [(Option<&str>, Option<(&str, u16)>); 12] = [
    (None, None),
    (Some("null"), None),
    (Some("https://example.com"), Some(("example.com", 443))),
    (Some("http://example.com"), Some(("example.com", 80))),
    (
        Some("https://example.com:8443"),
        Some(("example.com", 8443)),
    ),
    (Some("http://example.com:443"), Some(("example.com", 443))),
    (
        Some("https://www.example.com"),
        Some(("www.example.com", 443)),
    ),
    (Some("https://[::1]"), Some(("[::1]", 443))),
    (Some(APP), Some(("app.example.com", 443))),
    (Some("https://example.com."), Some(("example.com.", 443))),
    (Some("https://example.com@evil.example"), None),
    (Some("app://example.com"), None),
];
/// A host, and the port if it has one.
const HOSTS: [(Option<&str>, Option<(&str, Option<u16>)>); 9] = [
    (None, None),
    (Some("example.com"), Some(("example.com", None))),
    (Some("EXAMPLE.COM"), Some(("example.com", None))),
    (Some("example.com:443"), Some(("example.com", Some(443)))),
    (Some("example.com:80"), Some(("example.com", Some(80)))),
    (Some("example.com:8443"), Some(("example.com", Some(8443)))),
    (Some("[::1]"), Some(("[::1]", None))),
    (Some("app.example.com"), Some(("app.example.com", None))),
    (Some("example.com."), Some(("example.com.", None))),
];

/// Go's rules, extended to WebSocket handshakes, which Go does not check.
fn passes(
    method: &str,
    site: Option<&str>,
    origin: (Option<&str>, Option<(&str, u16)>),
    host: Option<(&str, Option<u16>)>,
    upgrade: Option<&str>,
) -> bool {
    let websocket = upgrade.is_some_and(|name| name.eq_ignore_ascii_case("websocket"));
    let safe = ["GET", "HEAD", "OPTIONS"].contains(&method) && !websocket;
    let trusted = origin.0 == Some(APP);
    let same_host = origin
        .1
        .zip(host)
        .is_some_and(|((name, port), (host, host_port))| {
            let https = origin.0.is_some_and(|origin| origin.starts_with("https:"));
            name == host && port == host_port.unwrap_or(if https { 443 } else { 80 })
        });
    match (site, origin.0) {
        _ if safe || trusted => true,
        (Some("same-origin" | "none"), _) | (None, None) => true,
        (Some(_), _) => false,
        (None, Some(_)) => same_host,
    }
}

#[tokio::test]
async fn every_combination_is_decided_by_the_rules() {
    let csrf = Csrf::same_origin().trust_origins([APP]).unwrap();
    let mut passed = 0;
    let mut refused = 0;
    for method in METHODS {
        for site in SITES {
            for origin in ORIGINS {
                for host in HOSTS {
                    for upgrade in UPGRADES {
                        let fields = [
                            site.map(|site| ("sec-fetch-site", site)),
                            origin.0.map(|origin| ("origin", origin)),
                            host.0.map(|host| ("host", host)),
                            upgrade.map(|upgrade| ("upgrade", upgrade)),
                        ];
                        let fields = fields.into_iter().flatten().collect::<Vec<_>>();
                        let expected = passes(method, site, origin, host.1, upgrade);
                        let found = send(csrf.clone(), request(method, "/", &fields)).await;
                        assert_eq!(found.is_none(), expected, "{method} {fields:?} {found:?}");
                        *(if expected { &mut passed } else { &mut refused }) += 1;
                    }
                }
            }
        }
    }
    assert!(passed > 5_000 && refused > 5_000, "{passed} {refused}");
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #[test]
    fn an_origin_passes_only_if_it_matches_the_host(
        scheme in prop_oneof![Just("https"), Just("http"), Just("ftp"), Just("")],
        origin in prop_oneof![
            "[a-c]{1,2}(\\.[a-b]{1,2}){0,2}(:[0-9]{1,5})?", "[ -~\u{e9}]{0,20}"
        ],
        host in prop_oneof![
            "[a-cA-C]{1,2}(\\.[a-b]{1,2}){0,2}(:[0-9]{1,5})?", "[ -~\u{e9}]{0,20}"
        ],
        equal in any::<bool>(),
    ) {
        let host = if equal { origin.clone() } else { host };
        let sent = format!("{scheme}://{origin}");
        let fields = [("origin", sent.as_str()), ("host", host.as_str())];
        if run(send(Csrf::same_origin(), request("POST", "/", &fields))).is_none() {
            prop_assert!(["https", "http"].contains(&scheme), "{}", scheme);
            let default = if scheme == "https" { "443" } else { "80" };
            let bare = |text: &str| {
                let (name, port) = text.split_once(':').unwrap_or((text, ""));
                let port = port.trim_start_matches('0').to_owned();
                let port = if port == default { String::new() } else { port };
                (name.to_ascii_lowercase(), port)
            };
            prop_assert_eq!(bare(&origin), bare(&host));
            prop_assert!(!origin.contains(['@', '/', ' ', ',', '\\', '?', '#', '%']), "{}", origin);
        }
    }

    #[test]
    fn an_origin_and_a_host_that_a_browser_sends_for_one_server_pass(
        name in "[a-z0-9]{1,8}(\\.[a-z][a-z0-9]{0,8}){1,3}",
        port in prop_oneof![Just(None), (1_u16..).prop_map(Some)],
        https in any::<bool>(),
    ) {
        let (scheme, default) = if https { ("https", 443) } else { ("http", 80) };
        let port = port.filter(|port| *port != default);
        let authority = name + &port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{authority}");
        let fields = [("origin", origin.as_str()), ("host", authority.as_str())];
        let found = run(send(Csrf::same_origin(), request("POST", "/", &fields)));
        prop_assert_eq!(found, None, "{}", origin);
    }

    #[test]
    fn building_a_policy_never_panics_and_it_trusts_the_listed_origins(
        text in "(https?|[a-z:*]{0,5})(://)?[ -~\u{e9}]{0,30}",
    ) {
        if let Ok(csrf) = Csrf::same_origin().trust_origins([&text]) {
            let fields = [("origin", text.as_str()), ("sec-fetch-site", "cross-site")];
            prop_assert_eq!(run(send(csrf, request("POST", "/", &fields))), None);
        }
        drop(Csrf::same_origin().own_origins([&text]));
        drop(Csrf::same_origin().exempt([&text]));
    }
}
