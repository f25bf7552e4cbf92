//! The provider is down: the last good keys are used, for a while.

use std::time::Duration;

use tokio::time::advance;
use wythe::{Jwks, auth::JwksError};

use super::{
    Verdict, answer, jwt, scripted::Scripted, set, settle, signer::Signer, status, verdict,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_survive_an_outage_for_a_day_and_then_503() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &signer.token()).await, 200);
    provider.fails();
    advance(10 * MINUTE).await;
    for hour in 0..24 {
        assert_eq!(status(&keys, &signer.token()).await, 200, "{hour}");
        settle().await;
        advance(HOUR - Duration::from_millis(1)).await;
    }
    assert_eq!(status(&keys, &signer.token()).await, 200);
    advance(Duration::from_millis(24)).await;
    let response = answer(jwt(&keys), &signer.token()).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("www-authenticate"));
    assert!(!keys.status().is_usable);
    // And it is over.
    provider.answers(set(&[signer.jwk()]));
    advance(2 * MINUTE).await;
    assert_eq!(status(&keys, &signer.token()).await, 200);
    let after = keys.status();
    assert!(after.is_usable && after.failures == 0 && after.last_failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_for_the_configured_time() {
    let signer = Signer::p256("a");
    for (keep, after) in [
        (Duration::ZERO, 503),
        (MINUTE, 503),
        (2 * MINUTE, 200),
        (Duration::MAX, 200),
    ] {
        let provider = Scripted::new(set(&[signer.jwk()]));
        let keys = provider.keys().keep_for(keep);
        assert_eq!(status(&keys, &signer.token()).await, 200);
        provider.fails();
        advance(11 * MINUTE).await;
        assert_eq!(status(&keys, &signer.token()).await, after, "{keep:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_keys_requests_are_answered_503_and_fetches_back_off() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(String::new());
    provider.fails();
    let keys = provider.keys();
    let mut now = 0;
    let mut fetched = Vec::new();
    // For two minutes, a request each 100 ms.
    for _ in 0..1_200 {
        let before = provider.fetches();
        let failed = verdict(&keys, &signer.token()).await;
        assert!(
            matches!(failed, Verdict::Failed(JwksError::Transport(_))),
            "{failed:?}"
        );
        if provider.fetches() > before {
            fetched.push(now);
        }
        advance(Duration::from_millis(100)).await;
        now += 100;
    }
    // 1 s, 2 s, 4 s, .. give or take a quarter.
    assert!((6..=8).contains(&fetched.len()), "{fetched:?}");
    let pauses = fetched.windows(2).map(|pair| pair[1] - pair[0]);
    for (doubling, pause) in (0..).zip(pauses) {
        let expected = (1_000 << doubling).min(60_000);
        let range = expected * 3 / 4..=expected * 5 / 4 + 100;
        assert!(range.contains(&pause), "{fetched:?}");
    }
    assert_eq!(keys.status().failures as usize, fetched.len());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_times_out() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    provider.hangs();
    let start = tokio::time::Instant::now();
    let failed = verdict(&keys, &signer.token()).await;
    assert!(
        matches!(failed, Verdict::Failed(JwksError::TimedOut(_))),
        "{failed:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    provider.goes_on();
    advance(2 * MINUTE).await;
    assert_eq!(status(&keys, &signer.token()).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_with_an_unknown_id_is_503_during_an_outage() {
    let (known, unknown) = (Signer::p256("known"), Signer::ed25519("unknown"));
    let provider = Scripted::new(set(&[known.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &known.token()).await, 200);
    assert_eq!(status(&keys, &unknown.token()).await, 401);
    provider.fails();
    advance(MINUTE).await;
    for _ in 0..100 {
        assert_eq!(status(&keys, &unknown.token()).await, 503);
        assert_eq!(status(&keys, &known.token()).await, 200);
    }
    assert_eq!(provider.fetches(), 2);
    provider.answers(set(&[known.jwk(), unknown.jwk()]));
    advance(MINUTE).await;
    assert_eq!(status(&keys, &unknown.token()).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_set_without_a_usable_key_does_not_replace_a_good_one() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let keys = provider.keys();
    assert_eq!(status(&keys, &signer.token()).await, 200);
    for bad in [set(&[]), "garbage".to_owned(), String::new()] {
        provider.answers(bad);
        advance(11 * MINUTE).await;
        assert_eq!(status(&keys, &signer.token()).await, 200);
        settle().await;
        assert!(keys.status().failures > 0);
    }
    assert_eq!(status(&keys, &signer.token()).await, 200);
}

#[tokio::test(start_paused = true)]
async fn prefetch_returns_the_error_when_the_program_starts() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    provider.fails();
    let keys = provider.keys();
    let error = keys.prefetch().await.unwrap_err();
    assert_eq!(error.to_string(), "the keys could not be fetched: down");
    assert!(keys.prefetch().await.is_err());
    assert_eq!(provider.fetches(), 1);
    provider.answers(set(&[signer.jwk()]));
    advance(2 * MINUTE).await;
    keys.prefetch().await.unwrap();
    keys.prefetch().await.unwrap();
    assert_eq!(provider.fetches(), 2);
}

#[test]
fn a_runtime_that_shuts_down_during_a_fetch_does_not_stop_later_ones() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let keys = provider.keys();
    provider.hangs();
    let first = runtime();
    first.block_on(async {
        let (keys, token) = (keys.clone(), signer.token());
        tokio::spawn(async move { status(&keys, &token).await });
        settle().await;
    });
    drop(first);
    assert!(matches!(
        keys.status().last_failure,
        Some(JwksError::Interrupted)
    ));
    provider.goes_on();
    // The pause after a failure is real here: one runtime's clock is not the other's.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while runtime().block_on(status(&keys, &signer.token())) != 200 {
        assert!(std::time::Instant::now() < deadline, "{:?}", keys.status());
        std::thread::yield_now();
    }
}

#[test]
fn without_a_runtime_a_fetch_fails_and_does_not_panic() {
    let signer = Signer::p256("a");
    let keys: Jwks = Scripted::new(set(&[signer.jwk()])).keys();
    let failed = poll_once(verdict(&keys, &signer.token())).unwrap();
    assert!(
        matches!(failed, Verdict::Failed(JwksError::NoRuntime)),
        "{failed:?}"
    );
}

/// Polls a future once, without a runtime.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
