//! What an application says of a session.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use wythe::{Session, auth::SessionRefusal};

use super::{
    expiry::reason,
    fixture::{Clock, Store, User, ask, both, sent, set, stored, user},
};

#[tokio::test]
async fn a_session_that_the_check_refuses_has_ended() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let since = clock.read()();
        let now = sessions
            .clone()
            .check(move |session| session.created() > since);
        let later = sessions.clone().check_async(move |session: Session<User>| {
            ready(Ok::<_, &str>(session.created() > since))
        });
        for sessions in [now, later] {
            clock.set(0);
            let before = sent(sessions.login(&user("alice")).await.unwrap());
            clock.set(1);
            let after = sent(sessions.login(&user("alice")).await.unwrap());
            let response = ask(&sessions, &before).await;
            assert_eq!(response.status(), 401, "{kind}");
            assert_eq!(reason(&response), Some(SessionRefusal::Check), "{kind}");
            assert_eq!(ask(&sessions, &after).await.status(), 200, "{kind}");

            // Nor is it renewed.
            clock.set(450);
            assert_eq!(set(&ask(&sessions, &before).await), None, "{kind}");
            clock.set(451);
            let renewed = set(&ask(&sessions, &after).await).is_some();
            assert_eq!(renewed, kind == "encrypted");
        }
    }
}

#[tokio::test]
async fn a_check_that_fails_is_a_503() {
    for (kind, sessions) in both(&Clock::new()) {
        let sessions = sessions.check_async(|_| ready(Err("the database is down")));
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        assert_eq!(ask(&sessions, &cookie).await.status(), 503, "{kind}");
    }
}

#[tokio::test]
async fn only_a_session_that_has_not_ended_is_checked() {
    let (clock, asked) = (Clock::new(), Arc::new(AtomicBool::new(false)));
    let sessions = stored(&clock, &Store::default()).check({
        let asked = Arc::clone(&asked);
        move |_| {
            asked.store(true, Ordering::Relaxed);
            true
        }
    });
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(1_800);
    for cookies in ["", "__Host-session=x", &cookie] {
        assert_eq!(ask(&sessions, cookies).await.status(), 401);
    }
    assert!(!asked.load(Ordering::Relaxed));
}
