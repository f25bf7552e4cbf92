//! Tokens that were verified before, when the keys change.

use std::time::Duration;

use tokio::time::advance;
use wythe::{Jwt, auth::JwtRefusal};

use super::{
    Claims, Verdict, answer, judged, jwt, scripted::Scripted, set, settle, signer::Signer,
};

const MINUTE: Duration = Duration::from_secs(60);

async fn verdict(jwt: &Jwt<Claims>, token: &str) -> Verdict {
    judged(&answer(jwt.clone(), token).await)
}

fn hits(jwt: &Jwt<Claims>) -> u64 {
    jwt.token_cache().unwrap().hits()
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_causes_a_fetch_of_stale_keys_and_is_refused_once_its_key_is_removed() {
    let (gone, stays) = (Signer::p256("gone"), Signer::ed25519("stays"));
    let provider = Scripted::new(set(&[gone.jwk(), stays.jwk()]));
    let jwt = jwt(&provider.keys());
    let token = gone.token();
    for hit in 0..3 {
        assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
        assert_eq!(hits(&jwt), hit);
    }
    provider.answers(set(&[stays.jwk()]));
    advance(10 * MINUTE).await;
    // It is not looked at again, but that the keys are old is seen.
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
    assert_eq!(hits(&jwt), 3);
    settle().await;
    assert_eq!(provider.fetches(), 2);
    let refused = verdict(&jwt, &token).await;
    assert!(
        matches!(refused, Verdict::Refused(JwtRefusal::Key)),
        "{refused:?}"
    );
    assert_eq!(hits(&jwt), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_stays_cached_when_keys_are_added() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let provider = Scripted::new(set(&[old.jwk()]));
    let jwt = jwt(&provider.keys());
    assert!(matches!(verdict(&jwt, &old.token()).await, Verdict::Passes));
    let token = old.token();
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
    provider.answers(set(&[old.jwk(), new.jwk()]));
    advance(10 * MINUTE).await;
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
    settle().await;
    assert_eq!(provider.fetches(), 2);
    let before = hits(&jwt);
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
    assert_eq!(hits(&jwt), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_answered_503_once_the_keys_have_expired() {
    let signer = Signer::p256("a");
    let provider = Scripted::new(set(&[signer.jwk()]));
    let jwt = jwt(&provider.keys().keep_for(MINUTE));
    let token = signer.token();
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
    provider.fails();
    advance(12 * MINUTE).await;
    assert_eq!(verdict(&jwt, &token).await.status(), 503);
    assert_eq!(hits(&jwt), 0);
    // The same keys are back, and with them what they have verified.
    provider.answers(set(&[signer.jwk()]));
    advance(2 * MINUTE).await;
    assert!(matches!(verdict(&jwt, &token).await, Verdict::Passes));
}
