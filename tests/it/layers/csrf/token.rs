//! Tokens: issued for one session, and required where the policy says so.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use proptest::prelude::*;
use wythe::{Csrf, CsrfTokens, RequestHead, csrf::CsrfRefusal::*};

use super::{request, send};

const KEY: &str = "the key that signs tokens, in forty bytes";
const OLD_KEY: &str = "the key that signed tokens until yesterday";
const NOW: u64 = 1_790_000_000;

fn tokens() -> CsrfTokens {
    CsrfTokens::new(KEY).unwrap()
}

/// Tokens with a clock that the test sets.
fn timed(tokens: CsrfTokens) -> (CsrfTokens, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(NOW));
    let shown = Arc::clone(&now);
    let clock = move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::SeqCst));
    (tokens.clock(clock), now)
}

fn session<'a>(head: &RequestHead<'a>) -> Option<Cow<'a, str>> {
    let cookie = head.headers().get("cookie")?.to_str().ok()?;
    cookie.strip_prefix("session=").map(Cow::from)
}

#[test]
fn a_token_is_valid_for_its_own_session_only() {
    let tokens = tokens();
    let token = tokens.issue("17");
    assert_eq!(tokens.verify("17", token.as_str()), Ok(()));
    assert_eq!(tokens.verify("17", token.to_string()), Ok(()));
    for other in ["18", "1", "170", "", " 17", "17\0"] {
        let found = tokens.verify(other, token.as_str());
        assert_eq!(found, Err(WrongToken), "{other:?}");
    }
}

#[test]
fn a_token_consists_of_time_nonce_and_an_hmac_over_both_and_the_session() {
    let (tokens, _) = timed(tokens());
    let token = URL_SAFE_NO_PAD.decode(tokens.issue("17").as_str()).unwrap();
    let (signed, signature) = token.split_at(22);
    assert_eq!(&signed[..6], &NOW.to_be_bytes()[2..]);
    // The signature, computed by another implementation.
    let message = [b"wythe csrf token 1\0", signed, b"17"].concat();
    let key = EncodingKey::from_secret(KEY.as_bytes());
    let expected = sign(&message, &key, Algorithm::HS256).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signature), expected);
}

#[test]
fn no_two_tokens_are_equal() {
    let (tokens, _) = timed(tokens());
    let (others, _) = timed(CsrfTokens::new(KEY).unwrap());
    let issued = (0..500).flat_map(|_| [tokens.issue("17"), others.issue("17")]);
    let nonces: HashSet<String> = issued
        .map(|token| token.as_str()[8..28].to_owned())
        .collect();
    assert_eq!(nonces.len(), 1000);
}

#[test]
fn rejects_a_token_with_any_bit_changed() {
    let tokens = tokens();
    let token = tokens.issue("17");
    let bytes = URL_SAFE_NO_PAD.decode(token.as_str()).unwrap();
    assert_eq!(bytes.len(), 54);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(tokens.verify("17", &changed), Err(WrongToken), "bit {bit}");
    }
}

#[test]
fn a_token_has_only_one_encoding() {
    let tokens = tokens();
    let token = tokens.issue("17").to_string();
    let cases = [
        ("nothing", String::new()),
        ("a part", token[..68].to_owned()),
        ("more", format!("{token}AAAA")),
        ("padding", format!("{token}==")),
        ("a space", format!(" {token}")),
        ("quotes", format!("\"{token}\"")),
        ("another alphabet", "+/".repeat(36)),
        ("no base64", "!".repeat(72)),
        ("not ASCII", "\u{e9}".repeat(36)),
        ("zeros", "A".repeat(72)),
        ("another case", token.to_ascii_uppercase()),
    ];
    for (name, changed) in cases {
        assert_eq!(tokens.verify("17", changed), Err(WrongToken), "{name}");
    }
}

#[test]
fn a_token_expires_at_the_end_of_its_lifetime() {
    let (tokens, now) = timed(tokens().lifetime(Duration::from_secs(60)).unwrap());
    let token = tokens.issue("17").to_string();
    let cases = [
        (NOW, Ok(())),
        (NOW + 60, Ok(())),
        (NOW + 61, Err(ExpiredToken)),
        (u64::MAX >> 2, Err(ExpiredToken)),
        // With a clock that is behind the one that issued it.
        (NOW - 30, Ok(())),
        (0, Ok(())),
    ];
    for (time, expected) in cases {
        now.store(time, Ordering::SeqCst);
        assert_eq!(tokens.verify("17", &token), expected, "{time}");
    }
    // A token of another session never reveals that it has expired.
    now.store(NOW + 61, Ordering::SeqCst);
    assert_eq!(tokens.verify("18", &token), Err(WrongToken));
}

#[test]
fn a_token_lasts_a_day_by_default() {
    let (tokens, now) = timed(tokens());
    let token = tokens.issue("17");
    now.store(NOW + 24 * 60 * 60, Ordering::SeqCst);
    assert_eq!(tokens.verify("17", token.as_str()), Ok(()));
    now.store(NOW + 24 * 60 * 60 + 1, Ordering::SeqCst);
    assert_eq!(tokens.verify("17", token.as_str()), Err(ExpiredToken));
}

#[test]
fn keys_can_be_rotated_while_tokens_are_in_use() {
    let old = CsrfTokens::new(OLD_KEY).unwrap();
    let new = tokens();
    let both = CsrfTokens::keys([KEY, OLD_KEY]).unwrap();
    let (of_old, of_both) = (old.issue("17"), both.issue("17"));
    assert_eq!(both.verify("17", of_old.as_str()), Ok(()));
    assert_eq!(both.verify("17", of_both.as_str()), Ok(()));
    // The first key signs.
    assert_eq!(new.verify("17", of_both.as_str()), Ok(()));
    assert_eq!(old.verify("17", of_both.as_str()), Err(WrongToken));
    assert_eq!(new.verify("17", of_old.as_str()), Err(WrongToken));
}

#[test]
fn rejects_insecure_settings() {
    let none: [&str; 0] = [];
    let cases = [
        ("no key", CsrfTokens::keys(none), "list of keys is empty"),
        ("an empty key", CsrfTokens::new(""), "at least 32"),
        (
            "a short key",
            CsrfTokens::new("x".repeat(31)),
            "31 bytes, and needs at least 32",
        ),
        (
            "one repeated byte",
            CsrfTokens::new([0; 32]),
            "one byte repeated",
        ),
        (
            "a short key among others",
            CsrfTokens::keys([KEY, "short"]),
            "at least 32",
        ),
        (
            "no lifetime",
            tokens().lifetime(Duration::from_millis(999)),
            "one second",
        ),
        ("no field", tokens().header("x csrf"), "not a header name"),
        ("the cookie", tokens().header("Cookie"), "any page"),
        (
            "the content type",
            tokens().header("content-type"),
            "any page",
        ),
        ("a browser's own", tokens().header("sec-csrf"), "any page"),
    ];
    for (name, built, says) in cases {
        let error = built.map(drop).expect_err(name);
        assert_eq!(error.policy(), "CsrfTokens", "{name}");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!error.to_string().contains("short key"), "{name}: {error}");
    }
}

#[test]
fn debug_shows_no_key_and_no_token() {
    let tokens = tokens();
    let token = tokens.issue("17");
    let csrf = Csrf::same_origin().fallback_token(tokens.clone(), session);
    let shown = format!("{tokens:?} {csrf:?} {token:?}");
    assert!(
        !shown.contains(KEY) && !shown.contains(token.as_str()),
        "{shown}"
    );
    assert!(shown.contains("CsrfToken(..)"), "{shown}");
    let value = http::HeaderValue::from(token.clone());
    assert_eq!(value, token.as_str());
    assert_eq!(String::from(token.clone()), token.as_str());
}

#[tokio::test]
async fn a_request_without_origin_information_needs_the_token_of_its_session() {
    let tokens = tokens();
    let csrf = Csrf::same_origin().fallback_token(tokens.clone(), session);
    let token = tokens.issue("17").to_string();
    let other = tokens.issue("18").to_string();
    let of_17 = ("cookie", "session=17");
    let right = ("x-csrf-token", token.as_str());
    let wrong = ("x-csrf-token", other.as_str());
    let host = ("host", "example.com");
    let cases: &[(&str, &str, &[(&str, &str)], _)] = &[
        ("with it", "POST", &[of_17, right], None),
        ("without it", "POST", &[of_17], Some(NoToken)),
        (
            "empty",
            "POST",
            &[of_17, ("x-csrf-token", "")],
            Some(WrongToken),
        ),
        (
            "of another session",
            "POST",
            &[of_17, wrong],
            Some(WrongToken),
        ),
        ("two", "POST", &[of_17, right, right], Some(SeveralTokens)),
        (
            "in another field",
            "POST",
            &[of_17, ("csrf", &token)],
            Some(NoToken),
        ),
        ("no session", "POST", &[], None),
        ("no session, a token", "POST", &[right], None),
        ("an empty session", "POST", &[("cookie", "session=")], None),
        ("GET", "GET", &[of_17], None),
        (
            "a browser of today",
            "POST",
            &[of_17, ("sec-fetch-site", "same-origin")],
            None,
        ),
        (
            "own origin",
            "POST",
            &[of_17, host, ("origin", "http://example.com")],
            None,
        ),
        (
            "no browser's handshake",
            "GET",
            &[of_17, ("upgrade", "websocket")],
            None,
        ),
        // A token does not bypass the origin check: a page that stole one is still a foreign page.
        (
            "cross site",
            "POST",
            &[of_17, right, ("sec-fetch-site", "cross-site")],
            Some(CrossSite),
        ),
        (
            "another origin",
            "POST",
            &[of_17, right, host, ("origin", "http://a.b")],
            Some(OtherOrigin),
        ),
    ];
    for (name, method, fields, expected) in cases {
        let found = send(csrf.clone(), request(method, "/", fields)).await;
        assert_eq!(found, *expected, "{name}");
    }
}

#[tokio::test]
async fn a_required_token_is_needed_in_addition_to_the_origin() {
    let tokens = tokens().header("x-form").unwrap();
    assert_eq!(tokens.header_name(), "x-form");
    let csrf = Csrf::same_origin()
        .exempt(["/hooks"])
        .unwrap()
        .required_token(tokens.clone(), session);
    let token = tokens.issue("17").to_string();
    let of_17 = ("cookie", "session=17");
    let right = ("x-form", token.as_str());
    let same = ("sec-fetch-site", "same-origin");
    let cases: &[(&str, &str, &str, &[(&str, &str)], _)] = &[
        ("with it", "POST", "/", &[of_17, right, same], None),
        ("says nothing, with it", "POST", "/", &[of_17, right], None),
        ("without it", "POST", "/", &[of_17, same], Some(NoToken)),
        ("no session", "POST", "/", &[right, same], Some(NoSession)),
        (
            "an empty session",
            "POST",
            "/",
            &[("cookie", "session="), right],
            Some(NoSession),
        ),
        (
            "says nothing, no session",
            "POST",
            "/",
            &[],
            Some(NoSession),
        ),
        (
            "the usual field",
            "POST",
            "/",
            &[of_17, same, ("x-csrf-token", &token)],
            Some(NoToken),
        ),
        (
            "cross site",
            "POST",
            "/",
            &[of_17, right, ("sec-fetch-site", "cross-site")],
            Some(CrossSite),
        ),
        ("GET", "GET", "/", &[of_17], None),
        (
            "handshake",
            "GET",
            "/",
            &[of_17, same, ("upgrade", "websocket")],
            None,
        ),
        ("exempt", "POST", "/hooks", &[of_17, same], None),
    ];
    for (name, method, path, fields, expected) in cases {
        let found = send(csrf.clone(), request(method, path, fields)).await;
        assert_eq!(found, *expected, "{name}");
    }
}

#[tokio::test]
async fn only_the_handshake_of_a_websocket_needs_no_required_token() {
    let tokens = tokens().header("x-form").unwrap();
    let csrf = Csrf::same_origin().required_token(tokens.clone(), session);
    let token = tokens.issue("17").to_string();
    let of_17 = ("cookie", "session=17");
    let right = ("x-form", token.as_str());
    let same = ("sec-fetch-site", "same-origin");
    let cases: &[(&str, &str, &str, &[(&str, &str)], _)] = &[
        (
            "POST with Upgrade",
            "POST",
            "/",
            &[of_17, same, ("upgrade", "websocket")],
            Some(NoToken),
        ),
        (
            "POST with Upgrade, says nothing",
            "POST",
            "/",
            &[of_17, ("upgrade", "x-websocket-y")],
            Some(NoToken),
        ),
        (
            "POST with Upgrade, with it",
            "POST",
            "/",
            &[of_17, right, same, ("upgrade", "websocket")],
            None,
        ),
        (
            "a handshake of another site",
            "GET",
            "/",
            &[
                of_17,
                ("upgrade", "websocket"),
                ("sec-fetch-site", "cross-site"),
            ],
            Some(CrossSite),
        ),
        (
            "CONNECT",
            "CONNECT",
            "example.com:443",
            &[of_17, same],
            Some(NoToken),
        ),
        (
            "CONNECT, HTTP/1.1",
            "CONNECT",
            "/",
            &[of_17, same],
            Some(NoToken),
        ),
    ];
    for (name, method, path, fields, expected) in cases {
        let found = send(csrf.clone(), request(method, path, fields)).await;
        assert_eq!(found, *expected, "{name}");
    }
    // RFC 8441, section 5.
    let over_http_2 = |target: &str, site: &str| {
        let mut request = request("CONNECT", target, &[of_17, ("sec-fetch-site", site)]);
        *request.version_mut() = http::Version::HTTP_2;
        request
    };
    let cases = [
        (
            "a WebSocket",
            "https://example.com/chat",
            "same-origin",
            None,
        ),
        (
            "of another site",
            "https://example.com/chat",
            "cross-site",
            Some(CrossSite),
        ),
        (
            "without :protocol",
            "example.com:443",
            "same-origin",
            Some(NoToken),
        ),
    ];
    for (name, target, site, expected) in cases {
        let found = send(csrf.clone(), over_http_2(target, site)).await;
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn the_session_may_come_from_extensions_as_a_new_string() {
    let tokens = tokens();
    let csrf = Csrf::same_origin().required_token(tokens.clone(), |head| {
        let id: &u64 = head.extensions().get()?;
        Some(Cow::from(id.to_string()))
    });
    let mut request = request(
        "POST",
        "/",
        &[("x-csrf-token", tokens.issue("17").as_str())],
    );
    assert_eq!(send(csrf.clone(), request.clone()).await, Some(NoSession));
    request.extensions_mut().insert(17_u64);
    assert_eq!(send(csrf, request).await, None);
}

#[tokio::test]
async fn a_session_that_depends_on_a_route_that_is_not_known_is_missing() {
    let csrf = Csrf::same_origin().fallback_token(tokens(), |head| {
        let api = head.route() != "/login";
        (!api).then(|| Cow::from("17"))
    });
    let request = request("POST", "/", &[]);
    assert_eq!(send(csrf, request).await, Some(NoSession));
}

#[test]
fn a_printed_stack_shows_that_a_token_is_required() {
    let printed = |csrf| wythe::compose((wythe::with_csrf(csrf),)).to_string();
    let fallback = printed(Csrf::same_origin().fallback_token(tokens(), session));
    assert!(
        fallback.contains("403 without an origin and without a valid token"),
        "{fallback}"
    );
    let required = printed(Csrf::same_origin().required_token(tokens(), session));
    assert!(
        required.contains("403 without a valid token of its session"),
        "{required}"
    );
}

proptest! {
    #[test]
    fn only_issued_tokens_verify(
        id in "[ -~]{1,40}", other in "[ -~]{0,40}", noise: Vec<u8>,
    ) {
        let tokens = tokens();
        let token = tokens.issue(&id);
        prop_assert_eq!(tokens.verify(&id, token.as_str()), Ok(()));
        let expected = if id == other { Ok(()) } else { Err(WrongToken) };
        prop_assert_eq!(tokens.verify(&other, token.as_str()), expected);
        prop_assert_eq!(tokens.verify(&id, noise), Err(WrongToken));
    }
}
