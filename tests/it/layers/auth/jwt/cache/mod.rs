//! The cache of verified tokens: what passes, and for how long.

mod bounds;
mod forgetting;
mod properties;
mod threads;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::request::Parts;
use serde_json::{Value, json};
use wythe::{
    Jwt, Later, TokenCache,
    auth::{Authenticate, JwtRefusal, Verdict},
};

use super::{Claims, NOW, SECRET, good, hs256, request, token, verdict};

/// A clock that is set by hand.
#[derive(Clone)]
struct TestClock(Arc<AtomicU64>);

impl TestClock {
    fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let clock = self.clone();
        move || UNIX_EPOCH + Duration::from_secs(clock.0.load(Ordering::Relaxed))
    }
}

fn head(token: &str) -> Parts {
    let request = request(&[("authorization", &format!("Bearer {token}"))]);
    request.into_parts().0
}

fn passes(jwt: &Jwt<Claims>, token: &str) -> bool {
    match jwt.authenticate(&head(token)) {
        Later::Ready(Verdict::Verified(_)) => true,
        Later::Ready(Verdict::Refused(_)) => false,
        other => panic!("{other:?}"),
    }
}

/// How often tokens were found, and how often not.
fn counts<C>(cache: &TokenCache<C>) -> (u64, u64) {
    (cache.hits(), cache.misses())
}

fn of_user(name: &str) -> String {
    token(&json!({ "sub": name, "exp": NOW + 60 }))
}

#[tokio::test]
async fn a_token_is_verified_once_and_then_found() {
    let jwt = hs256::<Claims>();
    let cache = jwt.token_cache().unwrap();
    let token = token(&good());
    for n in 0..5 {
        assert_eq!(counts(cache), (u64::saturating_sub(n, 1), n.min(1)));
        let Later::Ready(Verdict::Verified(claims)) = jwt.authenticate(&head(&token)) else {
            panic!("it passes");
        };
        assert_eq!(claims.sub, "ann");
        assert_eq!(cache.len(), 1);
    }
}

#[tokio::test]
async fn a_refused_token_is_not_cached() {
    let jwt = hs256::<Claims>();
    let cases = [
        token(&json!({ "sub": "ann" })),
        token(&json!({ "sub": "ann", "exp": NOW })),
        token(&json!({ "sub": 7, "exp": NOW + 1 })),
        token(&json!({ "sub": "ann", "exp": NOW + 1, "aud": "others" })),
        format!("{}A", token(&good())),
        "x".repeat(9_000),
        "x".to_owned(),
    ];
    for token in cases {
        for _ in 0..2 {
            verdict(jwt.clone(), &token).await.unwrap_err();
        }
    }
    let cache = jwt.token_cache().unwrap();
    assert_eq!((cache.len(), counts(cache)), (0, (0, 14)));
}

#[tokio::test]
async fn nothing_passes_once_it_has_expired() {
    let clock = TestClock::at(NOW);
    let claims = json!({ "sub": "ann", "exp": NOW + 10, "nbf": NOW - 10 });
    let leeways = [(0, NOW - 10, NOW + 10), (5, NOW - 15, NOW + 15)];
    for (leeway, start, end) in leeways {
        let jwt = hs256::<Claims>().clock(clock.now());
        let jwt = jwt.leeway(Duration::from_secs(leeway));
        let token = token(&claims);
        // Back and forth, each time with a token that is remembered, if any is.
        let times = [
            (start, Ok(())),
            (end - 1, Ok(())),
            (end, Err(JwtRefusal::Expired)),
            (NOW, Ok(())),
            (end + 1_000_000, Err(JwtRefusal::Expired)),
            (start, Ok(())),
            (start - 1, Err(JwtRefusal::NotYetValid)),
            (0, Err(JwtRefusal::NotYetValid)),
            (start, Ok(())),
        ];
        for (now, expected) in times {
            clock.set(now);
            for _ in 0..3 {
                assert_eq!(verdict(jwt.clone(), &token).await, expected, "{now}");
            }
        }
        assert!(jwt.token_cache().unwrap().hits() > 0);
    }
}

#[tokio::test]
async fn an_expired_token_is_removed_when_it_is_presented_again() {
    let clock = TestClock::at(NOW);
    let jwt = hs256::<Claims>().clock(clock.now());
    let cache = jwt.token_cache().unwrap();
    let token = token(&good());
    assert!(passes(&jwt, &token));
    assert_eq!(cache.len(), 1);
    clock.set(NOW + 60);
    assert!(!passes(&jwt, &token));
    assert_eq!((cache.len(), cache.size()), (0, 0));
}

#[test]
fn a_token_without_expiry_stays_valid() {
    let clock = TestClock::at(NOW);
    let jwt = hs256::<Claims>().clock(clock.now());
    let jwt = jwt.dangerously_accept_without_expiry();
    let token = token(&json!({ "sub": "ann" }));
    for now in [NOW, 0, u64::from(u32::MAX) * 8] {
        clock.set(now);
        assert!(passes(&jwt, &token), "{now}");
    }
    assert_eq!(counts(jwt.token_cache().unwrap()), (2, 1));
}

#[test]
fn a_similar_token_is_not_found() {
    let jwt = hs256::<Claims>();
    let token = token(&good());
    assert!(passes(&jwt, &token));
    for at in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let other = String::from_utf8(bytes).unwrap();
            // What can't stand in a field can't be sent.
            if other.bytes().all(|byte| byte.is_ascii_graphic()) {
                assert!(!passes(&jwt, &other), "bit {bit} of byte {at}");
            }
        }
    }
    let cache = jwt.token_cache().unwrap();
    assert_eq!((cache.hits(), cache.len()), (0, 1));
}

#[tokio::test]
async fn another_payload_with_the_signature_of_a_cached_token_is_refused() {
    let jwt = hs256::<Claims>();
    let (ann, bob) = (of_user("ann"), of_user("bob"));
    assert_eq!(ann.len(), bob.len());
    assert!(passes(&jwt, &ann));
    let (signed, _) = bob.rsplit_once('.').unwrap();
    let (_, signature) = ann.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{signature}");
    for _ in 0..3 {
        let reason = verdict(jwt.clone(), &forged).await.unwrap_err();
        assert_eq!(reason, JwtRefusal::Signature);
        assert!(passes(&jwt, &ann));
    }
}

#[tokio::test]
async fn a_changed_jwt_does_not_accept_what_the_old_one_verified() {
    let token = token(&json!({ "sub": "ann", "exp": NOW + 60, "iss": "us" }));
    let stricter: [(&str, fn(Jwt<Claims>) -> Jwt<Claims>); 6] = [
        ("audience", |jwt| jwt.audience("api")),
        ("issuer", |jwt| jwt.issuer("them")),
        ("type", |jwt| jwt.token_type("at+jwt")),
        ("length", |jwt| jwt.max_length(68).unwrap()),
        ("clock", |jwt| jwt.clock(super::at(NOW + 60))),
        ("one after another", |jwt| {
            jwt.issuer("them").leeway(Duration::ZERO)
        }),
    ];
    for (name, change) in stricter {
        let lax = hs256::<Claims>();
        assert!(passes(&lax, &token));
        // Both while the old one lives on, and where it becomes the new one.
        let cache = lax.token_cache().unwrap().clone();
        assert!(!passes(&change(lax.clone()), &token), "{name}");
        assert!(passes(&lax, &token), "{name}");
        assert!(!passes(&change(lax), &token), "{name}");
        assert_eq!(cache.hits(), 1, "{name}");
    }
}

#[test]
fn two_schemes_share_a_cache_but_no_token() {
    let cache = TokenCache::of(10).unwrap();
    let lax = hs256::<Claims>().cache(&cache);
    let strict = hs256::<Claims>().audience("api").cache(&cache);
    let without = of_user("ann");
    let with = token(&json!({ "sub": "ann", "exp": NOW + 60, "aud": "api" }));
    for _ in 0..3 {
        assert!(passes(&lax, &without) && !passes(&strict, &without));
        assert!(passes(&strict, &with) && !passes(&lax, &with));
    }
    assert_eq!((cache.len(), cache.hits()), (2, 4));

    // One that passes both is there for both, and is forgotten for both.
    let both = hs256::<Claims>().audience("api").cache(&cache);
    for _ in 0..3 {
        assert!(passes(&strict, &with) && passes(&both, &with));
    }
    assert_eq!((cache.len(), cache.hits()), (3, 9));
    assert!(cache.forget(&with));
    assert_eq!(cache.len(), 1);
}

#[test]
fn another_secret_does_not_accept_what_the_first_verified() {
    let cache = TokenCache::of(10).unwrap();
    let first = hs256::<Claims>().cache(&cache);
    let other = [b'x'; 31].iter().chain(b"y").copied().collect::<Vec<u8>>();
    let other = Jwt::<Claims>::hs256(other).unwrap().clock(super::at(NOW));
    let token = token(&good());
    assert!(passes(&first, &token));
    assert!(!passes(&other.cache(&cache), &token));
}

#[test]
fn without_a_cache_every_token_is_verified() {
    let jwt = hs256::<Claims>().without_cache();
    assert!(jwt.token_cache().is_none());
    assert!(passes(&jwt, &token(&good())));
    let cache = TokenCache::of(1).unwrap();
    assert!(passes(&jwt.cache(&cache), &token(&good())));
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_token_from_a_cookie_is_found_too() {
    let jwt = hs256::<Claims>().cookie("token").unwrap();
    let token = token(&good());
    let head = request(&[("cookie", &format!("a=b; token={token}"))])
        .into_parts()
        .0;
    assert!(passes(&jwt, &token));
    assert!(matches!(
        jwt.authenticate(&head),
        Later::Ready(Verdict::Verified(_))
    ));
    assert_eq!(counts(jwt.token_cache().unwrap()), (1, 1));
    // Two at once are refused, known or not.
    let mut both = self::head(&token);
    both.headers.extend(head.headers);
    assert!(matches!(
        jwt.authenticate(&both),
        Later::Ready(Verdict::Refused(_))
    ));
}

#[test]
fn never_prints_a_token() {
    let jwt = Jwt::<Value>::hs256(SECRET).unwrap().clock(super::at(NOW));
    let token = token(&good());
    assert!(matches!(
        jwt.authenticate(&head(&token)),
        Later::Ready(Verdict::Verified(_))
    ));
    let shown = format!("{jwt:?} {:?}", jwt.token_cache());
    assert!(shown.contains("tokens: 1 of 10000"), "{shown}");
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn nothing_passes_once_it_is_too_old() {
    let clock = TestClock::at(NOW);
    let jwt = hs256::<Claims>().clock(clock.now());
    let jwt = jwt
        .max_age(Duration::from_secs(30))
        .unwrap()
        .leeway(Duration::from_secs(1));
    let token = token(&json!({ "sub": "ann", "iat": NOW, "exp": NOW + 1_000 }));
    let times = [
        (NOW, Ok(())),
        (NOW + 30, Ok(())),
        (NOW + 31, Err(JwtRefusal::TooOld)),
        (NOW - 1, Ok(())),
        (NOW - 2, Err(JwtRefusal::NotYetValid)),
        (NOW + 30, Ok(())),
        (NOW + 1_001, Err(JwtRefusal::Expired)),
    ];
    for (now, expected) in times {
        clock.set(now);
        for _ in 0..3 {
            assert_eq!(verdict(jwt.clone(), &token).await, expected, "{now}");
        }
    }
    assert_eq!(jwt.token_cache().unwrap().hits(), 9);
}

#[tokio::test]
async fn checks_run_for_cached_tokens_too() {
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let jwt = hs256::<Claims>().check(move |_| match counter.fetch_add(1, Ordering::Relaxed) {
        0..3 => Ok(()),
        _ => Err("enough"),
    });
    let token = token(&good());
    for n in 0..6 {
        let verdict = verdict(jwt.clone(), &token).await;
        assert_eq!(verdict.is_ok(), n < 3, "{verdict:?}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 6);
    assert_eq!(counts(jwt.token_cache().unwrap()), (5, 1));
}
