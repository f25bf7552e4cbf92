//! `ApiKey`: keys in a field or as bearer tokens, looked up by hash or by id.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use wythe::{
    ApiKey, Auth, ConfigError, Later, Place, Problem,
    auth::{ApiKeyFormat, ApiKeyHash, ApiKeyRefusal, Authenticate, Verdict},
    with_auth,
};

use crate::common::{Body, empty, get, problem, send, send_to};

#[derive(Clone, Debug, PartialEq)]
struct Partner(&'static str);

/// A key that was made once: its checksum was computed by zlib.
const KEY: &str = "wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSN";
const ID: &str = "0123456789AB";
/// A key of another form.
const OPAQUE: &str = "b58b1f2e-5c0a-4b2f-9a57-8a4c8a7f6b0d";

const IN_FIELD: &str = r#"ApiKey realm="api", header="x-api-key""#;
const AS_BEARER: &str = r#"Bearer realm="api""#;

fn format() -> ApiKeyFormat {
    ApiKeyFormat::new("wy_test").unwrap()
}

fn hash(key: &str) -> ApiKeyHash {
    ApiKeyHash::of(key).unwrap()
}

/// Knows the two keys, by their hashes.
fn listed() -> ApiKey<Partner> {
    ApiKey::list([
        (hash(KEY), Partner("acme")),
        (hash(OPAQUE), Partner("umbrella")),
    ])
    .unwrap()
}

/// Knows one key by its id, and counts how often it is asked.
fn by_id(asked: &Arc<AtomicUsize>) -> ApiKey<Partner> {
    let asked = Arc::clone(asked);
    ApiKey::lookup_id(format(), move |id| {
        asked.fetch_add(1, Ordering::Relaxed);
        (id == ID).then(|| (hash(KEY), Partner("acme")))
    })
}

fn request(lines: &[(&'static str, &[u8])]) -> Request<Body> {
    let mut request = get("/").body(empty()).unwrap();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn challenges(response: &Response<Bytes>) -> Vec<&str> {
    let lines = response.headers().get_all("www-authenticate");
    lines.iter().map(|line| line.to_str().unwrap()).collect()
}

fn cause(response: &Response<Bytes>) -> Option<ApiKeyRefusal> {
    let problem = response.extensions().get::<Problem>()?;
    problem.cause()?.downcast_ref().copied()
}

/// The principal of the request, or the status of the refusal.
async fn principal_of(
    scheme: ApiKey<Partner>,
    request: Request<Body>,
) -> Result<String, Response<Bytes>> {
    let layer = with_auth(scheme);
    let response = send_to(&layer, request, |request| async move {
        let Auth(Partner(name)) = request
            .extensions()
            .get::<Auth<Partner>>()
            .cloned()
            .unwrap();
        Ok(Response::new(Body::from(name)))
    })
    .await;
    if response.status() == StatusCode::OK {
        return Ok(String::from_utf8(response.body().to_vec()).unwrap());
    }
    problem(&response, response.status());
    Err(response)
}

#[tokio::test]
async fn hands_the_handler_the_owner_of_the_key() {
    let bearer = format!("Bearer {KEY}");
    let either = || listed().or_bearer();
    let field: &[_] = &[("x-api-key", KEY.as_bytes())];
    let as_bearer: &[_] = &[("authorization", bearer.as_bytes())];
    let cases = [
        ("in the field", listed(), field, "acme"),
        (
            "another form",
            listed(),
            &[("x-api-key", OPAQUE.as_bytes())],
            "umbrella",
        ),
        ("as a bearer token", listed().bearer(), as_bearer, "acme"),
        ("either, in the field", either(), field, "acme"),
        ("either, as a bearer token", either(), as_bearer, "acme"),
        (
            "in a field of another name",
            listed().header("X-Token").unwrap(),
            &[("x-token", KEY.as_bytes())],
            "acme",
        ),
        (
            "beside a bearer token that is not asked for",
            listed(),
            &[
                ("x-api-key", KEY.as_bytes()),
                ("authorization", b"Bearer abc"),
            ],
            "acme",
        ),
        (
            "beside credentials of another scheme",
            either(),
            &[
                ("x-api-key", KEY.as_bytes()),
                ("authorization", b"Basic YTpi"),
            ],
            "acme",
        ),
    ];
    for (name, scheme, lines, expected) in cases {
        let principal = principal_of(scheme, request(lines)).await;
        assert_eq!(principal.as_deref().ok(), Some(expected), "{name}");
    }
}

#[tokio::test]
async fn all_lookups_agree() {
    let found = |known: ApiKeyHash| (known == hash(KEY)).then_some(Partner("acme"));
    let by_id = |id: &str| (id == ID).then(|| (hash(KEY), Partner("acme")));
    let schemes = [
        ("list", listed().format(format()).unwrap()),
        (
            "lookup",
            ApiKey::lookup(move |hash| found(*hash))
                .format(format())
                .unwrap(),
        ),
        (
            "lookup_async",
            ApiKey::lookup_async(move |hash| async move { Ok::<_, io::Error>(found(hash)) })
                .format(format())
                .unwrap(),
        ),
        ("lookup_id", ApiKey::lookup_id(format(), by_id)),
        (
            "lookup_id_async",
            ApiKey::lookup_id_async(format(), move |id| async move {
                tokio::task::yield_now().await;
                Ok::<_, io::Error>(by_id(&id))
            }),
        ),
    ];
    // Of the right form, with a right checksum: another secret, and another id.
    let stranger = format().generate().unwrap();
    for (name, scheme) in schemes {
        let known = request(&[("x-api-key", KEY.as_bytes())]);
        assert_eq!(
            principal_of(scheme.clone(), known).await.ok().as_deref(),
            Some("acme"),
            "{name}"
        );
        let unknown = request(&[("x-api-key", stranger.secret().expose().as_bytes())]);
        let refused = principal_of(scheme, unknown).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(cause(&refused), Some(ApiKeyRefusal::Unknown), "{name}");
    }
}

#[tokio::test]
async fn refuses_a_known_id_with_another_secret() {
    let key = "wy_test_0123456789AB_Abcdefghijklmnopqrstuvwxyz012345";
    let key = with_checksum(key);
    let asked = Arc::default();
    let refused = principal_of(by_id(&asked), request(&[("x-api-key", key.as_bytes())])).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(cause(&refused), Some(ApiKeyRefusal::Secret));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// The text with its CRC-32 in base62, computed the slow way.
fn with_checksum(text: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    let mut left = !crc;
    let mut digits = [0; 6].map(|_: u8| {
        let digit = DIGITS[usize::try_from(left % 62).unwrap()];
        left /= 62;
        char::from(digit)
    });
    digits.reverse();
    format!("{text}{}", String::from_iter(digits))
}

#[tokio::test]
async fn refuses_hostile_fields_without_a_lookup() {
    use ApiKeyRefusal::{Checksum, Format, SeveralKeys, TooLong, Unreadable};
    let long = "a".repeat(257);
    let field = |value: &'static [u8]| vec![("x-api-key", value)];
    let key = KEY.as_bytes();
    let bearer: &'static [u8] = format!("Bearer {KEY}").leak().as_bytes();
    let long: &'static [u8] = long.leak().as_bytes();
    let cases = [
        (
            "two lines",
            vec![("x-api-key", key), ("x-api-key", key)],
            400,
            SeveralKeys,
        ),
        (
            "both places",
            vec![("x-api-key", key), ("authorization", bearer)],
            400,
            SeveralKeys,
        ),
        (
            "an empty bearer beside it",
            vec![("x-api-key", key), ("authorization", b"Bearer")],
            400,
            SeveralKeys,
        ),
        (
            "two bearer lines",
            vec![("authorization", bearer), ("authorization", bearer)],
            400,
            SeveralKeys,
        ),
        ("empty", field(b""), 400, Unreadable),
        (
            "no token after Bearer",
            vec![("authorization", b"Bearer ")],
            400,
            Unreadable,
        ),
        ("two lines in one", field(b"abc, def"), 400, Unreadable),
        ("a comma", field(b"abc,def"), 400, Unreadable),
        ("quotes", field(b"\"abc\""), 400, Unreadable),
        ("a tab", field(b"abc\tdef"), 400, Unreadable),
        ("invalid UTF-8", field(b"abc\xff"), 400, Unreadable),
        ("UTF-8", field("\u{e9}".as_bytes()), 400, Unreadable),
        ("only padding", field(b"=="), 400, Unreadable),
        ("too long", field(long), 401, TooLong),
        ("garbage", field(b"hunter2"), 401, Format),
        (
            "another prefix",
            field(b"wy_live_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSN"),
            401,
            Format,
        ),
        ("the prefix alone", field(b"wy_test_"), 401, Format),
        ("truncated", field(&key[..58]), 401, Format),
        (
            "one more",
            field(b"wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSNN"),
            401,
            Format,
        ),
        (
            "padding",
            field(b"wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSN="),
            401,
            Format,
        ),
        (
            "another sign",
            field(b"wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz01234-2hYCSN"),
            401,
            Format,
        ),
        (
            "two letters swapped",
            field(b"wy_test_0123456789AB_bacdefghijklmnopqrstuvwxyz0123452hYCSN"),
            401,
            Checksum,
        ),
        (
            "another checksum",
            field(b"wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSM"),
            401,
            Checksum,
        ),
    ];
    let asked = Arc::default();
    for (name, lines, status, reason) in cases {
        let refused = principal_of(by_id(&asked).or_bearer(), request(&lines))
            .await
            .unwrap_err();
        assert_eq!(refused.status(), status, "{name}");
        assert_eq!(cause(&refused), Some(reason), "{name}");
    }
    assert_eq!(
        asked.load(Ordering::Relaxed),
        0,
        "a lookup of what can't be a key"
    );
}

#[tokio::test]
async fn the_challenge_says_where_the_key_belongs() {
    let bearer = |error: &str| format!("{AS_BEARER}, {error}");
    let invalid = bearer(r#"error="invalid_token", error_description="The API key is invalid.""#);
    let unreadable =
        bearer(r#"error="invalid_request", error_description="The API key is malformed""#);
    let both = format!("{IN_FIELD}, {AS_BEARER}");
    let in_field: &[(&'static str, &[u8])] = &[("x-api-key", b"hunter2-hunter2-hunter2")];
    let garbled: &[_] = &[("x-api-key", b"a b".as_slice())];
    let as_bearer: &[_] = &[("authorization", b"Bearer hunter2".as_slice())];
    let empty: &[_] = &[("authorization", b"Bearer".as_slice())];
    let either = || listed().or_bearer();
    let cases: [(_, _, &[_], _, Vec<&str>); 9] = [
        ("none", listed(), &[], 401, vec![IN_FIELD]),
        ("wrong", listed(), in_field, 401, vec![IN_FIELD]),
        ("garbled", listed(), garbled, 400, vec![]),
        (
            "no bearer token",
            listed().bearer(),
            &[],
            401,
            vec![AS_BEARER],
        ),
        (
            "a wrong bearer token",
            listed().bearer(),
            as_bearer,
            401,
            vec![&invalid],
        ),
        (
            "an empty bearer token",
            listed().bearer(),
            empty,
            400,
            vec![&unreadable],
        ),
        ("neither", either(), &[], 401, vec![&both]),
        (
            "either, wrong in the field",
            either(),
            in_field,
            401,
            vec![IN_FIELD, AS_BEARER],
        ),
        (
            "either, a wrong bearer token",
            either(),
            as_bearer,
            401,
            vec![&invalid, IN_FIELD],
        ),
    ];
    for (name, scheme, lines, status, expected) in cases {
        let refused = principal_of(scheme, request(lines)).await.unwrap_err();
        assert_eq!(refused.status(), status, "{name}");
        assert_eq!(challenges(&refused), expected, "{name}");
    }
    let named = listed()
        .header("x-token")
        .unwrap()
        .realm("the \"inner\" api")
        .unwrap();
    let refused = principal_of(named, request(&[])).await.unwrap_err();
    let expected = r#"ApiKey realm="the \"inner\" api", header="x-token""#;
    assert_eq!(challenges(&refused), [expected]);
}

#[tokio::test]
async fn a_store_that_is_down_is_not_a_401() {
    let down = || io::Error::other("postgres://app:hunter2@db refused");
    let schemes: [ApiKey<Partner>; 2] = [
        ApiKey::lookup_async(move |_| async move { Err(down()) }),
        ApiKey::lookup_id_async(format(), move |_| async move { Err(down()) }),
    ];
    for scheme in schemes {
        for layer in [with_auth(scheme.clone()), with_auth(scheme)] {
            let response = send(&layer.optional(), request(&[("x-api-key", KEY.as_bytes())])).await;
            problem(&response, StatusCode::SERVICE_UNAVAILABLE);
            assert!(challenges(&response).is_empty());
            let body = String::from_utf8_lossy(response.body());
            assert!(!body.contains("hunter2"), "{body}");
        }
    }
}

#[tokio::test]
async fn wrong_keys_never_fall_through_to_another_scheme() {
    let strong = || listed().header("x-strong").unwrap();
    let weak = || ApiKey::list([(hash(OPAQUE), Partner("weak"))]).unwrap();
    let layer = with_auth(strong().or(weak()));
    let both = format!(r#"ApiKey realm="api", header="x-strong", {IN_FIELD}"#);
    let strong_alone = r#"ApiKey realm="api", header="x-strong""#;
    // fields, status, challenges
    let cases: [(_, &[_], _, &[&str]); 4] = [
        ("none", &[], 401, &[&both]),
        (
            "the weak one",
            &[("x-api-key", OPAQUE.as_bytes())],
            200,
            &[],
        ),
        (
            "a wrong strong one beside a right weak one",
            &[
                ("x-strong", b"wrong-wrong-wrong"),
                ("x-api-key", OPAQUE.as_bytes()),
            ],
            401,
            &[strong_alone, IN_FIELD],
        ),
        (
            "a garbled strong one beside a right weak one",
            &[("x-strong", b""), ("x-api-key", OPAQUE.as_bytes())],
            400,
            &[],
        ),
    ];
    for (name, lines, status, expected) in cases {
        let response = send(&layer, request(lines)).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(challenges(&response), expected, "{name}");
    }
}

#[cfg(feature = "jwt")]
#[tokio::test]
async fn a_wrong_token_never_falls_through_to_a_key() {
    #[derive(Clone, serde::Deserialize)]
    struct Caller {
        #[expect(dead_code, reason = "read from the claims")]
        sub: String,
    }

    let caller = || Caller {
        sub: "acme".to_owned(),
    };
    let jwt = || wythe::Jwt::<Caller>::hs256("32 bytes from a random generator").unwrap();
    let key = || ApiKey::list([(hash(OPAQUE), caller())]).unwrap();
    let invalid = r#"error="invalid_token", error_description="The access token is invalid""#;
    let invalid = format!("{AS_BEARER}, {invalid}");
    let (key_first, jwt_first) = (
        format!("{IN_FIELD}, {AS_BEARER}"),
        format!("{AS_BEARER}, {IN_FIELD}"),
    );
    let token: (_, &[u8]) = ("authorization", b"Bearer a.b.c");
    let (right, wrong): ((_, &[u8]), (_, &[u8])) = (
        ("x-api-key", OPAQUE.as_bytes()),
        ("x-api-key", KEY.as_bytes()),
    );
    let cases: [(_, bool, &[_], _, &[&str]); 6] = [
        ("none", true, &[], 401, &[&jwt_first]),
        ("none, the key first", false, &[], 401, &[&key_first]),
        ("a right key", true, &[right], 200, &[]),
        ("a wrong key", true, &[wrong], 401, &[IN_FIELD, AS_BEARER]),
        (
            "a wrong token beside a right key",
            true,
            &[token, right],
            401,
            &[&invalid, IN_FIELD],
        ),
        (
            "a wrong key beside a token",
            false,
            &[token, wrong],
            401,
            &[IN_FIELD, AS_BEARER],
        ),
    ];
    for (name, token_first, lines, status, expected) in cases {
        let response = if token_first {
            send(&with_auth(jwt().or(key())), request(lines)).await
        } else {
            send(&with_auth(key().or(jwt())), request(lines)).await
        };
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(challenges(&response), expected, "{name}");
    }
}

#[test]
fn rejects_invalid_configurations() {
    let key = || (hash(KEY), Partner("acme"));
    let error = |scheme: Result<ApiKey<Partner>, ConfigError>| scheme.unwrap_err().to_string();
    assert!(error(ApiKey::list([])).contains("empty list"));
    assert!(error(ApiKey::list([key(), key()])).contains("twice"));
    let many = (0..257).map(|n| (hash(&format!("{KEY}{n}")), Partner("many")));
    assert!(error(ApiKey::list(many)).contains("more than 256"));
    for name in ["", "x key", "authorization", "Cookie"] {
        assert!(listed().header(name).is_err(), "{name}");
    }
    listed().realm("line\nbreak").unwrap_err();
    for prefix in [
        "",
        "_wy",
        "wy_",
        "wy-live",
        "w y",
        "1wy",
        "caf\u{e9}",
        &"w".repeat(33),
    ] {
        assert!(ApiKeyFormat::new(prefix).is_err(), "{prefix}");
    }
    for key in [
        "",
        "hunter2",
        "aaaaaaaaaaaaaaaaaaaa",
        "sixteen bytes of text",
    ] {
        assert!(ApiKeyHash::of(key).is_err(), "{key}");
    }
    for text in [
        "",
        "abc",
        &"g".repeat(64),
        &"a".repeat(63),
        &"a".repeat(66),
        &"\u{e9}".repeat(32),
    ] {
        assert!(text.parse::<ApiKeyHash>().is_err(), "{text}");
    }
}

#[test]
fn nothing_else_shows_a_new_key() {
    let key = format().generate().unwrap();
    let secret = key.secret().expose();
    assert_eq!(hash(secret), key.hash());
    assert_eq!(format().id(secret), Ok(key.id()));
    assert_eq!(
        key.hash().to_string().parse::<ApiKeyHash>().unwrap(),
        key.hash()
    );
    assert_eq!(ApiKeyHash::from_bytes(*key.hash().as_bytes()), key.hash());
    let scheme = ApiKey::list([(key.hash(), Partner("acme"))])
        .unwrap()
        .format(format())
        .unwrap();
    let shown = format!("{key:?} {:?} {:?} {scheme:?}", key.secret(), key.hash());
    let part = secret.get("wy_test_0123456789AB_".len()..).unwrap();
    assert!(
        !shown.contains(part) && !shown.contains(&key.hash().to_string()),
        "{shown}"
    );

    let keys: Vec<_> = (0..100).map(|_| format().generate().unwrap()).collect();
    let ids: HashSet<_> = keys.iter().map(|key| key.id()).collect();
    let secrets: HashSet<_> = keys.iter().map(|key| key.secret().expose()).collect();
    assert_eq!((ids.len(), secrets.len()), (100, 100));
}

#[test]
fn describes_what_it_answers() {
    let statuses = |scheme: ApiKey<Partner>| -> Vec<u16> {
        let layer = with_auth(scheme).describe();
        layer
            .answers()
            .iter()
            .map(|answer| answer.status().as_u16())
            .collect()
    };
    assert_eq!(statuses(listed()), [401, 400]);
    let asking = ApiKey::lookup_async(async |_| Ok::<_, io::Error>(None));
    assert_eq!(statuses(asking), [401, 400, 503]);
}

proptest! {
    #[test]
    fn refuses_any_changed_bit(at in 0..KEY.len(), bit in 0..8_u32) {
        let key = format().generate().unwrap();
        let (hash, secret) = (key.hash(), key.secret().expose());
        let by_hash = ApiKey::list([(hash, Partner("acme"))]).unwrap();
        let by_id = ApiKey::lookup_id(format(), move |_| Some((hash, Partner("acme"))));
        let mut changed = secret.as_bytes().to_vec();
        changed[at] ^= 1 << bit;
        for scheme in [by_hash, by_id] {
            prop_assert!(passes(&scheme, secret.as_bytes()));
            prop_assert!(!passes(&scheme, &changed));
        }
        if let Ok(changed) = std::str::from_utf8(&changed) {
            // CRC-32 finds every error of a single bit, and what is no letter is not of the form.
            prop_assert!(format().id(changed).is_err());
        }
    }

    #[test]
    fn refuses_any_other_text(text in "[\\x21-\\x7e]{0,80}") {
        prop_assume!(text != KEY && text != OPAQUE);
        prop_assert!(!passes(&listed(), text.as_bytes()));
        prop_assert!(!passes(&by_id(&Arc::default()), text.as_bytes()));
    }
}

fn passes(scheme: &ApiKey<Partner>, key: &[u8]) -> bool {
    let Ok(key) = HeaderValue::from_bytes(key) else {
        return false;
    };
    let (head, ()) = Request::get("/")
        .header("x-api-key", key)
        .body(())
        .unwrap()
        .into_parts();
    matches!(
        scheme.authenticate(&head),
        Later::Ready(Verdict::Verified(_))
    )
}

/// Whether a bearer token is the key scheme's, and what becomes of it beside another scheme.
#[tokio::test]
async fn bearer_tokens_with_another_prefix_are_left_to_another_scheme() {
    /// Takes every bearer token, as `Jwt` does.
    struct Tokens;

    impl Authenticate for Tokens {
        type Principal = Partner;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static(AS_BEARER)
        }

        fn authenticate(&self, head: &http::request::Parts) -> Later<Verdict<Partner>> {
            Later::Ready(match head.headers.get("authorization") {
                None => Verdict::Missing,
                Some(line) if line == "Bearer eyJ" => Verdict::Verified(Partner("token")),
                Some(_) => Verdict::refused("wrong token"),
            })
        }
    }

    let right = format!("Bearer {KEY}");
    let wrong = format!("Bearer {KEY}x");
    let spaced = format!("bearer   {KEY}");
    let two = format!("Bearer {KEY} eyJ");
    let authorization = "authorization";
    // The fields, and who decides what.
    let cases: [(&[(&str, &str)], Result<&str, (u16, &str)>); 15] = [
        (&[], Err((401, "no_credentials"))),
        (&[(authorization, &right)], Ok("acme")),
        (&[(authorization, &spaced)], Ok("acme")),
        (&[(authorization, "Bearer eyJ")], Ok("token")),
        // A key is never taken for a token, however wrong it is.
        (&[(authorization, &wrong)], Err((401, "format"))),
        (&[(authorization, "Bearer wy_test_")], Err((401, "format"))),
        (
            &[(authorization, &two)],
            Err((400, "malformed_credentials")),
        ),
        (
            &[(authorization, &right), (authorization, "Bearer eyJ")],
            Err((400, "several_keys")),
        ),
        (
            &[(authorization, "Basic eyJ"), (authorization, &right)],
            Err((400, "several_keys")),
        ),
        // And a token never for a key.
        (
            &[(authorization, "Bearer wy_test")],
            Err((401, "wrong_credentials")),
        ),
        (
            &[(authorization, "Bearer wy_live_1")],
            Err((401, "wrong_credentials")),
        ),
        (
            &[(authorization, "Bearer WY_TEST_1")],
            Err((401, "wrong_credentials")),
        ),
        (
            &[(authorization, "Bearer")],
            Err((401, "wrong_credentials")),
        ),
        (
            &[("x-api-key", KEY), (authorization, "Bearer eyJ")],
            Ok("acme"),
        ),
        (
            &[("x-api-key", KEY), (authorization, &right)],
            Err((400, "several_keys")),
        ),
    ];
    for (fields, expected) in cases {
        let asked = Arc::default();
        let keys = by_id(&asked).or_bearer().own_prefix_only().unwrap();
        let layer = with_auth(keys.or(Tokens));
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let response = send_to(&layer, request_of(&fields), |request| async move {
            let Auth(Partner(name)) = request
                .extensions()
                .get::<Auth<Partner>>()
                .cloned()
                .unwrap();
            Ok(Response::new(Body::from(name)))
        })
        .await;
        let refusal = response.extensions().get::<Problem>();
        let refusal = refusal.and_then(Problem::reason_code);
        match expected {
            Ok(name) => assert_eq!(response.body(), name, "{fields:?}"),
            Err((status, reason)) => {
                let found = (response.status().as_u16(), refusal);
                assert_eq!(found, (status, Some(reason)), "{fields:?}");
            }
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            let all = challenges(&response).join(", ");
            assert!(all.contains(IN_FIELD) && all.contains(AS_BEARER), "{all}");
        }
    }
}

fn request_of(lines: &[(&str, &[u8])]) -> Request<Body> {
    let mut request = get("/").body(empty()).unwrap();
    for (name, value) in lines {
        let name = http::HeaderName::try_from(*name).unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

#[tokio::test]
async fn a_foreign_bearer_token_alone_counts_as_no_credentials() {
    let scheme = || by_id(&Arc::default()).bearer().own_prefix_only().unwrap();
    let foreign = || request(&[("authorization", b"Bearer eyJ")]);
    let refused = send(&with_auth(scheme()), foreign()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&refused), [AS_BEARER]);
    let passed = send(&with_auth(scheme()).optional(), foreign()).await;
    assert_eq!(passed.status(), StatusCode::OK);
    let own = format!("Bearer {KEY}x");
    let own = request(&[("authorization", own.as_bytes())]);
    let refused = send(&with_auth(scheme()).optional(), own).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn a_maximum_length_that_no_key_keeps_is_an_error() {
    let none = listed().max_length(0).unwrap_err().to_string();
    assert!(none.contains("allow at least 1"), "{none}");
    let length = KEY.len();
    let formed = || by_id(&Arc::default());
    let expected = format!("allow at least {length}");
    for built in [
        formed().max_length(length - 1),
        listed().max_length(length - 1).unwrap().format(format()),
    ] {
        let error = built.unwrap_err().to_string();
        assert!(error.contains(&expected), "{error}");
    }
    let shortest = formed().max_length(length).unwrap();
    assert!(passes(&shortest, KEY.as_bytes()));
    let _tiny = listed().max_length(1).unwrap();
}

#[test]
fn keys_without_a_format_have_no_prefix() {
    let error = listed().bearer().own_prefix_only().unwrap_err();
    assert!(error.to_string().contains("call `format` first"), "{error}");
    let formed = listed()
        .format(format())
        .unwrap()
        .bearer()
        .own_prefix_only()
        .unwrap();
    assert!(format!("{formed:?}").contains("own_prefix_only: true"));
}

#[test]
fn options_without_an_effect_are_errors() {
    let formed = || by_id(&Arc::default());
    for (name, built, says) in [
        (
            "a prefix of bearer tokens that are not read",
            formed().own_prefix_only(),
            "call `bearer` or `or_bearer` first",
        ),
        (
            "a field that is not read",
            listed().bearer().header("x-token"),
            "call `or_bearer` instead of `bearer`",
        ),
    ] {
        let error = built.unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
    let _prefixed = formed().or_bearer().own_prefix_only().unwrap();
    let _either = listed().or_bearer().header("x-token").unwrap();
    // Replaces the field.
    let _bearer = listed().header("x-token").unwrap().bearer();
}

#[tokio::test]
async fn an_async_lookup_does_not_start_if_another_scheme_decides() {
    struct Slow;

    impl Authenticate for Slow {
        type Principal = Partner;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static("Later")
        }

        fn authenticate(&self, _: &http::request::Parts) -> Later<Verdict<Partner>> {
            Later::pending(async { Verdict::Verified(Partner("later")) })
        }
    }

    let asked = Arc::new(AtomicUsize::new(0));
    let count = |asked: &Arc<AtomicUsize>| {
        let asked = Arc::clone(asked);
        move || asked.fetch_add(1, Ordering::Relaxed)
    };
    let (by_hash, by_id) = (count(&asked), count(&asked));
    let schemes = [
        ApiKey::lookup_async(move |_| {
            by_hash();
            async { Ok::<_, io::Error>(Some(Partner("acme"))) }
        }),
        ApiKey::lookup_id_async(format(), move |_| {
            by_id();
            async { Ok::<_, io::Error>(Some((hash(KEY), Partner("acme")))) }
        }),
    ];
    for (n, scheme) in schemes.into_iter().enumerate() {
        let key = || request(&[("x-api-key", KEY.as_bytes())]);
        let response = send(&with_auth(Slow.or(scheme.clone())), key()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(asked.load(Ordering::Relaxed), n);
        assert_eq!(principal_of(scheme, key()).await.unwrap(), "acme");
        assert_eq!(asked.load(Ordering::Relaxed), n + 1);
    }
}
