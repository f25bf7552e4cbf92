//! Stored sessions: what the store sees, and what happens while it is changed or down.

use std::{cell::Cell, convert::Infallible, sync::Arc, time::Duration};

use http::StatusCode;
use wythe::{
    auth::{SessionRefusal, SessionStore},
    with_auth,
};

use super::{
    expiry::reason,
    fixture::{Clock, Store, User, ask, sent, session, set, stored, user},
};
use crate::{
    common::{empty, get, problem},
    contract::disconnects::survives_disconnects,
};

#[tokio::test]
async fn the_store_has_no_cookie() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let cookie = sessions.login(&user("alice")).await.unwrap();
    assert_eq!(cookie.value().len(), 43);
    let (id, record) = store.records().into_iter().next().unwrap();
    let secret = cookie.value().to_owned();
    let data = String::from_utf8(record.data.to_vec()).unwrap();
    assert!(data.contains("alice") && !data.contains(&secret));
    // Nor does what it has open a session.
    let alice = session(&sessions, &sent(cookie)).await;
    assert_eq!(alice.id(), id);
    let stolen = format!("__Host-session={}", alice.public_id());
    let response = ask(&sessions, &stolen).await;
    assert_eq!(reason(&response), Some(SessionRefusal::Unknown));
}

#[tokio::test]
async fn a_malformed_secret_is_not_looked_up() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    store.breaks(&["load"]);
    for (name, value) in [
        ("short", "AAAA".to_owned()),
        ("long", "A".repeat(44)),
        ("padded", "A".repeat(43) + "="),
        ("with stray bits", "A".repeat(42) + "B"),
        ("of another alphabet", "+".repeat(43)),
    ] {
        let response = ask(&sessions, &format!("__Host-session={value}")).await;
        assert_eq!(
            reason(&response),
            Some(SessionRefusal::Unreadable),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_a_503() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let alice = session(&sessions, &cookie).await;

    store.breaks(&["load"]);
    let response = ask(&sessions, &cookie).await;
    problem(&response, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!String::from_utf8_lossy(response.body()).contains("hunter2"));
    store.breaks(&["load", "insert", "update", "touch", "remove"]);
    let bob = user("bob");
    for (name, status) in [
        ("login", sessions.login(&bob).await.unwrap_err().status()),
        (
            "replace",
            sessions.replace(&alice, &bob).await.unwrap_err().status(),
        ),
        (
            "renew",
            sessions.renew(&alice, &bob).await.unwrap_err().status(),
        ),
        (
            "update",
            sessions
                .update(&alice, |user| *user = bob.clone())
                .await
                .unwrap_err()
                .status(),
        ),
        // Nobody is told to be signed out who is not.
        (
            "logout",
            sessions.logout(&alice).await.unwrap_err().status(),
        ),
    ] {
        assert_eq!(status, 503, "{name}");
    }
    store.breaks(&[]);
    assert_eq!(ask(&sessions, &cookie).await.body(), "alice");
}

#[tokio::test]
async fn a_session_passes_if_its_use_cannot_be_noted() {
    #[cfg(feature = "tracing")]
    let (log, _guard) = crate::common::log::Log::listen();
    let (clock, store) = (Clock::new(), Store::default());
    // The cookie would be set if the use were noted.
    let sessions = stored(&clock, &store).name("id").unwrap();
    let sessions = sessions.retired(Some("example.com"), "/").unwrap();
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    store.breaks(&["touch"]);
    clock.set(450);
    let response = ask(&sessions, &cookie).await;
    assert_eq!(response.body(), "alice");
    assert_eq!(set(&response), None);
    #[cfg(feature = "tracing")]
    {
        let events = log.take();
        let expected = "WARN message=the use of a session could not be noted scheme=\"Cookie\" \
                        cause=redis://:hunter2@store refused\n";
        assert_eq!(events, expected);
    }
    // It still ends when it would have ended without the request.
    clock.set(1_799);
    assert_eq!(ask(&sessions, &cookie).await.status(), 200);
    clock.set(1_800);
    let response = ask(&sessions, &cookie).await;
    assert_eq!(reason(&response), Some(SessionRefusal::Idle));
}

#[tokio::test]
async fn a_renewal_that_fails_half_way_leaves_one_session() {
    for broken in ["insert", "remove"] {
        let store = Store::default();
        let sessions = stored(&Clock::new(), &store);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &cookie).await;
        store.breaks(&[broken]);
        let failed = sessions.renew(&alice, &user("root")).await.unwrap_err();
        assert_eq!(failed.status(), 503, "{broken}");
        // Nobody has the cookie of another.
        let records = store.records();
        assert_eq!(records.len(), if broken == "insert" { 1 } else { 2 });
        assert_eq!(ask(&sessions, &cookie).await.body(), "alice", "{broken}");
    }
}

#[tokio::test]
async fn a_logout_beats_a_request_in_progress() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(450);
    let others = store.clone();
    store.before("touch", move || others.put(Default::default()));
    let response = ask(&sessions, &cookie).await;
    assert_eq!(response.status(), 401);
    assert_eq!(reason(&response), Some(SessionRefusal::Unknown));
    assert_eq!(set(&response), None);
    assert!(store.records().is_empty());
}

#[tokio::test]
async fn a_session_that_has_ended_is_neither_renewed_nor_changed() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    for during in [false, true] {
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &cookie).await;
        let (id, others) = (alice.id(), store.clone());
        let end = move || {
            let mut records = others.records();
            records.remove(&id);
            others.put(records);
        };
        if during {
            store.before("remove", end);
        } else {
            end();
        }
        let root = user("root");
        let renewed = sessions.renew(&alice, &root).await.unwrap_err();
        let changed = sessions.update(&alice, |user| *user = root.clone());
        let changed = changed.await.unwrap_err();
        for problem in [renewed, changed] {
            assert_eq!(problem.status(), 401, "{during}");
            assert!(problem.headers().contains_key("www-authenticate"));
        }
        assert!(
            store.records().is_empty(),
            "{during}: it goes on under another id"
        );
    }
}

#[tokio::test]
async fn a_change_while_a_use_is_noted_is_not_lost() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(450);
    let others = store.clone();
    store.before("touch", move || {
        let mut records = others.records();
        for record in records.values_mut() {
            let data = String::from_utf8(record.data.to_vec()).unwrap();
            record.data = data.replace("alice", "Alice").into();
        }
        others.put(records);
    });
    let response = ask(&sessions, &cookie).await;
    assert!(response.status() == 200 && !store.waits());
    assert_eq!(ask(&sessions, &cookie).await.body(), "Alice");
}

#[tokio::test]
async fn a_use_that_is_noted_during_a_change_is_not_undone() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store);
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let alice = session(&sessions, &cookie).await;
    clock.set(450);
    assert_eq!(ask(&sessions, &cookie).await.status(), 200);
    let change = |user: &mut User| user.name = "Alice".to_owned();
    sessions.update(&alice, change).await.unwrap();
    clock.set(450 + 1_799);
    assert_eq!(ask(&sessions, &cookie).await.body(), "Alice");
}

#[tokio::test]
async fn data_that_are_too_long_for_a_store_are_a_500() {
    use wythe::{
        Sessions,
        auth::{MemorySessions, SessionStoreError},
    };
    let store = MemorySessions::default().record_bytes(200);
    let sessions = Sessions::stored(store).unwrap();
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let alice = session(&sessions, &cookie).await;
    let long = user(&"a".repeat(200));
    for (name, answer) in [
        ("login", sessions.login(&long).await.map(drop)),
        ("replace", sessions.replace(&alice, &long).await.map(drop)),
        ("renew", sessions.renew(&alice, &long).await.map(drop)),
        (
            "update",
            sessions
                .update(&alice, |user| *user = long.clone())
                .await
                .map(drop),
        ),
    ] {
        let problem = answer.unwrap_err();
        assert_eq!(problem.status(), 500, "{name}");
        let cause = problem.cause().unwrap().downcast_ref::<SessionStoreError>();
        assert!(cause.unwrap().is_too_long(), "{name}");
    }
    assert_eq!(ask(&sessions, &cookie).await.body(), "alice");
}

#[tokio::test]
async fn a_logout_at_any_moment_of_a_renewal_ends_the_session() {
    for moment in ["insert", "remove"] {
        for replaces in [false, true] {
            let store = Store::default();
            let sessions = stored(&Clock::new(), &store);
            let cookie = sent(sessions.login(&user("alice")).await.unwrap());
            let alice = session(&sessions, &cookie).await;
            let others = store.clone();
            let (alice, id) = (&alice, alice.id());
            store.before(moment, move || others.end(id));
            let answer = if replaces {
                sessions.replace(alice, &user("root")).await
            } else {
                sessions.renew(alice, &user("root")).await
            };
            assert!(!store.waits(), "it has no such moment");
            let problem = answer.unwrap_err();
            assert_eq!(problem.status(), 401, "{moment}, {replaces}");
            assert!(problem.headers().contains_key("www-authenticate"));
            let left = store.records().len();
            assert_eq!(left, 0, "{moment}, {replaces}: it goes on under another id");
        }
    }
}

#[tokio::test]
async fn a_record_under_another_id_opens_nothing() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let alice = sent(sessions.login(&user("alice")).await.unwrap());
    let of_alice = store.records().into_values().next().unwrap();
    let bob = sent(sessions.login(&user("bob")).await.unwrap());
    let ids: Vec<_> = store.records().into_keys().collect();
    let records = ids.into_iter().map(|id| (id, of_alice.clone()));
    store.put(records.collect());
    assert_eq!(ask(&sessions, &alice).await.body(), "alice");
    let response = ask(&sessions, &bob).await;
    assert_eq!(reason(&response), Some(SessionRefusal::Unreadable));
}

#[tokio::test]
async fn two_concurrent_requests_may_both_note_the_use() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store);
    let cookie: Arc<str> = sent(sessions.login(&user("alice")).await.unwrap()).into();
    clock.set(450);
    let (first, second) = tokio::join!(ask(&sessions, &cookie), ask(&sessions, &cookie));
    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 200)
    );
    let id = *store.records().keys().next().unwrap();
    assert!(store.remove(&id).await.unwrap());
    assert_eq!(ask(&sessions, &cookie).await.status(), 401);
}

#[tokio::test]
async fn all_sessions_of_an_owner_end_at_once() {
    use wythe::{
        Sessions,
        auth::{MemorySessions, SessionOwner, SessionsByOwner},
    };
    let clock = Clock::new();
    let store = MemorySessions::default().clock(clock.read());
    let sessions = Sessions::stored(store.clone()).unwrap();
    let sessions = sessions.clock(clock.read());
    let sessions = sessions.owned_by(|user: &User| SessionOwner::new(&user.name));
    let bob = sent(sessions.login(&user("bob")).await.unwrap());
    let mut cookies = Vec::new();
    for _ in 0..4 {
        cookies.push(sent(sessions.login(&user("alice")).await.unwrap()));
    }
    // Whatever becomes of them meanwhile.
    let renewed = session(&sessions, &cookies[1]).await;
    cookies[1] = sent(sessions.renew(&renewed, &user("alice")).await.unwrap());
    let changed = session(&sessions, &cookies[2]).await;
    let change = |user: &mut User| user.name = "Alice".to_owned();
    sessions.update(&changed, change).await.unwrap();
    clock.set(450);
    assert_eq!(ask(&sessions, &cookies[3]).await.status(), 200);

    let alice = SessionOwner::new("alice");
    assert_eq!(store.remove_owned(&alice).await.unwrap(), 4);
    for cookie in cookies {
        assert_eq!(ask(&sessions, &cookie).await.status(), 401);
    }
    assert_eq!(ask(&sessions, &bob).await.status(), 200);
}

/// A request whose session is due loads it, checks it, and notes the use: each waits once.
#[tokio::test]
async fn a_session_survives_clients_that_disconnect() {
    let (clock, store) = (Clock::new(), Store::default());
    let sessions = stored(&clock, &store).check_async(|_| async {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(true)
    });
    let sessions = sessions.absolute(Duration::from_secs(10 * 86_400)).unwrap();
    let sessions = sessions.idle(Duration::from_secs(3_600)).unwrap();
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let after = Cell::new(0);
    let make = || {
        after.set(after.get() + 1_200);
        clock.set(after.get());
        (with_auth(sessions.clone()), async |_| ())
    };
    let request = || get("/").header("cookie", &cookie).body(empty()).unwrap();
    survives_disconnects(make, request).await;
    assert_eq!(store.records().len(), 1);
}
