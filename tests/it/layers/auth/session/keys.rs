//! Keys of encrypted sessions: their change, and what they are bound to.

use wythe::{
    Sessions,
    auth::{SessionKey, SessionRefusal},
};

use super::{
    expiry::reason,
    fixture::{Clock, SECRET, User, ask, encrypted, key, sent, session, set, user},
};

const OTHER: &str = "another key of the tests' sessions, 44 bytes";

fn with_keys(clock: &Clock, secrets: &[&str]) -> Sessions<User> {
    let keys = secrets
        .iter()
        .map(|secret| SessionKey::new(secret).unwrap());
    Sessions::encrypted(keys).unwrap().clock(clock.read())
}

#[tokio::test]
async fn a_session_with_an_old_key_is_reencrypted() {
    let clock = Clock::new();
    let old = with_keys(&clock, &[SECRET]);
    let both = with_keys(&clock, &[OTHER, SECRET]);
    let new = with_keys(&clock, &[OTHER]);

    let first = sent(old.login(&user("alice")).await.unwrap());
    let response = ask(&both, &first).await;
    assert_eq!(response.body(), "alice");
    let second = set(&response).expect("a renewed cookie");
    let second = second.split(';').next().unwrap();
    assert_eq!(ask(&new, second).await.body(), "alice");
    assert_eq!(
        session(&new, second).await.id(),
        session(&old, &first).await.id()
    );
    // With the new key there is nothing to renew.
    assert_eq!(set(&ask(&both, second).await), None);
    // Before every server encrypts with it, every server knows it.
    let learning = with_keys(&clock, &[SECRET, OTHER]);
    assert_eq!(ask(&learning, second).await.body(), "alice");

    assert_eq!(ask(&old, second).await.status(), 401);
    let response = ask(&new, &first).await;
    assert_eq!(reason(&response), Some(SessionRefusal::Unreadable));
}

#[tokio::test]
async fn a_cookie_is_bound_to_its_name() {
    let clock = Clock::new();
    let sessions = encrypted(&clock);
    let other = encrypted(&clock).name("__Host-other").unwrap();
    let cookie = sessions.login(&user("alice")).await.unwrap();
    let moved = format!("__Host-other={}", cookie.value());
    let response = ask(&other, &moved).await;
    assert_eq!(reason(&response), Some(SessionRefusal::Unreadable));
    assert_eq!(ask(&sessions, &sent(cookie)).await.status(), 200);
}

#[tokio::test]
async fn no_two_cookies_are_the_same() {
    let sessions = encrypted(&Clock::new());
    let alice = user("alice");
    let first = sessions.login(&alice).await.unwrap();
    let second = sessions.login(&alice).await.unwrap();
    assert_ne!(first.value(), second.value());
    assert!(!first.value().contains("alice"));
}

#[test]
fn all_bytes_of_a_key_count() {
    // The cipher itself would use 32 bytes from the middle of 64.
    let mut secret = *b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
    let clock = Clock::new();
    let with = |secret: &[u8]| {
        let key = SessionKey::new(secret).unwrap();
        Sessions::<User>::encrypted([key])
            .unwrap()
            .clock(clock.read())
    };
    let first = with(&secret);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let cookie = sent(runtime.block_on(first.login(&user("alice"))).unwrap());
    for at in [0, 31, 32, 63] {
        secret[at] ^= 1;
        let response = runtime.block_on(ask(&with(&secret), &cookie));
        assert_eq!(response.status(), 401, "byte {at}");
        secret[at] ^= 1;
    }
    assert_eq!(runtime.block_on(ask(&with(&secret), &cookie)).status(), 200);
}

#[test]
fn a_key_is_long_and_not_shown() {
    for weak in [
        &b""[..],
        &[7; 31],
        &[7; 64],
        b"0123456789abcdef0123456789abcde",
    ] {
        assert!(SessionKey::new(weak).is_err(), "{weak:?}");
    }
    assert_eq!(format!("{:?}", key()), "SessionKey(..)");
    let shown = format!("{:?}", encrypted(&Clock::new()));
    assert!(
        shown.contains("__Host-session") && !shown.contains(SECRET),
        "{shown}"
    );
    Sessions::<User>::encrypted([]).unwrap_err();
}
