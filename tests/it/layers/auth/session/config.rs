//! Configurations that can't work are refused when they are made.

use std::time::Duration;

use wythe::{ConfigError, Description, Place, SessionCookie, Sessions, SetCookie, with_auth};

use super::fixture::{self, Clock, Store, User, ask, encrypted, sent, stored, user};

fn sessions() -> Sessions<User> {
    encrypted(&Clock::new())
}

#[test]
fn times_fit_together() {
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(86_400);
    let wrong = [
        ("no time", sessions().absolute(Duration::ZERO)),
        ("no idle time", sessions().idle(Duration::ZERO)),
        ("part of a second", sessions().idle(SECOND / 2)),
        ("401 days", sessions().absolute(401 * DAY)),
        ("all time", sessions().absolute(Duration::MAX)),
        ("longer idle than 12 hours", sessions().idle(DAY)),
        (
            "longer idle than said",
            sessions()
                .absolute(SECOND)
                .and_then(|sessions| sessions.idle(2 * SECOND)),
        ),
        (
            "less than idle",
            sessions()
                .idle(2 * SECOND)
                .and_then(|sessions| sessions.absolute(SECOND)),
        ),
    ];
    for (name, made) in wrong {
        assert!(made.is_err(), "{name}");
    }
    assert!(
        sessions().absolute(SECOND).is_ok(),
        "the default idle time yields"
    );
    let long = sessions()
        .absolute(400 * DAY)
        .and_then(|sessions| sessions.idle(400 * DAY));
    drop(long.unwrap());
}

#[test]
fn names_and_attributes_fit_together() {
    type Made = Result<Sessions<User>, ConfigError>;
    let moved = || sessions().name("id");
    let wrong: [(&str, Made); 13] = [
        (
            "no path",
            moved().and_then(|sessions| sessions.cookie(SetCookie::without_path)),
        ),
        (
            "a retired place of `__Host-`",
            sessions().retired(None, "/app"),
        ),
        (
            "a retired domain of `__Host-`",
            sessions().retired(Some("example.com"), "/"),
        ),
        (
            "a retired place that is the present one",
            moved().and_then(|sessions| sessions.retired(None, "/")),
        ),
        (
            "a present place that is a retired one",
            moved()
                .and_then(|sessions| sessions.retired(Some("Example.com"), "/"))
                .and_then(|sessions| sessions.cookie(|cookie| cookie.domain("example.com"))),
        ),
        (
            "a name for which nothing can be retired",
            moved()
                .and_then(|sessions| sessions.retired(None, "/app"))
                .and_then(|sessions| sessions.name("__Host-id")),
        ),
        (
            "a retired place that is not a domain",
            moved().and_then(|sessions| sessions.retired(Some("a;b"), "/")),
        ),
        ("an empty name", sessions().name("")),
        ("a name with `;`", sessions().name("a;b")),
        (
            "a domain for `__Host-`",
            sessions().cookie(|cookie| cookie.domain("example.com")),
        ),
        (
            "a path for `__Host-`",
            sessions().cookie(|cookie| cookie.path("/app")),
        ),
        (
            "`__Host-` without TLS",
            sessions()
                .dangerously_insecure_for_development()
                .and_then(|sessions| sessions.name("__Host-a")),
        ),
        ("a realm with a line break", sessions().realm("a\r\nb")),
    ];
    for (name, made) in wrong {
        assert!(made.is_err(), "{name}");
    }
}

#[tokio::test]
async fn the_cookie_is_as_configured() -> Result<(), ConfigError> {
    let written = |cookie: SessionCookie| {
        let [line] = fixture::written(cookie.clone()).try_into().unwrap();
        assert!(!cookie.value().is_empty());
        line.replacen(cookie.value(), "..", 1)
    };
    let lax = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800";
    let cases = [
        (sessions(), format!("__Host-session=..; {lax}")),
        (sessions().name("id")?, format!("id=..; {lax}")),
        (
            sessions().cookie(|cookie| Ok(cookie.same_site_strict()))?,
            format!("__Host-session=..; {}", lax.replace("Lax", "Strict")),
        ),
        (
            sessions().dangerously_insecure_for_development()?,
            format!("session=..; {}", lax.replace("Secure; ", "")),
        ),
    ];
    for (sessions, expected) in cases {
        let cookie = sessions.login(&user("alice")).await.unwrap();
        assert_eq!(written(cookie.clone()), expected);
        assert_eq!(ask(&sessions, &sent(cookie.clone())).await.status(), 200);
        let challenge = format!(r#"Cookie realm="api", cookie-name="{}""#, cookie.name());
        assert_eq!(
            ask(&sessions, "").await.headers()["www-authenticate"],
            *challenge
        );
    }
    let response = ask(&sessions().realm("shop")?, "").await;
    let challenge = r#"Cookie realm="shop", cookie-name="__Host-session""#;
    assert_eq!(response.headers()["www-authenticate"], challenge);
    Ok(())
}

#[test]
fn the_layer_says_what_it_can_answer() {
    let statuses = |layer: Description| -> Vec<u16> {
        let answers = layer.answers().iter();
        answers.map(|answer| answer.status().as_u16()).collect()
    };
    assert_eq!(statuses(with_auth(sessions()).describe()), [401, 400]);
    let checked = sessions().check_async(|_| async { Ok::<_, String>(true) });
    assert_eq!(statuses(with_auth(checked).describe()), [401, 400, 503]);
    let stored = || stored(&Clock::new(), &Store::default());
    assert_eq!(statuses(with_auth(stored()).describe()), [401, 400, 503]);

    // Only an encrypted cookie is renewed, and one that may still be in a retired place.
    let sets_cookie = |layer: Description| layer.fields().contains(&http::header::SET_COOKIE);
    assert!(sets_cookie(with_auth(sessions()).describe()));
    assert!(!sets_cookie(with_auth(stored()).describe()));
    let moved = stored().name("id").unwrap();
    let moved = moved.retired(Some("example.com"), "/").unwrap();
    assert!(sets_cookie(with_auth(moved).describe()));
}
