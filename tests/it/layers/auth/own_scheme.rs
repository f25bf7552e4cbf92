//! `with_auth`, with schemes of a user's own.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use wythe::{
    Auth, Authenticated, Challenge, Later, Place, Problem, Provided,
    auth::{Authenticate, Refusal, Verdict},
    compose, with_auth,
};

use crate::common::{Body, empty, get, problem, send, send_to};

#[derive(Clone, Debug, PartialEq)]
struct User(&'static str);

/// A scheme that says what the `x-key` header tells it to; with `later`, it says so later.
struct Keys {
    later: bool,
    asked: Arc<AtomicUsize>,
}

impl Keys {
    fn new(later: bool) -> Self {
        Self {
            later,
            asked: Arc::default(),
        }
    }
}

const CHALLENGE: &str = r#"ApiKey realm="orders""#;

impl Authenticate for Keys {
    type Principal = User;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(CHALLENGE)
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<User>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let verdict = match head.headers.get("x-key").map(HeaderValue::as_bytes) {
            None => Verdict::Missing,
            Some(b"right") => Verdict::Verified(User("ann")),
            Some(b"expired") => Verdict::Refused(
                Refusal::new("expired on Monday")
                    .challenge(HeaderValue::from_static("ApiKey error=\"expired\""))
                    .detail("The key expired."),
            ),
            Some(b"garbled") => Verdict::Refused(Refusal::malformed("no checksum")),
            Some(b"store is down") => Verdict::Failed("redis://:hunter2@store refused".into()),
            Some(_) => Verdict::refused("unknown key"),
        };
        if self.later {
            return Later::pending(async move {
                tokio::task::yield_now().await;
                verdict
            });
        }
        Later::Ready(verdict)
    }
}

fn request(key: Option<&str>) -> Request<Body> {
    let request = get("/");
    match key {
        Some(key) => request.header("x-key", key),
        None => request,
    }
    .body(empty())
    .unwrap()
}

/// Answers with the user, if there is one, and with the marker.
async fn whoami(mut request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let user = Auth::<User>::from_extensions(request.extensions_mut());
    let marked = request.extensions().get::<Authenticated>().is_some();
    let name = user.map_or("nobody", |Auth(User(name))| name);
    Ok(Response::new(Body::from(format!("{name} {marked}"))))
}

fn challenges(response: &Response<Bytes>) -> Vec<&str> {
    let lines = response.headers().get_all("www-authenticate");
    lines.iter().map(|line| line.to_str().unwrap()).collect()
}

fn cause(response: &Response<Bytes>) -> String {
    let problem = response.extensions().get::<Problem>().unwrap();
    problem.cause().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn hands_the_verified_principal_to_the_handler() {
    for later in [false, true] {
        let layer = with_auth(Keys::new(later));
        let response = send_to(&layer, request(Some("right")), whoami).await;
        assert_eq!(response.body(), "ann true", "later: {later}");
    }
}

#[tokio::test]
async fn answers_what_the_scheme_says() {
    let own: &[&str] = &[CHALLENGE];
    let cases: [(_, _, StatusCode, &[&str], _); 5] = [
        ("no credentials", None, StatusCode::UNAUTHORIZED, own, ""),
        (
            "invalid credentials",
            Some("wrong"),
            StatusCode::UNAUTHORIZED,
            own,
            "unknown key",
        ),
        (
            "a challenge of the refusal's own",
            Some("expired"),
            StatusCode::UNAUTHORIZED,
            &["ApiKey error=\"expired\""],
            "expired on Monday",
        ),
        (
            "malformed ones",
            Some("garbled"),
            StatusCode::BAD_REQUEST,
            &[],
            "no checksum",
        ),
        (
            "a failure of the store is no 401",
            Some("store is down"),
            StatusCode::SERVICE_UNAVAILABLE,
            &[],
            "redis://:hunter2@store refused",
        ),
    ];
    for (name, key, status, expected, reason) in cases {
        for later in [false, true] {
            let response = send(&with_auth(Keys::new(later)), request(key)).await;
            problem(&response, status);
            assert_eq!(challenges(&response), expected, "{name}");
            // The reason is for the log.
            assert_eq!(cause(&response), reason, "{name}");
            let body = String::from_utf8_lossy(response.body());
            assert!(
                reason.is_empty() || !body.contains(reason),
                "{name}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn optional_credentials_may_be_missing_but_not_wrong() {
    let cases = [
        ("none", None, StatusCode::OK, Some("nobody false")),
        ("right", Some("right"), StatusCode::OK, Some("ann true")),
        ("wrong", Some("wrong"), StatusCode::UNAUTHORIZED, None),
        ("malformed", Some("garbled"), StatusCode::BAD_REQUEST, None),
        (
            "unchecked",
            Some("store is down"),
            StatusCode::SERVICE_UNAVAILABLE,
            None,
        ),
    ];
    for (name, key, status, body) in cases {
        for later in [false, true] {
            let layer = with_auth(Keys::new(later)).optional();
            let response = send_to(&layer, request(key), whoami).await;
            assert_eq!(response.status(), status, "{name}");
            if let Some(body) = body {
                assert_eq!(response.body(), body, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn asks_the_scheme_once_per_request() {
    let keys = Keys::new(true);
    let asked = Arc::clone(&keys.asked);
    send(&with_auth(keys), request(Some("right"))).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_the_check() {
    struct Slow(Arc<()>);

    impl Authenticate for Slow {
        type Principal = User;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static("Slow")
        }

        fn authenticate(&self, _: &Parts) -> Later<Verdict<User>> {
            let held = Arc::clone(&self.0);
            Later::pending(async move {
                pending::<()>().await;
                drop(held);
                Verdict::Missing
            })
        }
    }

    let held = Arc::new(());
    let layer = with_auth(Slow(Arc::clone(&held)));
    {
        let mut sending = std::pin::pin!(send(&layer, request(None)));
        let polled = futures_poll(sending.as_mut()).await;
        assert!(polled.is_pending());
        assert_eq!(Arc::strong_count(&held), 3);
    }
    assert_eq!(Arc::strong_count(&held), 2);
}

async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn describes_what_it_answers() {
    let described = |place: &dyn Fn() -> wythe::Description| {
        let layer = place();
        let statuses = layer
            .answers()
            .iter()
            .map(|answer| answer.status().as_u16());
        (layer.name().to_owned(), statuses.collect::<Vec<_>>())
    };
    let layer = with_auth(Keys::new(false));
    let expected = ("with_auth".to_owned(), vec![401, 503]);
    assert_eq!(described(&|| layer.describe()), expected);
    let layer = layer.optional();
    let expected = ("with_auth.optional()".to_owned(), vec![401, 503]);
    assert_eq!(described(&|| layer.describe()), expected);
}

#[test]
fn stands_in_a_stack_and_is_cheap_to_share() {
    fn shared<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: &T) {}
    let layer = with_auth(Keys::new(false));
    shared(&layer);
    assert_eq!(format!("{layer:?}"), "With(Authentication<Keys>)");
    let optional = with_auth(Keys::new(false)).optional();
    shared(&optional);
    let stack = compose((layer,));
    assert!(stack.to_string().contains("with_auth"), "{stack}");
}

#[test]
fn debug_does_not_show_a_principal() {
    let verdict = Verdict::Verified(User("ann"));
    assert_eq!(format!("{verdict:?}"), "Verified");
}

#[test]
fn writes_challenges_with_escapes() {
    // RFC 7617, section 2.1.
    let challenge = Challenge::new("Basic")
        .and_then(|challenge| challenge.parameter("realm", "foo"))
        .and_then(|challenge| challenge.parameter("charset", "UTF-8"))
        .unwrap();
    assert_eq!(
        HeaderValue::from(challenge),
        r#"Basic realm="foo", charset="UTF-8""#
    );
    let challenge = Challenge::new("Bearer")
        .and_then(|challenge| challenge.parameter("realm", r#"a "quoted" \ realm"#))
        .unwrap();
    let expected = r#"Bearer realm="a \"quoted\" \\ realm""#;
    assert_eq!(HeaderValue::from(challenge), expected);
}

/// A scheme that knows one key in one field, at once or later.
struct Keyed {
    field: &'static str,
    later: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct By(&'static str);

impl Authenticate for Keyed {
    type Principal = By;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(self.field)
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<By>> {
        let verdict = match head.headers.get(self.field) {
            None => Verdict::Missing,
            Some(key) if key == "right" => Verdict::Verified(By(self.field)),
            Some(key) if key == "down" => Verdict::Failed("the store is down".into()),
            Some(_) => Verdict::refused("a wrong key"),
        };
        if self.later {
            Later::pending(async { verdict })
        } else {
            Later::Ready(verdict)
        }
    }
}

#[tokio::test]
async fn the_first_of_two_schemes_that_finds_credentials_decides() {
    // name, fields, status, who
    let cases = [
        ("none", vec![], 401, None),
        ("the first", vec![("badge", "right")], 200, Some("badge")),
        ("the second", vec![("ticket", "right")], 200, Some("ticket")),
        (
            "both right",
            vec![("badge", "right"), ("ticket", "right")],
            200,
            Some("badge"),
        ),
        (
            "wrong never falls through",
            vec![("badge", "no"), ("ticket", "right")],
            401,
            None,
        ),
        ("the second wrong", vec![("ticket", "no")], 401, None),
        (
            "a store that is down",
            vec![("badge", "down"), ("ticket", "right")],
            503,
            None,
        ),
    ];
    for later in [(false, false), (true, false), (false, true), (true, true)] {
        for (name, fields, status, who) in &cases {
            let first = Keyed {
                field: "badge",
                later: later.0,
            };
            let second = Keyed {
                field: "ticket",
                later: later.1,
            };
            let mut request = get("/").body(empty()).unwrap();
            for (field, value) in fields {
                request
                    .headers_mut()
                    .insert(*field, HeaderValue::from_static(value));
            }
            let layer = with_auth(first.or(second));
            let response = send_to(&layer, request, |request| async move {
                let by = request.extensions().get::<Auth<By>>().unwrap().0.clone();
                Ok(Response::new(Body::from(by.0)))
            })
            .await;
            assert_eq!(response.status(), *status, "{name} {later:?}");
            match who {
                Some(who) => assert_eq!(response.body(), who, "{name} {later:?}"),
                None => assert!(!response.body().is_empty()),
            }
            if *status == 401 {
                let lines = response.headers().get_all("www-authenticate");
                let all: Vec<_> = lines.iter().map(|v| v.to_str().unwrap()).collect();
                let all = all.join(", ");
                assert!(
                    all.contains("badge") && all.contains("ticket"),
                    "{name}: {all}"
                );
                assert_eq!(all.len(), "badge, ticket".len(), "{name}: {all}");
            }
        }
    }
}
