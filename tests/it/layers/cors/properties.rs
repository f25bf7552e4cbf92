//! What holds for every request at `with_cors`.

use http::HeaderValue;
use proptest::prelude::*;
use wythe::{Cors, with_cors};

use crate::common::{
    cors::{APP, preflight, request},
    send,
};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #[test]
    fn no_origin_causes_a_panic_and_an_allowed_one_is_echoed_exactly(bytes in ".{0,40}") {
        let Ok(value) = HeaderValue::from_bytes(bytes.as_bytes()) else { return Ok(()) };
        let patterns = ["https://*.example.com:*", "http://localhost:*", APP];
        let layer = with_cors(Cors::origins(patterns).unwrap());
        let mut request = request("GET", &[]);
        request.headers_mut().insert("origin", value.clone());
        let response = run(send(&layer, request));
        prop_assert_eq!(&response.headers()["vary"], "Origin");
        if let Some(origin) = response.headers().get("access-control-allow-origin") {
            prop_assert_eq!(origin, value);
        }
    }

    #[test]
    fn a_pattern_allows_subdomains_of_its_host_only(
        labels in "([a-z0-9]{1,5}\\.){0,3}",
        parent in prop_oneof![Just("example.com"), Just("xample.com"), Just("example.co")],
        port in prop_oneof![Just(None), (1_u16..).prop_map(Some)],
    ) {
        let port = port.filter(|port| *port != 443);
        let suffix = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("https://{labels}{parent}{suffix}");
        let layer = with_cors(Cors::origins(["https://*.example.com:*"]).unwrap());
        let response = run(send(&layer, request("GET", &[("origin", origin.as_str())])));
        let allowed = response.headers().contains_key("access-control-allow-origin");
        prop_assert_eq!(allowed, !labels.is_empty() && parent == "example.com", "{}", origin);
    }

    #[test]
    fn headers_are_allowed_only_if_all_are_listed(
        asked in prop::collection::vec(
            prop_oneof![
                Just("x-one".to_owned()), Just("X-TWO".to_owned()), Just(" x-Three\t".to_owned()),
                Just(String::new()), "[ -~]{0,12}", "x-(one|two|three|four)",
            ],
            0..12,
        )
    ) {
        let listed = ["x-one", "x-three", "x-two"];
        let cors = Cors::origins([APP]).unwrap().headers(listed).unwrap();
        let line = asked.join(",");
        let request = preflight(APP, "GET", Some(&line));
        let response = run(send(&with_cors(cors), request));
        let each = line.split(',').map(|name| name.trim().to_ascii_lowercase());
        let expected = each.into_iter().all(|name| name.is_empty() || listed.contains(&&*name));
        let allowed = response.headers().contains_key("access-control-allow-origin");
        prop_assert_eq!(allowed, expected, "{:?}", line);
    }

    #[test]
    fn no_request_headers_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        for cors in [Cors::origins([APP]).unwrap(), Cors::origins([APP]).unwrap().mirrored_headers()] {
            let mut request = preflight(APP, "GET", None);
            request.headers_mut().insert("access-control-request-headers", value.clone());
            prop_assert_eq!(run(send(&with_cors(cors), request)).status(), 204);
        }
    }

    #[test]
    fn building_a_policy_never_panics(text in "(https?|[a-z:*]{0,5})(://)?[ -~\u{e9}]{0,30}") {
        if let Ok(cors) = Cors::origins([&text]) {
            // An origin that was accepted as an exact one is also allowed.
            if !text.contains('*') {
                let response = run(send(&with_cors(cors), preflight(&text, "GET", None)));
                prop_assert!(response.headers().contains_key("access-control-allow-origin"));
            }
        }
    }
}
