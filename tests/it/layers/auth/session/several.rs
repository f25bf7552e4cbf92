//! Several session cookies in one request: after a change of the cookie's domain or path, or planted.

use http::StatusCode;
use wythe::{Sessions, auth::SessionRefusal};

use super::{
    expiry::reason,
    fixture::{Clock, Store, User, ask, both, encrypted, sent, session, stored, user, written},
};
use crate::common::problem;

/// The lines of `Set-Cookie`.
fn set(response: &http::Response<bytes::Bytes>) -> Vec<&str> {
    let lines = response.headers().get_all("set-cookie").iter();
    lines.map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn the_only_valid_session_counts_wherever_it_stands() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let over = sent(sessions.login(&user("over")).await.unwrap());
        let ends = sent(sessions.login(&user("ends")).await.unwrap());
        clock.set(1_800);
        let valid = sent(sessions.login(&user("alice")).await.unwrap());
        let long = format!("__Host-session={}", "A".repeat(4_097));
        for cookies in [
            format!("{over}; {valid}"),
            format!("{valid}; {over}"),
            format!("{over}; {ends}; __Host-session=x; {valid}"),
            format!("{valid}; __Host-session="),
            format!("__Host-session=; {valid}"),
            format!("{long}; {valid}"),
            format!("{valid}; {long}"),
            format!("{valid}; {valid}; {valid}; {valid}; {valid}"),
        ] {
            let response = ask(&sessions, &cookies).await;
            assert_eq!(response.body(), "alice", "{kind}: {cookies}");
            assert!(set(&response).is_empty(), "{kind}: {cookies}");
        }
        // None of them.
        for (cookies, expected) in [
            (format!("{over}; {ends}"), None),
            (
                "__Host-session=x; __Host-session=y".to_owned(),
                Some(SessionRefusal::Unreadable),
            ),
            (format!("{long}; {long}x"), Some(SessionRefusal::TooLong)),
        ] {
            let response = ask(&sessions, &cookies).await;
            problem(&response, StatusCode::UNAUTHORIZED);
            if expected.is_some() {
                assert_eq!(reason(&response), expected, "{kind}: {cookies}");
            }
        }
    }
}

#[tokio::test]
async fn two_valid_sessions_or_more_than_four_cookies_are_a_400() {
    for (kind, sessions) in both(&Clock::new()) {
        let valid = sent(sessions.login(&user("alice")).await.unwrap());
        let planted = sent(sessions.login(&user("mallory")).await.unwrap());
        let dead = |n| format!("__Host-session={n}");
        let dead = [dead(1), dead(2), dead(3), dead(4)].join("; ");
        for cookies in [
            format!("{valid}; {planted}"),
            format!("{planted}; {valid}"),
            format!("{valid}; {dead}"),
            format!("{dead}; {valid}"),
        ] {
            let response = ask(&sessions, &cookies).await;
            problem(&response, StatusCode::BAD_REQUEST);
            assert_eq!(reason(&response), Some(SessionRefusal::Repeated), "{kind}");
            assert!(set(&response).is_empty(), "{kind}: nothing is retired");
        }
    }
}

#[tokio::test]
async fn four_cookies_are_one_query_to_the_store() {
    let store = Store::default();
    let sessions = stored(&Clock::new(), &store);
    let mut cookies = Vec::new();
    for name in ["a", "b", "c", "d"] {
        cookies.push(sent(sessions.login(&user(name)).await.unwrap()));
    }
    let last = session(&sessions, &cookies[3]).await.id();
    let others: Vec<_> = store.records().into_keys().collect();
    for id in others.into_iter().filter(|id| *id != last) {
        store.end(id);
    }
    let before = store.queries();
    let response = ask(&sessions, &cookies.join("; ")).await;
    assert_eq!(response.body(), "d");
    assert_eq!(store.queries() - before, 1);
    // What a store can't say is not "no session".
    store.breaks(&["load"]);
    assert_eq!(ask(&sessions, &cookies.join("; ")).await.status(), 503);
}

#[tokio::test]
async fn a_session_that_the_application_rejects_is_not_valid() {
    let sessions = encrypted(&Clock::new()).check(|session| session.name != "mallory");
    let planted = sent(sessions.login(&user("mallory")).await.unwrap());
    let valid = sent(sessions.login(&user("alice")).await.unwrap());
    let response = ask(&sessions, &format!("{planted}; {valid}")).await;
    assert_eq!(response.body(), "alice");
}

#[tokio::test]
async fn of_two_copies_of_an_encrypted_session_the_later_one_counts() {
    let clock = Clock::new();
    let sessions = encrypted(&clock);
    let first = sent(sessions.login(&user("alice")).await.unwrap());
    clock.set(450);
    let response = ask(&sessions, &first).await;
    let second = set(&response)[0].split(';').next().unwrap().to_owned();
    clock.set(1_799);
    for cookies in [format!("{first}; {second}"), format!("{second}; {first}")] {
        assert_eq!(ask(&sessions, &cookies).await.body(), "alice");
    }
    // The first is over, but the session is not.
    clock.set(1_801);
    let both = format!("{first}; {second}");
    assert_eq!(ask(&sessions, &both).await.body(), "alice");
}

/// The cookie was for the whole domain, and is now for the host.
fn moved(sessions: Sessions<User>) -> Sessions<User> {
    let sessions = sessions.name("id").unwrap();
    sessions.retired(Some("example.com"), "/").unwrap()
}

const REMOVAL: &str = "id=; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=0; \
                       Expires=Thu, 01 Jan 1970 00:00:00 GMT";

#[tokio::test]
async fn a_retired_cookie_is_removed_by_every_answer_that_sets_the_cookie() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let sessions = moved(sessions);
        let login = sessions.login(&user("alice")).await.unwrap();
        let cookie = sent(login.clone());
        let alice = session(&sessions, &cookie).await;
        assert_eq!(written(login)[1..], [REMOVAL], "{kind}");
        assert_eq!(written(sessions.removal())[1..], [REMOVAL], "{kind}");

        clock.set(450);
        let response = ask(&sessions, &cookie).await;
        let lines = set(&response);
        let max_age = if kind == "stored" {
            43_200 - 450
        } else {
            1_800
        };
        let ends_with = format!("; Path=/; Max-Age={max_age}");
        assert!(lines[0].starts_with("id=") && lines[0].ends_with(&ends_with));
        assert_eq!(lines[1..], [REMOVAL], "{kind}: when it is renewed");
        let renewed = sessions.renew(&alice, &user("alice")).await.unwrap();
        assert_eq!(written(renewed.clone())[1..], [REMOVAL], "{kind}");

        let alice = session(&sessions, &sent(renewed)).await;
        let replaced = sessions.replace(&alice, &user("alice")).await.unwrap();
        let alice = session(&sessions, &sent(replaced.clone())).await;
        assert_eq!(written(replaced)[1..], [REMOVAL], "{kind}");
        let logout = sessions.logout(&alice).await.unwrap();
        assert_eq!(written(logout)[1..], [REMOVAL], "{kind}");
    }
}

/// A browser that was signed in before the change, signs in again, and goes on.
#[tokio::test]
async fn a_browser_with_two_cookies_is_not_locked_out() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let sessions = moved(sessions);
        let former = sent(sessions.login(&user("former")).await.unwrap());
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        // Both are valid: the retired one goes, and the next request passes.
        let response = ask(&sessions, &format!("{former}; {cookie}")).await;
        problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(set(&response), [REMOVAL], "{kind}");
        assert_eq!(ask(&sessions, &cookie).await.body(), "alice", "{kind}");

        // Only one is valid. It may be the retired one, so that it is set in its new place.
        for cookies in ["id=x; ", ""].map(|dead| format!("{dead}{former}")) {
            let response = ask(&sessions, &cookies).await;
            assert_eq!(response.body(), "former", "{kind}");
            let lines = set(&response);
            if cookies == former {
                assert!(lines.is_empty(), "{kind}");
                continue;
            }
            let now = lines[0].split(';').next().unwrap();
            assert_eq!(lines[1..], [REMOVAL], "{kind}");
            assert_eq!(ask(&sessions, now).await.body(), "former", "{kind}");
        }
    }
}

/// A browser that sends no origin sends the user's cookie and one that another host has planted.
#[cfg(feature = "csrf-token")]
#[tokio::test]
async fn a_second_cookie_is_no_substitute_for_a_token() {
    use wythe::{Csrf, CsrfTokens, compose, with_auth, with_csrf};

    use super::fixture::SECRET;
    use crate::common::{Body, empty};

    async fn passes(_: http::Request<Body>) -> http::Response<Body> {
        http::Response::new(empty())
    }

    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let ended = sent(sessions.login(&user("mallory")).await.unwrap());
        clock.set(1_800);
        let valid = sent(sessions.login(&user("alice")).await.unwrap());
        let alice = session(&sessions, &valid).await;
        let unknown = format!("__Host-session={}", "A".repeat(43));

        let tokens = CsrfTokens::new(SECRET).unwrap();
        let token = tokens.issue(alice.public_id()).to_string();
        let ids = sessions.clone();
        let csrf = Csrf::same_origin().fallback_token(tokens, move |head| {
            ids.public_id_in(head.headers()).map(Into::into)
        });
        let stack = compose((with_csrf(csrf), with_auth(sessions)));
        for (cookies, token, status) in [
            (valid.clone(), Some(&token), 200),
            (valid.clone(), None, 403),
            (format!("{ended}; {valid}"), None, 403),
            (format!("{valid}; {ended}"), None, 403),
            (format!("{unknown}; {valid}"), None, 403),
            (format!("{ended}; {valid}"), Some(&token), 403),
            ("theme=dark".to_owned(), None, 401),
        ] {
            let mut request = http::Request::post("/").header("cookie", &cookies);
            if let Some(token) = token {
                request = request.header("x-csrf-token", token);
            }
            let request = request.body(empty()).unwrap();
            let service = stack.service_fn(passes);
            let response = tower::ServiceExt::oneshot(service, request).await.unwrap();
            assert_eq!(response.status(), status, "{kind}: {cookies}");
        }
    }
}
