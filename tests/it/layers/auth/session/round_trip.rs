//! Sessions begin, are renewed and changed, and end.

use std::{
    collections::HashSet,
    time::{Duration, UNIX_EPOCH},
};

use super::fixture::{
    self, Clock, START, Store, User, ask, both, encrypted, sent, session, stored, user,
};

const ATTRIBUTES: &str = "; HttpOnly; SameSite=Lax; Secure; Path=/";

fn written(cookie: &wythe::SessionCookie) -> String {
    let [line] = fixture::written(cookie.clone()).try_into().unwrap();
    line
}

#[tokio::test]
async fn a_session_lasts_from_login_to_logout() {
    for (kind, sessions) in both(&Clock::new()) {
        let cookie = sessions.login(&user("alice")).await.unwrap();
        assert_eq!(cookie.name(), "__Host-session", "{kind}");
        let max_age = if kind == "stored" { 43_200 } else { 1_800 };
        assert!(
            written(&cookie).ends_with(&format!("{ATTRIBUTES}; Max-Age={max_age}")),
            "{kind}"
        );

        let cookies = format!("theme=dark; {}", sent(cookie));
        let response = ask(&sessions, &cookies).await;
        assert_eq!(response.status(), 200, "{kind}");
        assert_eq!(response.body(), "alice", "{kind}");
        assert!(!response.headers().contains_key("set-cookie"), "{kind}");

        let session = session(&sessions, &cookies).await;
        assert_eq!(session.created(), UNIX_EPOCH + Duration::from_secs(START));
        assert_eq!(session.data(), &user("alice"));
        let removal = sessions.logout(&session).await.unwrap();
        assert_eq!(
            written(&removal),
            format!(
                "__Host-session={ATTRIBUTES}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
            ),
            "{kind}"
        );
        // The browser has no cookie, or an emptied one.
        for cookies in ["", "__Host-session="] {
            assert_eq!(ask(&sessions, cookies).await.status(), 401, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_stored_session_ends_everywhere_and_an_encrypted_one_in_the_browser() {
    let clock = Clock::new();
    for (sessions, after) in [
        (encrypted(&clock), 200),
        (stored(&clock, &Store::default()).into(), 401),
    ] {
        let kept = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &kept).await;
        drop(sessions.logout(&alice).await.unwrap());
        assert_eq!(ask(&sessions, &kept).await.status(), after);
    }
}

#[tokio::test]
async fn no_login_continues_an_existing_id() {
    for (kind, sessions) in both(&Clock::new()) {
        // Mallory plants a session of her own, and alice signs in with it in her browser.
        let planted = sent(sessions.login(&user("mallory")).await.unwrap());
        let mut ids = HashSet::from([session(&sessions, &planted).await.id()]);
        let old = session(&sessions, &planted).await;
        for cookie in [
            sessions.login(&user("alice")).await.unwrap(),
            sessions.login(&user("alice")).await.unwrap(),
            sessions.replace(&old, &user("alice")).await.unwrap(),
        ] {
            let cookie = sent(cookie);
            assert_ne!(cookie, planted);
            let alice = session(&sessions, &cookie).await;
            assert_eq!(alice.name, "alice");
            assert!(ids.insert(alice.id()), "{kind}: an id twice");
        }
        // The planted one never becomes alice's.
        let response = ask(&sessions, &planted).await;
        assert!(
            response.status() == 401 || response.body() == "mallory",
            "{kind}"
        );
    }
}

#[tokio::test]
async fn replace_ends_the_old_session() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let first = sent(sessions.login(&user("alice")).await.unwrap());
    let alice = session(&sessions, &first).await;
    let second = sent(sessions.replace(&alice, &user("bob")).await.unwrap());
    assert_eq!(ask(&sessions, &first).await.status(), 401);
    assert_eq!(ask(&sessions, &second).await.body(), "bob");
    assert_eq!(store.records().len(), 1);
}

#[tokio::test]
async fn renew_changes_the_id_and_keeps_the_beginning() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let sessions = sessions.absolute(Duration::from_secs(2_000)).unwrap();
        let first = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &first).await;
        clock.set(100);
        let cookie = sessions.renew(&alice, &user("root")).await.unwrap();
        let max_age = if kind == "stored" { 1_900 } else { 1_800 };
        let ends_with = format!("; Max-Age={max_age}");
        assert!(written(&cookie).ends_with(&ends_with), "{kind}");
        let second = sent(cookie);
        let root = session(&sessions, &second).await;
        assert_eq!(root.name, "root");
        assert_eq!(root.created(), alice.created(), "{kind}");
        assert_ne!(root.id(), alice.id(), "{kind}");
        assert_ne!(root.public_id(), alice.public_id(), "{kind}");

        // Its time does not start over.
        clock.set(1_800);
        let cookie = sessions.renew(&root, &user("root")).await.unwrap();
        assert!(written(&cookie).ends_with("; Max-Age=200"), "{kind}");
        let cookie = sent(cookie);
        clock.set(1_999);
        assert_eq!(ask(&sessions, &cookie).await.status(), 200, "{kind}");
        clock.set(2_000);
        assert_eq!(ask(&sessions, &cookie).await.status(), 401, "{kind}");
    }
}

#[tokio::test]
async fn update_keeps_the_id_the_times_and_the_cookie() {
    let clock = Clock::new();
    let sessions = stored(&clock, &Store::default());
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    let alice = session(&sessions, &cookie).await;
    clock.set(100);
    let change = |user: &mut User| user.name = "Alice".to_owned();
    let returned = sessions.update(&alice, change).await.unwrap();
    assert_eq!(
        (returned.name.as_str(), returned.id()),
        ("Alice", alice.id())
    );
    assert_eq!(returned.created(), alice.created());
    let changed = session(&sessions, &cookie).await;
    assert_eq!((changed.name.as_str(), changed.id()), ("Alice", alice.id()));
    for (seconds, status) in [(1_800, 401), (1_799, 200)] {
        clock.set(seconds);
        assert_eq!(ask(&sessions, &cookie).await.status(), status);
    }
}

/// As ASP.NET, Rails and some proxies do with cookies: all but the characters that need no encoding.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[tokio::test]
async fn a_cookie_survives_a_framework_that_percent_encodes_it() {
    for (kind, sessions) in both(&Clock::new()) {
        // Of every length that base64 pads differently.
        for name in (0..50).map(|length| "x".repeat(length)) {
            let cookie = sessions.login(&user(&name)).await.unwrap();
            let encoded = percent_encoded(cookie.value());
            let cookies = format!("{}={encoded}", cookie.name());
            assert_eq!(
                ask(&sessions, &cookies).await.body(),
                name.as_str(),
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn finds_the_public_id_of_an_ended_session() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &cookie).await;
        assert!(
            !cookie.contains(&alice.public_id()),
            "{kind}: the id is not a secret"
        );
        clock.set(100_000);
        let mut headers = http::HeaderMap::new();
        assert_eq!(sessions.public_id_in(&headers), None);
        headers.insert("cookie", cookie.parse().unwrap());
        assert_eq!(sessions.public_id_in(&headers), Some(alice.public_id()));
        headers.insert("cookie", format!("{cookie}; {cookie}").parse().unwrap());
        assert_eq!(sessions.public_id_in(&headers), Some(alice.public_id()));
        headers.insert(
            "cookie",
            format!("__Host-session=x; {cookie}").parse().unwrap(),
        );
        assert_eq!(sessions.public_id_in(&headers), Some(alice.public_id()));
        // Which of several has ended is not known yet.
        let other = sent(sessions.login(&user("bob")).await.unwrap());
        let bob = session(&sessions, &other).await;
        let all = format!("{cookie}; {other}; {cookie}");
        headers.insert("cookie", all.parse().unwrap());
        let ids = format!("{},{}", alice.public_id(), bob.public_id());
        assert_eq!(sessions.public_id_in(&headers), Some(ids));
    }
}

#[tokio::test]
async fn data_that_do_not_fit_into_a_cookie_are_an_error() {
    let sessions = encrypted(&Clock::new());
    let fits = sessions.login(&user(&"x".repeat(2_800))).await.unwrap();
    assert_eq!(ask(&sessions, &sent(fits)).await.status(), 200);
    let problem = sessions.login(&user(&"x".repeat(4_000))).await.unwrap_err();
    assert_eq!(problem.status(), 500);
    let cause = problem.cause().unwrap().to_string();
    assert!(cause.contains("4096"), "{cause}");
    assert_eq!(problem.explanation(), None);
    // A store has room for it.
    let sessions = stored(&Clock::new(), &Store::default());
    let cookie = sessions.login(&user(&"x".repeat(4_000))).await.unwrap();
    assert_eq!(ask(&sessions, &sent(cookie)).await.status(), 200);
}
