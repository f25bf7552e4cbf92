//! Cookies of requests and responses.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Request, Response, header::COOKIE},
    routing::get,
};
use proptest::prelude::*;
use tower::ServiceExt;
use wythe::{ConfigError, Cookies, Problem, SetCookie, compose, cookies::CookieError};

fn cookies(lines: &[&str]) -> Cookies {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    Cookies::of(&headers)
}

fn written(cookie: SetCookie) -> String {
    HeaderValue::from(cookie).to_str().unwrap().to_owned()
}

#[test]
fn absent_single_and_repeated_cookies_are_distinguished() {
    let cases: [(&str, &[&str], Result<Option<&str>, CookieError>); 8] = [
        ("no field", &[], Ok(None)),
        ("another", &["b=1"], Ok(None)),
        ("one", &["a=1; b=2"], Ok(Some("1"))),
        ("empty", &["a="], Ok(Some(""))),
        ("in a second line", &["b=2", "a=1"], Ok(Some("1"))),
        ("UTF-8", &["a=\u{e9}"], Ok(Some("\u{e9}"))),
        ("twice", &["a=1; a=1"], Err(CookieError::Repeated)),
        ("in two lines", &["a=1", "a=2"], Err(CookieError::Repeated)),
    ];
    for (name, lines, expected) in cases {
        assert_eq!(cookies(lines).find("a"), expected, "{name}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(b"a=\xff").unwrap());
    let found = Cookies::of(&headers).find("a").map(drop);
    assert_eq!(found, Err(CookieError::NotText));
}

#[test]
fn a_value_is_parsed_as_a_type() {
    let cookies = cookies(&["size=12; theme=dark; id=1; id=2"]);
    assert_eq!(cookies.parse("size"), Ok(Some(12_u8)));
    assert_eq!(cookies.parse::<u8>("lang"), Ok(None));
    assert_eq!(cookies.parse::<u8>("theme"), Err(CookieError::Unreadable));
    assert_eq!(cookies.parse::<u8>("id"), Err(CookieError::Repeated));
}

#[test]
fn debug_shows_no_value() -> Result<(), ConfigError> {
    assert!(!format!("{:?}", cookies(&["a=secret"])).contains("secret"));
    let cookie = SetCookie::new("a", "secret")?;
    let shown = format!("{cookie:?}");
    assert_eq!(
        shown,
        r#"SetCookie("a=..; HttpOnly; SameSite=Lax; Secure; Path=/")"#
    );
    assert_eq!((cookie.name(), cookie.value()), ("a", "secret"));
    // HTTP/2 and logs of header fields must not keep it either.
    let value = HeaderValue::from(cookie);
    assert!(value.is_sensitive());
    Ok(())
}

#[test]
fn attributes_are_safe_by_default() -> Result<(), ConfigError> {
    let cookie = || SetCookie::new("a", "1");
    let cases = [
        (cookie()?, "a=1; HttpOnly; SameSite=Lax; Secure; Path=/"),
        (
            cookie()?.same_site_strict(),
            "a=1; HttpOnly; SameSite=Strict; Secure; Path=/",
        ),
        (
            cookie()?.dangerously_cross_site()?,
            "a=1; HttpOnly; SameSite=None; Secure; Path=/",
        ),
        (
            cookie()?.partitioned()?,
            "a=1; HttpOnly; SameSite=Lax; Partitioned; Secure; Path=/",
        ),
        (
            cookie()?.script_readable()?,
            "a=1; SameSite=Lax; Secure; Path=/",
        ),
        (
            cookie()?.dangerously_insecure()?,
            "a=1; HttpOnly; SameSite=Lax; Path=/",
        ),
        (
            cookie()?.without_path()?,
            "a=1; HttpOnly; SameSite=Lax; Secure",
        ),
        (
            cookie()?.dangerously_without_same_site(),
            "a=1; HttpOnly; Secure; Path=/",
        ),
        (
            cookie()?.path("/shop")?.domain("example.com")?,
            "a=1; HttpOnly; SameSite=Lax; Secure; Path=/shop; Domain=example.com",
        ),
    ];
    for (cookie, expected) in cases {
        assert_eq!(written(cookie), expected);
    }
    Ok(())
}

#[test]
fn ages_are_whole_seconds_and_400_days_at_most() -> Result<(), ConfigError> {
    let cases = [
        (Duration::ZERO, "Max-Age=0"),
        (Duration::from_nanos(1), "Max-Age=1"),
        (Duration::from_secs(60), "Max-Age=60"),
        (Duration::from_millis(60_001), "Max-Age=61"),
        (Duration::MAX, "Max-Age=34560000"),
    ];
    for (age, expected) in cases {
        let cookie = written(SetCookie::new("a", "1")?.max_age(age));
        assert_eq!(cookie.rsplit("; ").next(), Some(expected), "{age:?}");
    }
    Ok(())
}

#[test]
fn a_removal_has_the_attributes_of_the_cookie() -> Result<(), ConfigError> {
    let cookie = SetCookie::new("a", "1")?
        .domain("example.com")?
        .path("/shop")?;
    let set = written(cookie.clone());
    let removed = written(cookie.max_age(Duration::from_secs(9)).into_removal());
    let expected =
        set.replacen("a=1", "a=", 1) + "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(removed, expected);
    Ok(())
}

#[test]
fn rejects_cookies_that_browsers_would_drop() {
    type Made = Result<SetCookie, ConfigError>;
    let host = |change: fn(SetCookie) -> Made| SetCookie::new("__Host-a", "1").and_then(change);
    let secure = |change: fn(SetCookie) -> Made| SetCookie::new("__sEcUrE-a", "1").and_then(change);
    let plain = |change: fn(SetCookie) -> Made| SetCookie::new("a", "1").and_then(change);
    let http = |change: fn(SetCookie) -> Made| SetCookie::new("__hTtP-a", "1").and_then(change);
    let host_http =
        |change: fn(SetCookie) -> Made| SetCookie::new("__Host-Http-a", "1").and_then(change);
    let wrong: [(&str, Made); 27] = [
        ("an empty name", SetCookie::new("", "1")),
        ("a name with `=`", SetCookie::new("a=b", "1")),
        ("a name with a line break", SetCookie::new("a\r\n", "1")),
        (
            "a value with `;`",
            SetCookie::new("a", "1; Domain=evil.example"),
        ),
        ("a value with a comma", SetCookie::new("a", "1,2")),
        ("a value with a space", SetCookie::new("a", "1 2")),
        ("a quoted value", SetCookie::new("a", "\"1\"")),
        ("a value with a backslash", SetCookie::new("a", "\\")),
        (
            "a value with a line break",
            SetCookie::new("a", "1\r\nx: y"),
        ),
        ("a value beyond ASCII", SetCookie::new("a", "\u{e9}")),
        ("`__Host-` with a path", host(|cookie| cookie.path("/a"))),
        (
            "`__Host-` with a domain",
            host(|cookie| cookie.domain("example.com")),
        ),
        (
            "`__Host-` without TLS",
            host(SetCookie::dangerously_insecure),
        ),
        (
            "`__Secure-` without TLS",
            secure(SetCookie::dangerously_insecure),
        ),
        ("`__Host-` without a path", host(SetCookie::without_path)),
        (
            "`__Http-` without TLS",
            http(SetCookie::dangerously_insecure),
        ),
        ("`__Http-` for scripts", http(SetCookie::script_readable)),
        (
            "`__Host-Http-` without TLS",
            host_http(SetCookie::dangerously_insecure),
        ),
        (
            "`__Host-Http-` for scripts",
            host_http(SetCookie::script_readable),
        ),
        (
            "`__Host-Http-` with a path",
            host_http(|cookie| cookie.path("/a")),
        ),
        (
            "`__Host-Http-` with a domain",
            host_http(|cookie| cookie.domain("example.com")),
        ),
        ("a path with `;`", plain(|cookie| cookie.path("/;HttpOnly"))),
        ("a path without `/`", plain(|cookie| cookie.path("a"))),
        ("a domain with `;`", plain(|cookie| cookie.domain("a;b"))),
        (
            "a domain with a dot before it",
            plain(|cookie| cookie.domain(".example.com")),
        ),
        (
            "other sites without TLS",
            plain(|cookie| cookie.dangerously_insecure()?.dangerously_cross_site()),
        ),
        (
            "partitioned, and then without TLS",
            plain(|cookie| cookie.partitioned()?.dangerously_insecure()),
        ),
    ];
    for (name, made) in wrong {
        assert!(made.is_err(), "{name}");
    }
}

#[test]
fn a_prefix_allows_what_it_does_not_exclude() -> Result<(), ConfigError> {
    let allowed = [
        SetCookie::new("__Http-a", "1")?
            .path("/shop")?
            .domain("example.com")?,
        SetCookie::new("__Http-a", "1")?.without_path()?,
        SetCookie::new("__Host-a", "1")?.script_readable()?,
        SetCookie::new("__Host-Http-a", "1")?.path("/")?,
        SetCookie::new("__Secure-a", "1")?
            .script_readable()?
            .without_path()?,
        // Without the dash it is a name as any other.
        SetCookie::new("__Host", "1")?.dangerously_insecure()?,
    ];
    for cookie in allowed {
        let (name, set) = (cookie.name().to_owned(), written(cookie));
        assert!(set.starts_with(&format!("{name}=1")), "{set}");
    }
    Ok(())
}

#[test]
fn all_values_of_a_repeated_name_can_be_read() {
    let cookies = cookies(&["a=1; b=2; a=", "a=\u{e9}"]);
    let values: Result<Vec<_>, _> = cookies.find_all("a").collect();
    assert_eq!(values, Ok(vec!["1", "", "\u{e9}"]));
    assert_eq!(cookies.find_all("c").count(), 0);

    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(b"a=\xff; a=1").unwrap());
    let cookies = Cookies::of(&headers);
    let values: Vec<_> = cookies.find_all("a").collect();
    assert_eq!(values, [Err(CookieError::NotText), Ok("1")]);
}

#[test]
fn a_cookie_never_has_more_bytes_than_browsers_keep() {
    let max_length = (1..5_000)
        .rev()
        .find(|length| SetCookie::new("a", "x".repeat(*length)).is_ok())
        .unwrap();
    let longest = SetCookie::new("a", "x".repeat(max_length)).unwrap();
    let longest = longest.max_age(Duration::MAX).same_site_strict();
    let longest = written(longest.partitioned().unwrap().into_removal()).len() + max_length;
    // What is missing is a domain and the digits of an age.
    let missing = "; Domain=".len() + "3456000".len();
    assert_eq!(longest, 4096 - missing);
}

#[tokio::test]
async fn handlers_read_and_set_cookies_along_with_other_values() {
    async fn handler(cookies: Cookies) -> Result<(SetCookie, SetCookie, String), Problem> {
        let name = cookies.find("name")?.unwrap_or("nobody").to_owned();
        Ok((SetCookie::new("a", "1")?, SetCookie::removal("b")?, name))
    }
    async fn call(app: Router, cookie: &'static str) -> Response<Body> {
        let request = Request::get("/").header(COOKIE, cookie);
        app.oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }
    let app = Router::new().route("/", get(compose(()).handler(handler)));
    let response = call(app.clone(), "name=alice").await;
    assert_eq!(response.status(), 200);
    let set: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 2);
    assert!(set[0].to_str().unwrap().starts_with("a=1; "));
    assert!(set[1].to_str().unwrap().starts_with("b=; "));

    let response = call(app, "name=alice; name=bob").await;
    assert_eq!(response.status(), 400);
    let problem = response.extensions().get::<Problem>().unwrap();
    let cause = problem.cause().unwrap().downcast_ref();
    assert_eq!(cause, Some(&CookieError::Repeated));
}

#[tokio::test]
async fn cookies_alone_are_a_response() {
    async fn forget() -> Result<(SetCookie, SetCookie), Problem> {
        Ok((SetCookie::removal("a")?, SetCookie::removal("b")?))
    }
    let app = Router::new().route("/", get(forget));
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let set = response.headers().get_all("set-cookie").iter();
    assert_eq!(set.count(), 2);
}

proptest! {
    #[test]
    fn a_cookie_survives_a_round_trip(
        name in "[!#-'*+.0-9A-Z^_`a-z|~-]{1,20}",
        value in "[!#-+./:<-\\[\\]-~0-9-]{0,40}",
    ) {
        let set = written(SetCookie::new(name.clone(), value.clone()).unwrap());
        // What a browser sends back.
        let pair = set.split(';').next().unwrap();
        let sent = cookies(&[pair]);
        prop_assert_eq!(sent.find(&name), Ok(Some(value.as_str())));
    }

    #[test]
    fn no_text_escapes_from_a_name_or_a_value(name in any::<String>(), text in any::<String>()) {
        let made = [
            SetCookie::new(name, "1"),
            SetCookie::new("a", text.clone()),
            SetCookie::new("a", "1").and_then(|cookie| cookie.path(text.clone())),
            SetCookie::new("a", "1").and_then(|cookie| cookie.domain(text)),
        ];
        for (cookie, parts) in made.into_iter().zip([5, 5, 5, 6]) {
            let Ok(cookie) = cookie else { continue };
            let set = written(cookie);
            prop_assert_eq!(set.split(';').count(), parts, "{}", set);
            prop_assert_eq!(set.split('=').next().map(str::trim), set.split('=').next());
        }
    }
}
