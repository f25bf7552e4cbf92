//! When sessions end by themselves, and how use prolongs them.

use std::{convert::Infallible, time::Duration};

use http::Response;
use wythe::{Problem, auth::SessionRefusal, with_auth};

use super::fixture::{Clock, Store, ask, both, encrypted, sent, set, stored, user, written};
use crate::common::{empty, get, send_to};

const HOUR: u64 = 3_600;

pub(crate) fn reason<B>(response: &Response<B>) -> Option<SessionRefusal> {
    let problem = response.extensions().get::<Problem>()?;
    problem.cause()?.downcast_ref().copied()
}

#[tokio::test]
async fn a_session_ends_at_the_second_its_idle_time_ends() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        clock.set(1_800);
        let response = ask(&sessions, &cookie).await;
        assert_eq!(response.status(), 401, "{kind}");
        assert_eq!(reason(&response), Some(SessionRefusal::Idle), "{kind}");
        clock.set(1_799);
        assert_eq!(ask(&sessions, &cookie).await.status(), 200, "{kind}");
    }
}

#[tokio::test]
async fn a_session_ends_at_the_second_its_lifetime_ends() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let mut cookie = sent(sessions.login(&user("alice")).await.unwrap());
        // However much it is used.
        for minutes in (10..12 * 60).step_by(10) {
            clock.set(minutes * 60);
            let response = ask(&sessions, &cookie).await;
            assert_eq!(response.status(), 200, "{kind}: after {minutes} minutes");
            // In the last half an hour it lasts no longer for being used. The cookie of a stored
            // session lasts that long anyway.
            if minutes > 12 * 60 - 30 || kind == "stored" {
                assert_eq!(set(&response), None, "{kind}: after {minutes} minutes");
                continue;
            }
            let renewed = set(&response).unwrap();
            assert!(renewed.ends_with("; Max-Age=1800"), "{renewed}");
            cookie = renewed.split(';').next().unwrap().to_owned();
        }
        clock.set(12 * HOUR - 1);
        assert_eq!(ask(&sessions, &cookie).await.status(), 200, "{kind}");
        clock.set(12 * HOUR);
        let response = ask(&sessions, &cookie).await;
        assert_eq!(reason(&response), Some(SessionRefusal::Expired), "{kind}");
    }
}

#[tokio::test]
async fn use_is_noted_when_a_quarter_of_the_idle_time_has_passed() {
    let clock = Clock::new();
    let sessions = encrypted(&clock);
    let first = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(449);
    assert_eq!(set(&ask(&sessions, &first).await), None);
    clock.set(450);
    let response = ask(&sessions, &first).await;
    assert_eq!(response.headers()["cache-control"], "private");
    let second = set(&response).unwrap();
    assert!(second.starts_with("__Host-session="));
    assert!(
        second.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"),
        "{second}"
    );
    let second = second.split(';').next().unwrap().to_owned();
    assert_ne!(first, second);
    clock.set(450 + 449);
    assert_eq!(set(&ask(&sessions, &second).await), None);
    clock.set(450 + 1_799);
    assert_eq!(ask(&sessions, &second).await.status(), 200);
}

#[tokio::test]
async fn a_store_notes_a_use_without_a_new_cookie() {
    let clock = Clock::new();
    let sessions = stored(&clock, &Store::default());
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(450);
    let response = ask(&sessions, &cookie).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().is_empty(), "{response:?}");
    clock.set(450 + 1_799);
    assert_eq!(ask(&sessions, &cookie).await.status(), 200);
}

/// No answer that a shared cache may store carries a cookie.
#[tokio::test]
async fn a_stored_session_in_use_outlives_answers_without_its_cookie() {
    let clock = Clock::new();
    let sessions = stored(&clock, &Store::default());
    let login = sessions.login(&user("alice")).await.unwrap();
    let cookie = sent(login.clone());
    let set = written(login).remove(0);
    let (_, max_age) = set.rsplit_once("; Max-Age=").unwrap();
    let max_age: u64 = max_age.parse().unwrap();
    for minutes in (8..12 * 60).step_by(8) {
        assert!(minutes * 60 < max_age, "the browser discards the cookie");
        clock.set(minutes * 60);
        let request = get("/").header("cookie", &cookie).body(empty()).unwrap();
        let layer = with_auth(sessions.clone());
        let response = send_to(&layer, request, |_| async {
            let response = Response::builder().status(304);
            Ok::<_, Infallible>(response.body(empty()).unwrap())
        })
        .await;
        assert_eq!(response.status(), 304, "after {minutes} minutes");
        assert!(!response.headers().contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn a_session_in_use_survives_a_change_of_the_idle_time() {
    for (before, after) in [(1_800, 600), (600, 1_800)] {
        let (clock, store) = (Clock::new(), Store::default());
        let idle = |seconds| {
            let sessions = stored(&clock, &store);
            sessions.idle(Duration::from_secs(seconds)).unwrap()
        };
        let cookie = sent(idle(before).login(&user("alice")).await.unwrap());
        clock.set(300);
        let ends = || store.records().into_values().next().unwrap().expires;
        let noted = ends();
        assert_eq!(ask(&idle(before), &cookie).await.status(), 200);
        assert_eq!(ends() != noted, before == 600);
        for n in 1..10 {
            clock.set(300 + n * 400);
            let response = ask(&idle(after), &cookie).await;
            assert_eq!(response.status(), 200, "{before}, {after}, {n}");
        }
        clock.set(300 + 9 * 400 + after);
        let response = ask(&idle(after), &cookie).await;
        assert_eq!(reason(&response), Some(SessionRefusal::Idle), "{after}");
    }
}

#[tokio::test]
async fn the_store_may_forget_a_session_when_it_ends() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let expires = || store.records().values().next().unwrap().expires;
    let after = |clock: &Clock, seconds| clock.read()() + Duration::from_secs(seconds);
    assert_eq!(expires(), after(&clock, 1_800));
    clock.set(449);
    assert_eq!(ask(&sessions, &cookie).await.status(), 200);
    assert_eq!(expires(), after(&clock, 1_351));
    clock.set(450);
    assert_eq!(ask(&sessions, &cookie).await.status(), 200);
    assert_eq!(expires(), after(&clock, 1_800));
}

#[tokio::test]
async fn a_clock_that_goes_back_ends_no_session_and_begins_none() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        clock.set_back(60);
        let response = ask(&sessions, &cookie).await;
        assert_eq!(response.status(), 200, "{kind}");
        assert_eq!(set(&response), None, "{kind}");
        clock.set_back(61);
        let response = ask(&sessions, &cookie).await;
        assert_eq!(reason(&response), Some(SessionRefusal::NotYet), "{kind}");
        // The cookie is left: it is good again when the clock is.
        assert_eq!(set(&response), None, "{kind}");
        clock.set(0);
        assert_eq!(ask(&sessions, &cookie).await.status(), 200, "{kind}");
    }
}

#[tokio::test]
async fn extreme_times_do_not_overflow() {
    use std::time::{SystemTime, UNIX_EPOCH};
    let far = UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
    for now in [UNIX_EPOCH, UNIX_EPOCH - Duration::from_secs(1), far] {
        let clock = move || -> SystemTime { now };
        for (kind, sessions) in both(&Clock::new()) {
            let sessions = sessions.clock(clock);
            let cookie = sent(sessions.login(&user("alice")).await.unwrap());
            assert_eq!(
                ask(&sessions, &cookie).await.status(),
                200,
                "{kind} {now:?}"
            );
        }
    }
}
