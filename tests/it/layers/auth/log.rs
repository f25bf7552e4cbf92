//! Each refusal is one event: layer, scheme, reason, and never a credential.

use std::{
    io,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    ApiKey, Basic, Jwt, Later, Problem, Secret,
    auth::{ApiKeyFormat, ApiKeyHash, Authenticate, Refusal, Verdict},
    with_auth,
};

use crate::common::{Body, empty, get, log::Log, send};

/// It is in every credential of this file.
const HUNTER: &str = "hunter2";
const SECRET: &[u8] = b"the key that tokens are signed with, 32 bytes";
const NOW: u64 = 1_800_000_000;
const KEY: &str = "wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSN";

#[derive(Clone, Deserialize)]
struct Claims {
    #[expect(dead_code, reason = "it is looked at by serde alone")]
    sub: String,
}

#[derive(Clone)]
struct Caller;

fn jwt() -> Jwt<Claims> {
    let jwt = Jwt::hs256(SECRET).unwrap().issuer("id").audience("api");
    let now = || UNIX_EPOCH + Duration::from_secs(NOW);
    jwt.cookie("token").unwrap().clock(now)
}

fn signed(claims: &Value, secret: &[u8]) -> String {
    let header = Header {
        kid: Some(HUNTER.to_owned()),
        ..Header::default()
    };
    let token = encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap();
    format!("Bearer {token}")
}

/// Good claims, but for these.
fn token(but: &Value) -> String {
    let mut claims = json!({ "sub": HUNTER, "exp": NOW + 60, "iss": "id", "aud": "api" });
    for (name, value) in but.as_object().unwrap() {
        claims[name] = value.clone();
    }
    signed(&claims, SECRET)
}

fn keys() -> ApiKey<Caller> {
    let format = ApiKeyFormat::new("wy_test").unwrap();
    ApiKey::lookup_id(format, |id| {
        let hash = ApiKeyHash::of(HUNTER.repeat(9)).unwrap();
        (id == "0123456789AB").then_some((hash, Caller))
    })
}

fn store_is_down<T>() -> Result<T, io::Error> {
    Err(io::Error::other("the store is down"))
}

fn basic() -> Basic<Caller> {
    Basic::verify("office", |user: String, _: Secret| async move {
        if user == "down" {
            return store_is_down();
        }
        Ok(None)
    })
    .unwrap()
}

fn password(text: impl AsRef<[u8]>) -> String {
    format!("Basic {}", general_purpose::STANDARD.encode(text))
}

/// A scheme of a user's own.
struct Badges;

impl Authenticate for Badges {
    type Principal = Caller;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Caller>> {
        Later::Ready(match head.headers.get("badge").map(HeaderValue::as_bytes) {
            None => Verdict::Missing,
            Some(badge) if badge.starts_with(b"old") => {
                let refusal = Refusal::new("it expired on Monday");
                Verdict::Refused(refusal.scheme("Badge").reason("expired"))
            }
            Some(badge) if badge.starts_with(b"far") => {
                Verdict::failed("Badge", "the office is closed")
            }
            Some(badge) if badge.starts_with(b"near") => Verdict::Failed("no line".into()),
            Some(_) => Verdict::refused("no such badge"),
        })
    }
}

type Case = (&'static str, Vec<(&'static str, String)>, &'static str);

fn bearer(name: &'static str, line: String, event: &'static str) -> Case {
    (name, vec![("authorization", line)], event)
}

fn of_tokens() -> Vec<Case> {
    let cookie = signed(&json!({ "sub": HUNTER }), SECRET).replace("Bearer ", "token=");
    let mut several = bearer("two tokens", token(&json!({})), "400 Bearer several_tokens");
    several.1.push(("cookie", cookie.clone()));
    let unreadable = format!("Bearer {HUNTER} {HUNTER}");
    let other_secret = signed(&json!({ "sub": HUNTER }), &[b'x'; 40][..]);
    vec![
        ("none", vec![], "401 - no_credentials"),
        several,
        ("a cookie", vec![("cookie", cookie)], "401 Bearer no_expiry"),
        bearer("no token", unreadable, "400 Bearer malformed_credentials"),
        bearer(
            "malformed",
            format!("Bearer {HUNTER}"),
            "401 Bearer malformed",
        ),
        bearer("signature", other_secret, "401 Bearer signature"),
        bearer("exp", token(&json!({ "exp": NOW })), "401 Bearer expired"),
        bearer(
            "nbf",
            token(&json!({ "nbf": NOW + 11 })),
            "401 Bearer not_yet_valid",
        ),
        bearer(
            "iss",
            token(&json!({ "iss": "other" })),
            "401 Bearer issuer",
        ),
        bearer(
            "aud",
            token(&json!({ "aud": "other" })),
            "401 Bearer audience",
        ),
        bearer(
            "sub",
            token(&json!({ "sub": [HUNTER] })),
            "401 Bearer claims",
        ),
        bearer(
            "long",
            format!("Bearer {}", HUNTER.repeat(2_000)),
            "401 Bearer too_long",
        ),
    ]
}

fn of_keys() -> Vec<Case> {
    let key = |name, key: String, event| (name, vec![("x-api-key", key)], event);
    let unknown = ApiKeyFormat::new("wy_test").unwrap().generate().unwrap();
    let unknown = unknown.secret().expose().to_owned();
    let two = vec![
        ("x-api-key", KEY.to_owned()),
        ("x-api-key", HUNTER.to_owned()),
    ];
    vec![
        ("none", vec![], "401 - no_credentials"),
        ("two keys", two, "400 ApiKey several_keys"),
        key(
            "a list",
            format!("{KEY},{HUNTER}"),
            "400 ApiKey malformed_credentials",
        ),
        key("another form", HUNTER.to_owned(), "401 ApiKey format"),
        key("mistyped", KEY.replace("CSN", "CSM"), "401 ApiKey checksum"),
        key("unknown", unknown, "401 ApiKey unknown_key"),
        key(
            "of another secret",
            KEY.to_owned(),
            "401 ApiKey wrong_secret",
        ),
        key("long", HUNTER.repeat(99), "401 ApiKey too_long"),
    ]
}

fn of_passwords() -> Vec<Case> {
    vec![
        ("none", vec![], "401 - no_credentials"),
        bearer(
            "wrong",
            password(format!("ann:{HUNTER}")),
            "401 Basic wrong_password",
        ),
        bearer("no colon", password(HUNTER), "401 Basic no_colon"),
        bearer("no base64", format!("Basic {HUNTER}"), "401 Basic base64"),
        bearer("no UTF-8", password([b':', 0xff]), "401 Basic encoding"),
        bearer(
            "a NUL",
            password(format!("{HUNTER}:\0")),
            "401 Basic control_character",
        ),
        bearer("long", password(HUNTER.repeat(999)), "401 Basic too_long"),
        bearer(
            "the store",
            password(format!("down:{HUNTER}")),
            "503 Basic unavailable",
        ),
    ]
}

fn of_badges() -> Vec<Case> {
    let badge = |badge: &str, event| ("badge", vec![("badge", format!("{badge}{HUNTER}"))], event);
    vec![
        badge("old", "401 Badge expired"),
        badge("far", "503 Badge unavailable"),
        badge("near", "503 - unavailable"),
        badge("", "401 - wrong_credentials"),
    ]
}

fn request(fields: &[(&'static str, String)]) -> Request<Body> {
    // As secret as the others: the query, and fields that nobody asked for.
    let mut request = get(&format!("/{HUNTER}?key={HUNTER}"))
        .body(empty())
        .unwrap();
    let fields = fields.iter().map(|(name, value)| (*name, &**value));
    for (name, value) in fields.chain([("x-other", HUNTER), ("cookie", "other=hunter2")]) {
        let value = HeaderValue::from_str(value).unwrap();
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    request
}

/// Whatever in the log may be a credential, or a part of one.
fn secrets(fields: &[(&'static str, String)]) -> Vec<String> {
    let words = fields
        .iter()
        .flat_map(|(_, value)| value.split([' ', '.', ',', '=']));
    let words = words.filter(|word| word.len() > 8).map(str::to_owned);
    words.chain([HUNTER.to_owned()]).collect()
}

async fn check<A>(log: &Log, scheme: impl Fn() -> A, cases: &[Case])
where
    A: Authenticate + Send + Sync + 'static,
{
    for (name, fields, expected) in cases {
        let response = send(&with_auth(scheme()), request(fields)).await;
        let event = log.take();
        let mut words = expected.split(' ');
        let [status, scheme, reason] = [(); 3].map(|()| words.next().unwrap());
        let level = if status == "503" { "WARN" } else { "DEBUG" };
        let scheme = match scheme {
            "-" => String::new(),
            scheme => format!(" scheme=\"{scheme}\""),
        };
        let start = format!(
            "{level} message=refused layer=\"with_auth\" status={status}{scheme} reason=\"{reason}\""
        );
        assert!(
            event.starts_with(&start),
            "{name}: {event}, and not {start}"
        );
        assert_eq!(event.lines().count(), 1, "{name}: {event}");
        let problem = response.extensions().get::<Problem>().unwrap();
        assert_eq!(problem.reason_code(), Some(reason), "{name}");
        let body = String::from_utf8_lossy(response.body());
        assert!(!body.contains(HUNTER), "{name}: {body}");
        for secret in secrets(fields) {
            assert!(!event.contains(&secret), "{name}: {secret} is in {event}");
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn each_refusal_is_one_event_with_layer_scheme_and_reason_and_no_credential() {
    let (log, _guard) = Log::listen();

    check(&log, jwt, &of_tokens()).await;
    check(&log, keys, &of_keys()).await;
    check(&log, basic, &of_passwords()).await;
    check(&log, || Badges, &of_badges()).await;

    // Of several schemes, it is the one that refused.
    let all = || {
        let jwt = jwt()
            .map(|_| Caller)
            .and_then(async |caller| Ok::<_, io::Error>(Some(caller)));
        let own = jwt.or(basic()).or(keys()).or(Badges);
        own.try_map(|_| Err::<Caller, _>(Refusal::new("nobody")))
    };
    for cases in [of_tokens(), of_keys(), of_passwords(), of_badges()] {
        check(&log, all, &cases).await;
    }

    // Keys as bearer tokens are keys.
    let as_bearer = [
        bearer("mistyped", format!("Bearer {KEY}x"), "401 ApiKey format"),
        bearer(
            "another scheme's",
            format!("Bearer {HUNTER}"),
            "401 Bearer malformed",
        ),
    ];
    let keys_first = || keys().bearer().own_prefix_only().unwrap().either(jwt());
    check(&log, keys_first, &as_bearer).await;

    // Two of them are nobody's.
    let both = vec![
        ("x-api-key", KEY.to_owned()),
        ("authorization", token(&json!({}))),
    ];
    let both = [("both", both, "400 - several_schemes")];
    check(&log, || jwt().either(keys()).exclusive(), &both).await;

    // A store that says nothing about a right token.
    let right = [bearer("right", token(&json!({})), "503 - look_up_failed")];
    check(
        &log,
        || jwt().and_then(async |_| store_is_down::<Option<Caller>>()),
        &right,
    )
    .await;
    let right = [bearer(
        "right",
        token(&json!({})),
        "401 - unknown_principal",
    )];
    check(
        &log,
        || jwt().and_then(async |_| Ok::<Option<Caller>, io::Error>(None)),
        &right,
    )
    .await;
    let lookup = || ApiKey::lookup_async(async |_| store_is_down::<Option<Caller>>());
    let key = [(
        "a key",
        vec![("x-api-key", KEY.to_owned())],
        "503 ApiKey unavailable",
    )];
    check(&log, lookup, &key).await;
}
