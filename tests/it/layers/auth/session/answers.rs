//! What is answered to requests whose session does not pass, and what else an answer carries.

use std::convert::Infallible;

use http::{Response, StatusCode};
use wythe::{
    Auth, Session, Sessions,
    auth::{Authenticate, SessionRefusal},
    with_auth,
};

use super::{
    expiry::reason,
    fixture::{Clock, Store, User, ask, both, encrypted, sent, stored, user},
};
use crate::common::{Body, empty, get, problem, send_to};

const CHALLENGE: &str = r#"Cookie realm="api", cookie-name="__Host-session""#;

#[tokio::test]
async fn without_a_session_the_answer_is_401_with_a_challenge() {
    for (kind, sessions) in both(&Clock::new()) {
        for cookies in ["", "theme=dark", "__Host-session2=1", "__Host-session="] {
            let response = ask(&sessions, cookies).await;
            problem(&response, StatusCode::UNAUTHORIZED);
            assert_eq!(response.headers()["www-authenticate"], CHALLENGE, "{kind}");
            assert_eq!(reason(&response), None);
        }
    }
}

#[tokio::test]
async fn a_broken_session_is_401_without_a_reason() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        clock.set(100_000);
        let long = format!("__Host-session={}", "A".repeat(4_097));
        let mut bodies = Vec::new();
        for (cookies, expected) in [
            ("__Host-session=garbage", SessionRefusal::Unreadable),
            ("__Host-session=\u{e9}", SessionRefusal::Unreadable),
            (long.as_str(), SessionRefusal::TooLong),
            (cookie.as_str(), SessionRefusal::Expired),
        ] {
            let response = ask(&sessions, cookies).await;
            problem(&response, StatusCode::UNAUTHORIZED);
            assert_eq!(reason(&response), Some(expected), "{kind}");
            assert_eq!(response.headers()["www-authenticate"], CHALLENGE);
            // It could overtake the answer that brings the next one.
            assert!(!response.headers().contains_key("set-cookie"), "{kind}");
            bodies.push(response.into_body());
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{kind}");
    }
}

#[tokio::test]
async fn an_ended_session_counts_as_none_if_sessions_are_optional() {
    async fn visit(sessions: &Sessions<User>, cookies: &str) -> Response<bytes::Bytes> {
        let request = get("/").header("cookie", cookies).body(empty()).unwrap();
        let layer = with_auth(sessions.clone()).optional();
        send_to(&layer, request, |request| async move {
            let session = request.extensions().get::<Auth<Session<User>>>();
            let name = session.map_or("nobody", |Auth(session)| session.name.as_str());
            Ok::<_, Infallible>(Response::new(Body::from(name.to_owned())))
        })
        .await
    }
    let (clock, store) = (Clock::new(), Store::default());
    for sessions in [encrypted(&clock), stored(&clock, &store).into()] {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        assert_eq!(visit(&sessions, &cookie).await.body(), "alice");
        let ended = format!("{cookie}X");
        for cookies in ["theme=dark", "__Host-session=garbage", &ended] {
            assert_eq!(visit(&sessions, cookies).await.body(), "nobody");
        }
        clock.set(1_800);
        assert_eq!(visit(&sessions, &cookie).await.body(), "nobody");
        // So do several of which none is known to be the user's.
        clock.set(0);
        let other = sent(sessions.login(&user("mallory")).await.unwrap());
        let both = format!("{cookie}; {other}");
        assert_eq!(visit(&sessions, &both).await.body(), "nobody");
    }
    // What a store can't say is not "nobody".
    let sessions = Sessions::from(stored(&clock, &store));
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    store.breaks(&["load"]);
    assert_eq!(visit(&sessions, &cookie).await.status(), 503);
}

/// A browser sends the dead cookie by itself, and the other credentials would pass without it.
#[tokio::test]
async fn an_ended_session_does_not_stand_in_the_way_of_another_scheme() {
    let clock = Clock::new();
    let first = encrypted(&clock);
    let second = encrypted(&clock).name("second").unwrap();
    let valid = sent(second.login(&user("alice")).await.unwrap());
    let layer = || with_auth(first.clone().or(second.clone()));
    for (cookies, expected) in [
        (format!("__Host-session=x; {valid}"), "alice"),
        ("__Host-session=x; second=x".to_owned(), "nobody"),
        ("__Host-session=x".to_owned(), "nobody"),
        ("second=x".to_owned(), "nobody"),
    ] {
        let request = || get("/").header("cookie", &cookies).body(empty()).unwrap();
        let name = async |request: http::Request<Body>| {
            let session = request.extensions().get::<Auth<Session<User>>>();
            let name = session.map_or("nobody", |Auth(session)| session.name.as_str());
            Ok::<_, Infallible>(Response::new(Body::from(name.to_owned())))
        };
        let optional = send_to(&layer().optional(), request(), name).await;
        assert_eq!(optional.body(), expected, "{cookies}");
        let required = send_to(&layer(), request(), name).await;
        if expected == "nobody" {
            assert_eq!(required.status(), 401, "{cookies}");
            let challenges = required.headers().get_all("www-authenticate");
            assert_eq!(challenges.iter().count(), 2, "{cookies}");
        } else {
            assert_eq!(required.body(), expected, "{cookies}");
        }
    }
}

#[tokio::test]
async fn a_cookie_of_the_handler_stays_and_no_shared_cache_gets_one() {
    let clock = Clock::new();
    for (kind, sessions) in both(&clock) {
        clock.set(0);
        let cookie = sent(sessions.login(&user("alice")).await.unwrap());
        // Only the cookie of an encrypted session is renewed.
        let renewed = if kind == "encrypted" { 1 } else { 0 };
        let answers: [(&str, &'static str, Vec<&str>); 3] = [
            ("cache-control", "public, max-age=60", vec![]),
            ("cache-control", "no-store", vec!["__Host-session"; renewed]),
            (
                "set-cookie",
                "__Host-session=; Max-Age=0",
                vec!["__Host-session"],
            ),
        ];
        for ((name, value, expected), quarter) in answers.into_iter().zip(1..) {
            clock.set(450 * quarter);
            let request = get("/").header("cookie", &cookie).body(empty()).unwrap();
            let layer = with_auth(sessions.clone());
            let response = send_to(&layer, request, |_| async move {
                Ok::<_, Infallible>(
                    Response::builder()
                        .header(name, value)
                        .body(empty())
                        .unwrap(),
                )
            })
            .await;
            assert_eq!(response.status(), 200);
            let set: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
            let names = set
                .iter()
                .map(|set| set.to_str().unwrap().split('=').next().unwrap());
            assert_eq!(names.collect::<Vec<_>>(), expected, "{kind}: {value}");
            if name == "set-cookie" {
                assert_eq!(set[0], value);
            }
        }
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn handlers_of_axum_take_a_session_and_answer_with_its_cookie() {
    use axum::{Router, extract::State, routing::post};
    use tower::ServiceExt;
    use wythe::{Problem, SessionCookie, StoredSessions, compose};

    use crate::common::read;

    async fn logout(
        State(sessions): State<StoredSessions<User>>,
        Auth(session): Auth<Session<User>>,
    ) -> Result<(SessionCookie, String), Problem> {
        Ok((sessions.logout(&session).await?, session.name.clone()))
    }
    async fn rename(
        State(sessions): State<StoredSessions<User>>,
        Auth(session): Auth<Session<User>>,
    ) -> Result<String, Problem> {
        let change = |user: &mut User| user.name = "Alice".to_owned();
        Ok(sessions.update(&session, change).await?.name.clone())
    }
    async fn greet(session: Option<Auth<Session<User>>>) -> String {
        session.map_or_else(String::new, |Auth(session)| session.name.clone())
    }
    let sessions = stored(&Clock::new(), &Store::default());
    let required = compose((with_auth(sessions.clone()),));
    let optional = compose((with_auth(sessions.clone()).optional(),));
    let app = Router::new()
        .route("/logout", post(required.handler(logout)))
        .route("/rename", post(required.handler(rename)))
        .route("/greet", post(optional.handler(greet)))
        .with_state(sessions.clone());
    let cookie = sent(sessions.login(&user("alice")).await.unwrap());
    for (path, body, cookies) in [
        ("/greet", "alice", 0),
        ("/rename", "Alice", 0),
        ("/logout", "Alice", 1),
    ] {
        let request = http::Request::post(path).header("cookie", &cookie);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = read(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(response.body(), body, "{path}");
        let set = response.headers().get_all("set-cookie").iter().count();
        assert_eq!(set, cookies, "{path}");
    }
}

#[cfg(feature = "authorization")]
#[tokio::test]
async fn a_session_has_the_scopes_and_roles_of_its_data() {
    use wythe::{
        HasRoles, HasScopes, Roles, Scopes, auth::SessionStore, compose, with_roles, with_scopes,
    };

    #[derive(serde::Deserialize, serde::Serialize)]
    struct Editor;

    impl HasScopes for Editor {
        fn has_scope(&self, scope: &str) -> bool {
            scope == "orders:read"
        }
    }

    impl HasRoles for Editor {
        type Role = str;

        fn has_role(&self, role: &str) -> bool {
            role == "editor"
        }
    }

    async fn passes(_: http::Request<Body>) -> Response<Body> {
        Response::new(empty())
    }

    fn store() -> impl SessionStore {
        Store::default()
    }

    let sessions = Sessions::<Editor>::stored(store()).unwrap();
    let cookie = sent(sessions.login(&Editor).await.unwrap());
    for (scope, role, status) in [
        ("orders:read", "editor", 200),
        ("orders:write", "editor", 403),
        ("orders:read", "admin", 403),
    ] {
        let stack = compose((
            with_auth(sessions.clone()),
            with_scopes(Scopes::<Session<Editor>>::all([scope]).unwrap()),
            with_roles(Roles::<Session<Editor>, str>::all([role]).unwrap()),
        ));
        let request = get("/").header("cookie", &cookie).body(empty()).unwrap();
        let response = tower::ServiceExt::oneshot(stack.service_fn(passes), request).await;
        assert_eq!(response.unwrap().status(), status, "{scope} {role}");
    }
}
