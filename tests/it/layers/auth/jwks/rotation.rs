//! Keys are added, removed and replaced over time.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tokio::time::advance;
use wythe::{
    Jwt, ManualClock,
    auth::{Fetched, JwtRefusal},
    with_auth,
};

use super::{
    Claims, NOW, Verdict, answer, at, judged, jwt, scripted::Scripted, set, settle, signer::Signer,
    status, verdict,
};
use crate::{
    common::{empty, get},
    contract::disconnects::survives_disconnects,
};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn the_first_requests_wait_for_one_fetch() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    provider.hangs();
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (keys, token) = (keys.clone(), signer.token());
            tokio::spawn(async move { status(&keys, &token).await })
        })
        .collect();
    settle().await;
    assert!(requests.iter().all(|request| !request.is_finished()));
    provider.goes_on();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_for_its_first_token() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let provider = Scripted::new(set(&[old.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &old.token()).await, 200);
    provider.answers(set(&[old.jwk(), new.jwk()]));
    advance(MINUTE).await;
    for (token, fetches) in [(new.token(), 2), (old.token(), 2), (new.token(), 2)] {
        assert_eq!(status(&keys, &token).await, 200);
        assert_eq!(provider.fetches(), fetches);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_without_an_id_is_fetched_too() {
    let (old, new) = (
        Signer::p256("").without_id(),
        Signer::other_p256("").without_id(),
    );
    let provider = Scripted::new(set(&[old.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &old.token()).await, 200);
    provider.answers(set(&[new.jwk()]));
    advance(MINUTE).await;
    assert_eq!(status(&keys, &new.token()).await, 200);
    assert_eq!(status(&keys, &old.token()).await, 401);
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_refused_after_the_next_fetch() {
    let (gone, stays) = (Signer::p256("gone"), Signer::ed25519("stays"));
    let provider = Scripted::new(set(&[gone.jwk(), stays.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &gone.token()).await, 200);
    provider.answers(set(&[stays.jwk()]));
    advance(10 * MINUTE).await;
    // Stale: the old keys are used on, and new ones fetched behind.
    assert_eq!(status(&keys, &gone.token()).await, 200);
    settle().await;
    assert_eq!(provider.fetches(), 2);
    let refused = verdict(&keys, &gone.token()).await;
    assert!(
        matches!(refused, Verdict::Refused(JwtRefusal::Key)),
        "{refused:?}"
    );
    assert_eq!(status(&keys, &stays.token()).await, 200);
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_key_with_the_same_id_replaces_it() {
    let (old, new) = (Signer::p256("a"), Signer::other_p256("a"));
    let provider = Scripted::new(set(&[old.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &old.token()).await, 200);
    let generation = keys.generation();
    provider.answers(set(&[new.jwk()]));
    advance(10 * MINUTE).await;
    assert_eq!(status(&keys, &old.token()).await, 200);
    settle().await;
    assert_ne!(keys.generation(), generation);
    assert_eq!(status(&keys, &new.token()).await, 200);
    let refused = verdict(&keys, &old.token()).await;
    assert!(
        matches!(refused, Verdict::Refused(JwtRefusal::Signature)),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn requests_continue_with_stale_keys_while_a_fetch_hangs() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &signer.token()).await, 200);
    advance(11 * MINUTE).await;
    provider.hangs();
    for _ in 0..100 {
        assert_eq!(status(&keys, &signer.token()).await, 200);
        settle().await;
    }
    assert_eq!(provider.fetches(), 2);
    provider.goes_on();
    settle().await;
    assert_eq!(keys.status().age, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_request_after_a_long_pause_waits_for_new_keys() {
    let (gone, new) = (Signer::p256("gone"), Signer::ed25519("new"));
    let provider = Scripted::new(set(&[gone.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &gone.token()).await, 200);
    provider.answers(set(&[new.jwk()]));
    advance(20 * MINUTE).await;
    assert_eq!(status(&keys, &gone.token()).await, 401);
    assert_eq!(provider.fetches(), 2);
    // If none can be had, the old ones do.
    provider.fails();
    advance(20 * MINUTE).await;
    assert_eq!(status(&keys, &new.token()).await, 200);
    assert_eq!(status(&keys, &gone.token()).await, 503);
    assert_eq!(provider.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_fresh_as_long_as_the_provider_says_within_bounds() {
    let signer = Signer::p256("a");
    let cases = [
        (None, 600),
        (Some(0), 60),
        (Some(59), 60),
        (Some(300), 300),
        (Some(1_000_000), 3_600),
    ];
    for (max_age, fresh) in cases {
        let fetched = Fetched::new(set(&[signer.jwk()]));
        let fetched = match max_age {
            Some(seconds) => fetched.max_age(Duration::from_secs(seconds)),
            None => fetched,
        };
        let provider = Scripted::new(String::new());
        provider.answers_with(fetched);
        let keys = provider.keys();
        for (seconds, fetches) in [(0, 1), (fresh - 1, 1), (1, 2)] {
            advance(Duration::from_secs(seconds)).await;
            assert_eq!(status(&keys, &signer.token()).await, 200);
            settle().await;
            assert_eq!(provider.fetches(), fetches, "{max_age:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_generation_changes_when_keys_are_removed_and_not_when_they_are_added() {
    let (a, b) = (Signer::p256("a"), Signer::ed25519("b"));
    let provider = Scripted::new(set(&[a.jwk()]));
    let keys = provider.keys().keep_for(100 * MINUTE);
    let none = keys.generation();
    keys.prefetch().await.unwrap();
    let first = keys.generation();
    assert_ne!(first, none);
    for (answer, same) in [
        (vec![a.jwk()], true),
        (vec![b.jwk(), a.jwk()], true),
        (vec![b.jwk()], false),
    ] {
        provider.answers(set(&answer));
        advance(10 * MINUTE).await;
        // A cache of tokens reads it, so that it causes a fetch too.
        assert_eq!(keys.generation(), first);
        settle().await;
        assert_eq!(keys.generation() == first, same, "{answer:?}");
    }
    let last = keys.generation();
    provider.fails();
    advance(11 * MINUTE).await;
    assert_eq!(keys.generation(), last);
    settle().await;
    advance(98 * MINUTE).await;
    assert_eq!(keys.generation(), last);
    advance(MINUTE).await;
    // The keys may no longer be used, and nor may what was verified with them.
    assert_ne!(keys.generation(), last);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_does_not_cancel_the_fetch() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    provider.hangs();
    let (request, token) = (keys.clone(), signer.token());
    let request = tokio::spawn(async move { status(&request, &token).await });
    settle().await;
    assert_eq!(provider.fetches(), 1);
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    provider.goes_on();
    settle().await;
    assert!(keys.status().is_usable);
    assert_eq!(status(&keys, &signer.token()).await, 200);
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn one_fetch_serves_all_requests_whichever_client_disconnects() {
    let signer = Signer::p256("a");
    let make = || {
        let provider = Scripted::new(set(&[signer.jwk()]));
        let layer = with_auth(jwt(&provider.keys()));
        let check = async move |_| assert_eq!(provider.fetches(), 1);
        (layer, check)
    };
    let request = || {
        let request = get("/").header("authorization", format!("Bearer {}", signer.token()));
        request.body(empty()).unwrap()
    };
    survives_disconnects(make, request).await;
}

#[tokio::test(start_paused = true)]
async fn clones_share_keys_and_fetches() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    let routes = [
        jwt(&keys),
        jwt(&keys.clone()),
        jwt(&keys).issuer("https://id.example.com"),
    ];
    let mut statuses = Vec::new();
    for route in routes {
        statuses.push(judged(&answer(route, &signer.token()).await).status());
    }
    assert_eq!(statuses, [200, 200, 401]);
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn leeway_accepts_tokens_if_the_clock_is_behind() {
    let signer = Signer::p256("a");
    let keys = Scripted::new(set(&[signer.jwk()])).keys();
    let claims = serde_json::json!({
        "sub": "ann", "iat": NOW + 15, "nbf": NOW + 15, "exp": NOW + 60,
    });
    let token = signer.signs(&claims);
    let strict = judged(&answer(jwt(&keys), &token).await);
    assert!(
        matches!(strict, Verdict::Refused(JwtRefusal::NotYetValid)),
        "{strict:?}"
    );
    let lenient = jwt(&keys).leeway(Duration::from_secs(15));
    assert_eq!(judged(&answer(lenient, &token).await).status(), 200);
    // The clock on the wall goes back a year: the keys are as fresh as they were.
    let before = jwt(&keys).clock(at(NOW - 31_536_000));
    assert_eq!(judged(&answer(before, &signer.token()).await).status(), 200);
}

#[tokio::test]
async fn one_clock_ages_tokens_and_keys() {
    let hand = ManualClock::new(UNIX_EPOCH + Duration::from_secs(NOW));
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys().clock(&hand);
    let jwt = Jwt::<Claims>::jwks(keys.clone()).unwrap().clock(&hand);
    let token = signer.signs(&json!({ "sub": "ann", "exp": NOW + 900 }));
    // Keys are fresh for ten minutes, and the token is valid for fifteen.
    for (seconds, status, fetches) in [(0, 200, 1), (599, 200, 1), (1, 200, 2), (300, 401, 2)] {
        hand.advance(Duration::from_secs(seconds));
        assert_eq!(answer(jwt.clone(), &token).await.status(), status);
        settle().await;
        assert_eq!(provider.fetches(), fetches);
    }
    assert_eq!(keys.status().age, Some(5 * MINUTE));
}
