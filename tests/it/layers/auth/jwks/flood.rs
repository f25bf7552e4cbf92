//! Tokens with ids that nobody knows.

use std::time::Duration;

use tokio::time::advance;
use wythe::{Jwks, auth::JwtRefusal};

use super::{Verdict, scripted::Scripted, set, settle, signer::Signer, status, verdict};

/// The number of tokens at once, each with its own id.
async fn flood(keys: &Jwks, count: usize) -> Vec<u16> {
    let requests: Vec<_> = (0..count)
        .map(|number| {
            let id = format!("unknown-{number}");
            let token = Signer::other_p256(Box::leak(id.into_boxed_str())).token();
            let keys = keys.clone();
            tokio::spawn(async move { status(&keys, &token).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_ids_at_once_cause_one_fetch_per_cooldown() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    // The first fetch counts.
    assert_eq!(flood(&keys, 1_000).await, [401; 1_000]);
    assert_eq!(provider.fetches(), 1);
    for round in 2..6 {
        advance(Duration::from_secs(30)).await;
        assert_eq!(flood(&keys, 1_000).await, [401; 1_000]);
        assert_eq!(flood(&keys, 10).await, [401; 10]);
        assert_eq!(provider.fetches(), round);
        assert_eq!(status(&keys, &signer.token()).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_wait_for_the_same_fetch_and_known_ones_do_not() {
    let (known, new) = (Signer::p256("known"), Signer::ed25519("new"));
    let provider = Scripted::new(set(&[known.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &known.token()).await, 200);
    advance(Duration::from_secs(31)).await;
    provider.answers(set(&[known.jwk(), new.jwk()]));
    provider.hangs();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (keys, token) = (keys.clone(), new.token());
            tokio::spawn(async move { status(&keys, &token).await })
        })
        .collect();
    settle().await;
    assert_eq!(status(&keys, &known.token()).await, 200);
    assert!(waiting.iter().all(|request| !request.is_finished()));
    provider.goes_on();
    for request in waiting {
        assert_eq!(request.await.unwrap(), 200);
    }
    assert_eq!(provider.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_key_could_verify_causes_no_fetch() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    let secret = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    let hs256 = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &super::good(), &secret);
    let tokens = [
        hs256.unwrap(),
        Signer::p384("b").token(),
        "garbage".to_owned(),
    ];
    for token in &tokens {
        let refused = verdict(&keys, token).await;
        assert_eq!(refused.status(), 401, "{token}");
    }
    assert_eq!(provider.fetches(), 0);
    // A known id with an invalid signature is not an unknown one.
    keys.prefetch().await.unwrap();
    advance(Duration::from_secs(60)).await;
    let refused = verdict(&keys, &Signer::other_p256("a").token()).await;
    assert!(
        matches!(refused, Verdict::Refused(JwtRefusal::Signature)),
        "{refused:?}"
    );
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_lasts_for_the_configured_time() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys().cooldown(Duration::from_secs(5)).unwrap();
    let unknown = Signer::ed25519("unknown").token();
    for (seconds, fetches) in [(0, 1), (4, 1), (1, 2), (4, 2), (1, 3)] {
        advance(Duration::from_secs(seconds)).await;
        assert_eq!(status(&keys, &unknown).await, 401);
        assert_eq!(provider.fetches(), fetches);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_on_many_threads_cause_one_fetch() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    let requests: Vec<_> = (0..500)
        .map(|number| {
            let known = number % 2 == 0;
            let signer = if known {
                Signer::p256("a")
            } else {
                Signer::other_p256("b")
            };
            let keys = keys.clone();
            tokio::spawn(async move { (known, status(&keys, &signer.token()).await) })
        })
        .collect();
    for request in requests {
        let (known, status) = request.await.unwrap();
        assert_eq!(status, if known { 200 } else { 401 });
    }
    assert_eq!(provider.fetches(), 1);
}
