//! What `with_cache_control` puts on responses: RFC 9111, RFC 5861, RFC 8246, RFC 9213.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use wythe::{Authenticated, CacheControl, With, cache_control::Caching, with_cache_control};

use crate::common::{Body, empty, send_to};

const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Who sends the request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Anonymous,
    Header,
    Marked,
}
use Client::{Anonymous, Header, Marked};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `Cache-Control` and `CDN-Cache-Control` of the answer.
type Pair = (Option<String>, Option<String>);

/// Fields that the handler sets itself.
type Own = &'static [(&'static str, &'static str)];

/// Sends a request to a handler that answers with this status and these fields.
async fn answer(layer: &With<Caching>, client: Client, status: u16, own: Own) -> Pair {
    let mut request = Request::new(empty());
    match client {
        Anonymous => {}
        Header => {
            let basic = "Basic dXNlcjpwYXNz".parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, basic);
        }
        Marked => {
            request.extensions_mut().insert(Authenticated::new());
        }
    }
    let handler = move |_: Request<Body>| async move {
        let mut response = Response::builder().status(status);
        for (name, value) in own {
            response = response.header(*name, *value);
        }
        Ok(response.body(Body::default()).unwrap())
    };
    pair(&send_to(layer, request, handler).await)
}

fn pair(response: &Response<Bytes>) -> Pair {
    let text = |name| {
        let mut all = response.headers().get_all(name).iter();
        let first = all.next().map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(all.next(), None, "one line at most");
        first
    };
    (text(header::CACHE_CONTROL), text(CDN))
}

fn expected(cache_control: &str, cdn: &str) -> Pair {
    let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
    (text(cache_control), text(cdn))
}

fn shared_page() -> With<Caching> {
    with_cache_control(
        CacheControl::public()
            .s_maxage(secs(60))
            .stale_while_revalidate(secs(300)),
    )
}

#[tokio::test]
async fn the_policy_applies_to_successes_and_304_only() {
    let value = "public, s-maxage=60, stale-while-revalidate=300";
    for status in [200, 201, 202, 204, 206, 299, 304] {
        let got = answer(&shared_page(), Anonymous, status, &[]).await;
        assert_eq!(got, expected(value, ""), "{status}");
    }
    for status in [301, 303, 400, 401, 404, 405, 410, 429, 500, 503] {
        let got = answer(&shared_page(), Anonymous, status, &[]).await;
        assert_eq!(got, expected("", ""), "{status}");
    }
}

#[tokio::test]
async fn no_store_applies_to_every_status() {
    let layer = with_cache_control(CacheControl::no_store());
    for status in [200, 204, 301, 304, 404, 410, 500] {
        for client in [Anonymous, Header, Marked] {
            let got = answer(&layer, client, status, &[]).await;
            assert_eq!(got, expected("no-store", ""), "{status} {client:?}");
        }
    }
}

#[tokio::test]
async fn a_status_may_have_its_own_policy() {
    let missing = CacheControl::public()
        .max_age(secs(10))
        .cdn(CacheControl::new().max_age(secs(20)));
    let layer = with_cache_control(
        CacheControl::public()
            .max_age(secs(3600))
            .for_status(StatusCode::NOT_FOUND, CacheControl::no_store())
            .for_status(StatusCode::NOT_FOUND, missing)
            .for_status(StatusCode::NO_CONTENT, CacheControl::no_store()),
    );
    let cases = [
        (200, Anonymous, "public, max-age=3600", ""),
        (404, Anonymous, "public, max-age=10", "max-age=20"),
        (404, Marked, "private, max-age=10", "private, max-age=20"),
        (204, Marked, "no-store", ""),
        (410, Anonymous, "", ""),
        (410, Marked, "private", ""),
    ];
    for (status, client, cache_control, cdn) in cases {
        let got = answer(&layer, client, status, &[]).await;
        assert_eq!(got, expected(cache_control, cdn), "{status} {client:?}");
    }
}

#[tokio::test]
async fn a_policy_for_a_status_keeps_its_own_statuses() {
    let errors = CacheControl::public()
        .max_age(secs(1))
        .for_status(StatusCode::GONE, CacheControl::public().max_age(secs(2)));
    let layer =
        with_cache_control(CacheControl::private().for_status(StatusCode::NOT_FOUND, errors));
    let gone = answer(&layer, Anonymous, 410, &[]).await;
    assert_eq!(gone, expected("public, max-age=2", ""));
}

#[tokio::test]
async fn fields_set_by_the_handler_are_never_overwritten() {
    const EXPIRES: Own = &[("expires", "Thu, 01 Dec 2044 16:00:00 GMT")];
    const NO_STORE: Own = &[("cache-control", "no-store")];
    const PUBLIC: Own = &[("cache-control", "public, max-age=1")];
    const EMPTY: Own = &[("cache-control", "")];
    const CDN_NO_STORE: Own = &[("cdn-cache-control", "no-store")];
    let layer = with_cache_control(
        CacheControl::public()
            .max_age(secs(60))
            .cdn(CacheControl::public().max_age(secs(600))),
    );
    let cases: &[(&str, Client, Own, &str, &str)] = &[
        (
            "its own field wins, and no CDN field overrides it",
            Anonymous,
            NO_STORE,
            "no-store",
            "",
        ),
        (
            "also when it is public and the client authenticated",
            Header,
            PUBLIC,
            "public, max-age=1",
            "",
        ),
        ("an empty one too", Header, EMPTY, "", ""),
        (
            "its own CDN field stays",
            Anonymous,
            CDN_NO_STORE,
            "public, max-age=60",
            "no-store",
        ),
        (
            "its Expires is not overridden by a lifetime",
            Anonymous,
            EXPIRES,
            "",
            "",
        ),
        (
            "nor for an authenticated client, whose answer is still private",
            Marked,
            EXPIRES,
            "private",
            "private",
        ),
    ];
    for (name, client, own, cache_control, cdn) in cases {
        let got = answer(&layer, *client, 200, own).await;
        let got = (got.0.filter(|value| !value.is_empty()), got.1);
        assert_eq!(got, expected(cache_control, cdn), "{name}");
    }
}

#[tokio::test]
async fn an_expires_field_does_not_suppress_restrictions() {
    const EXPIRES: Own = &[("expires", "0")];
    let all = CacheControl::private()
        .no_cache()
        .max_age_zero()
        .must_revalidate();
    let cases = [
        (CacheControl::no_store().erased(), "no-store"),
        (
            all.clone().and_no_store().erased(),
            "private, no-cache, no-store, max-age=0, must-revalidate",
        ),
        // A lifetime would override the field.
        (all.erased(), "private, no-cache, must-revalidate"),
    ];
    let texts = [
        (
            "public, max-age=60, private=\"set-cookie\"",
            "private=\"set-cookie\"",
        ),
        (
            "public, max-age=60, no-cache=\"set-cookie\", must-revalidate, no-transform, x-shared=1",
            "no-cache=\"set-cookie\", must-revalidate, no-transform",
        ),
        (
            "s-maxage=60, must-understand, no-store, proxy-revalidate, stale-if-error=9",
            "must-understand, no-store, proxy-revalidate",
        ),
    ];
    let texts = texts.map(|(text, value)| (text.parse::<CacheControl>().unwrap(), value));
    for (policy, value) in cases.into_iter().chain(texts) {
        let layer = with_cache_control(policy);
        let got = answer(&layer, Anonymous, 200, EXPIRES).await;
        assert_eq!(got, expected(value, ""));
    }
}

#[tokio::test]
async fn an_extension_is_kept_from_authenticated_clients_unless_nothing_is_stored() {
    let cases = [
        ("public, max-age=60, x-shared=1", "private, max-age=60"),
        ("no-store, x-shared=1", "no-store, x-shared=1"),
    ];
    for (text, authenticated) in cases {
        let layer = with_cache_control(text.parse::<CacheControl>().unwrap());
        let got = answer(&layer, Anonymous, 200, &[]).await;
        assert_eq!(got, expected(text, ""));
        let got = answer(&layer, Marked, 200, &[]).await;
        assert_eq!(got, expected(authenticated, ""));
    }
}

#[tokio::test]
async fn a_response_to_an_authenticated_request_is_private() {
    let page = CacheControl::public().max_age(secs(60));
    let cases = [
        (with_cache_control(page.clone()), "private, max-age=60", ""),
        (shared_page(), "private", ""),
        (
            with_cache_control(
                page.clone()
                    .s_maxage(secs(600))
                    .immutable()
                    .stale_if_error(secs(5))
                    .proxy_revalidate()
                    .no_transform(),
            ),
            "private, max-age=60, immutable, stale-if-error=5, no-transform",
            "",
        ),
        (
            with_cache_control(CacheControl::new().max_age(secs(60)).must_revalidate()),
            "private, max-age=60, must-revalidate",
            "",
        ),
        (
            with_cache_control(CacheControl::public().no_cache()),
            "private, no-cache",
            "",
        ),
        (
            with_cache_control(page.clone().private_fields([header::SET_COOKIE])),
            "private, max-age=60",
            "",
        ),
        (
            with_cache_control(page.clone().must_understand()),
            "must-understand, private, no-store, max-age=60",
            "",
        ),
        (
            with_cache_control(page.cdn(CacheControl::public().s_maxage(secs(9)))),
            "private, max-age=60",
            "private",
        ),
        (with_cache_control(CacheControl::new()), "private", ""),
        (with_cache_control(CacheControl::no_store()), "no-store", ""),
    ];
    for (layer, cache_control, cdn) in cases {
        for client in [Header, Marked] {
            let got = answer(&layer, client, 200, &[]).await;
            assert_eq!(got, expected(cache_control, cdn), "{layer:?} {client:?}");
        }
    }
}

#[tokio::test]
async fn a_response_of_any_status_to_an_authenticated_request_is_private() {
    for status in [200, 301, 404, 410, 422, 500] {
        for client in [Header, Marked] {
            let got = answer(&shared_page(), client, status, &[]).await;
            assert_eq!(got, expected("private", ""), "{status} {client:?}");
        }
    }
}

#[tokio::test]
async fn an_authenticated_response_is_shared_only_if_the_policy_allows_it() {
    let layer = with_cache_control(
        CacheControl::public()
            .max_age(secs(60))
            .cdn(CacheControl::public().max_age(secs(600)))
            .for_status(
                StatusCode::NOT_FOUND,
                CacheControl::public().max_age(secs(1)),
            )
            .dangerously_shared_when_authenticated(),
    );
    let cases = [
        (200, "public, max-age=60", "public, max-age=600"),
        (500, "", ""),
        // Allowed for successful responses, but not by this policy.
        (404, "private, max-age=1", ""),
    ];
    for (status, cache_control, cdn) in cases {
        let got = answer(&layer, Header, status, &[]).await;
        assert_eq!(got, expected(cache_control, cdn), "{status}");
    }
}

#[tokio::test]
async fn writes_the_examples_of_the_standards_verbatim() {
    let cases = [
        // RFC 5861, section 3.1.
        (
            with_cache_control(
                CacheControl::new()
                    .max_age(secs(600))
                    .stale_while_revalidate(secs(30)),
            ),
            "max-age=600, stale-while-revalidate=30",
            "",
        ),
        // RFC 5861, section 4.1.
        (
            with_cache_control(
                CacheControl::new()
                    .max_age(secs(600))
                    .stale_if_error(secs(1200)),
            ),
            "max-age=600, stale-if-error=1200",
            "",
        ),
        // RFC 8246, section 2.
        (
            with_cache_control(CacheControl::new().max_age(secs(31_536_000)).immutable()),
            "max-age=31536000, immutable",
            "",
        ),
        // RFC 9213, section 3.1: browsers and CDNs, each with its own lifetime.
        (
            with_cache_control(
                CacheControl::new()
                    .max_age(secs(60))
                    .s_maxage(secs(120))
                    .cdn(CacheControl::new().max_age(secs(600))),
            ),
            "max-age=60, s-maxage=120",
            "max-age=600",
        ),
        // The same section: CDNs may store the response, other caches must not.
        (
            with_cache_control(
                CacheControl::no_store().cdn(CacheControl::new().max_age(secs(600))),
            ),
            "no-store",
            "max-age=600",
        ),
    ];
    for (layer, cache_control, cdn) in cases {
        let got = answer(&layer, Anonymous, 200, &[]).await;
        assert_eq!(got, expected(cache_control, cdn));
    }
}

#[test]
fn describes_the_fields_that_it_adds() {
    use wythe::Place;

    let plain = with_cache_control(CacheControl::no_store()).describe();
    assert_eq!(plain.name(), "with_cache_control");
    assert_eq!(plain.fields(), [header::CACHE_CONTROL]);
    assert!(plain.answers().is_empty());
    let cdn = with_cache_control(CacheControl::no_store().cdn(CacheControl::public()));
    assert_eq!(cdn.describe().fields(), [header::CACHE_CONTROL, CDN]);
}

#[test]
fn prints_its_policy() {
    let policy = CacheControl::no_store()
        .cdn(CacheControl::public())
        .for_status(StatusCode::GONE, CacheControl::private());
    let shown = r#"CacheControl("no-store", cdn: "public", 410: "private")"#;
    assert_eq!(format!("{policy:?}"), shown);
    assert!(format!("{:?}", with_cache_control(policy)).contains(shown));
}
