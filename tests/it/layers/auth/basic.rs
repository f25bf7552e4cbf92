//! `Basic`: users and passwords, by RFC 7617.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use wythe::{
    Auth, Basic, Later, Place, Problem, Secret,
    auth::{Authenticate, BasicRefusal, Verdict},
    with_auth,
};

use crate::common::{Body, empty, get, problem, send, send_to};

#[derive(Clone, Debug, PartialEq)]
struct User(String);

const CHALLENGE: &str = r#"Basic realm="WallyWorld", charset="UTF-8""#;

/// Who is let in with which password.
const USERS: [(&str, &str); 4] = [
    ("Aladdin", "open sesame"),
    ("test", "123\u{a3}"),
    ("", "nameless"),
    ("ann", "a:b:"),
];

fn is_known(user: &str, password: &Secret) -> bool {
    USERS
        .iter()
        .any(|(known, secret)| *known == user && password.matches(secret))
}

fn scheme() -> Basic<User> {
    Basic::verify("WallyWorld", |user: String, password: Secret| async move {
        Ok::<_, Infallible>(is_known(&user, &password).then_some(User(user)))
    })
    .unwrap()
}

fn request(lines: &[&[u8]]) -> Request<Body> {
    let mut request = get("/").body(empty()).unwrap();
    for line in lines {
        let line = HeaderValue::from_bytes(line).unwrap();
        request.headers_mut().append("authorization", line);
    }
    request
}

/// The field line of a user and a password.
fn basic(user_pass: impl AsRef<[u8]>) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(user_pass)).into_bytes()
}

async fn whoami(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let Auth(User(name)) = request.extensions().get::<Auth<User>>().cloned().unwrap();
    Ok(Response::new(Body::from(format!("<{name}>"))))
}

fn challenges(response: &Response<Bytes>) -> Vec<&str> {
    let lines = response.headers().get_all("www-authenticate");
    lines.iter().map(|line| line.to_str().unwrap()).collect()
}

fn cause(response: &Response<Bytes>) -> Option<BasicRefusal> {
    let problem = response.extensions().get::<Problem>()?;
    problem.cause()?.downcast_ref().copied()
}

#[tokio::test]
async fn accepts_users_with_their_passwords() {
    let nameless = basic(":nameless");
    let colons = basic("ann:a:b:");
    let cases: [(_, &[u8], _); 6] = [
        (
            "RFC 7617, section 2",
            b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "<Aladdin>",
        ),
        ("RFC 7617, section 2.1", b"Basic dGVzdDoxMjPCow==", "<test>"),
        ("lower case", b"basic dGVzdDoxMjPCow==", "<test>"),
        ("several spaces", b"BASIC   dGVzdDoxMjPCow==", "<test>"),
        ("an empty user", &nameless, "<>"),
        ("colons in the password", &colons, "<ann>"),
    ];
    for (name, line, expected) in cases {
        let response = send_to(&with_auth(scheme()), request(&[line]), whoami).await;
        assert_eq!(response.body(), expected, "{name}");
    }
}

#[tokio::test]
async fn refuses_hostile_fields_without_a_check() {
    use BasicRefusal::{Base64, ControlCharacter, Encoding, NoColon, Several, TooLong};
    let long = basic([b'a'; 1025]);
    let control = basic("ann\u{7f}:a");
    let newline = basic("ann:a\r\nb");
    let nul = basic("ann:a\0");
    let latin = basic(b"test:123\xa3");
    let bare = basic("Aladdin");
    let nothing = basic("");
    let cases: [(_, &[&[u8]], _, _); 18] = [
        ("two lines", &[b"Basic YTpi", b"Basic YTpi"], 400, Several),
        ("two schemes", &[b"Bearer abc", b"Basic YTpi"], 400, Several),
        ("no token", &[b"Basic"], 401, NoColon),
        ("only spaces", &[b"Basic   "], 401, NoColon),
        ("nothing, coded", &[&nothing], 401, NoColon),
        ("a user alone", &[&bare], 401, NoColon),
        ("no padding", &[b"Basic dGVzdDoxMjPCow"], 401, Base64),
        ("too much padding", &[b"Basic YTpi===="], 401, Base64),
        ("stray bits", &[b"Basic dGVzdDoxMjPCox=="], 401, Base64),
        ("the alphabet of URLs", &[b"Basic YTo_"], 401, Base64),
        ("plain text", &[b"Basic Aladdin:open"], 401, Base64),
        ("a list", &[b"Basic YTpi, Basic YTpi"], 401, Base64),
        (
            "invalid UTF-8 in the field",
            &[b"Basic YTpi\xff"],
            401,
            Base64,
        ),
        ("Latin-1", &[&latin], 401, Encoding),
        (
            "a control character in the user",
            &[&control],
            401,
            ControlCharacter,
        ),
        (
            "a new line in the password",
            &[&newline],
            401,
            ControlCharacter,
        ),
        ("a zero in the password", &[&nul], 401, ControlCharacter),
        ("too long", &[&long], 401, TooLong),
    ];
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let scheme = Basic::verify("WallyWorld", move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Infallible>(Some(User(String::new()))) }
    });
    let layer = with_auth(scheme.unwrap());
    for (name, lines, status, reason) in cases {
        let response = send(&layer, request(lines)).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(cause(&response), Some(reason), "{name}");
        let expected: &[&str] = if status == 401 { &[CHALLENGE] } else { &[] };
        assert_eq!(challenges(&response), expected, "{name}");
        problem(&response, response.status());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn challenges_requests_without_a_valid_password() {
    let cases: [(_, &[&[u8]], _); 5] = [
        ("nobody", &[], None),
        ("another scheme", &[b"Bearer abc"], None),
        ("a longer scheme", &[b"Basically abc"], None),
        (
            "a wrong password",
            &[&basic("Aladdin:open says me")],
            Some(BasicRefusal::Wrong),
        ),
        (
            "an unknown user",
            &[&basic("Jafar:open sesame")],
            Some(BasicRefusal::Wrong),
        ),
    ];
    for (name, lines, reason) in cases {
        let response = send(&with_auth(scheme()), request(lines)).await;
        let json = problem(&response, StatusCode::UNAUTHORIZED);
        assert_eq!(challenges(&response), [CHALLENGE], "{name}");
        assert_eq!(cause(&response), reason, "{name}");
        let said = format!("{json} {:?}", response.extensions().get::<Problem>());
        assert!(
            !said.contains("Jafar") && !said.contains("says me"),
            "{name}: {said}"
        );
    }
}

#[tokio::test]
async fn a_check_that_fails_is_not_a_401() {
    let down = || io::Error::other("ldap://admin:hunter2@directory refused");
    let panics = |_: &str, _: &Secret| -> Result<Option<User>, io::Error> { panic!("hunter2") };
    let schemes = [
        (
            "fails",
            Basic::verify("a", move |_, _| async move { Err(down()) }),
        ),
        (
            "fails on its thread",
            Basic::verify_blocking("a", move |_, _| Err(down())),
        ),
        ("panics on its thread", Basic::verify_blocking("a", panics)),
    ];
    for (name, scheme) in schemes {
        let layer = with_auth(scheme.unwrap()).optional();
        let response = send(&layer, request(&[&basic("a:b")])).await;
        let json = problem(&response, StatusCode::SERVICE_UNAVAILABLE);
        assert!(challenges(&response).is_empty(), "{name}");
        assert!(!json.to_string().contains("hunter2"), "{name}: {json}");
    }
}

/// A check on its own thread that says when it began, and ends when it is told to.
struct Held {
    scheme: Basic<User>,
    begun: mpsc::Receiver<()>,
    end: mpsc::Sender<()>,
}

fn held() -> Held {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let ended = Mutex::new(ended);
    let scheme = Basic::verify_blocking("WallyWorld", move |user, _| {
        begin.send(()).unwrap();
        ended.lock().unwrap().recv().unwrap();
        Ok::<_, Infallible>(Some(User(user.to_owned())))
    });
    let scheme = scheme.unwrap().max_concurrent(1).unwrap();
    Held { scheme, begun, end }
}

#[tokio::test]
async fn a_request_that_gets_no_permit_in_time_is_told_to_retry() {
    let Held { scheme, begun, end } = held();
    for wait in [Duration::ZERO, Duration::from_millis(20)] {
        let layer = with_auth(scheme.clone().max_wait(wait));
        let first = tokio::spawn({
            let layer = layer.clone();
            async move { send(&layer, request(&[&basic("a:b")])).await }
        });
        tokio::task::yield_now().await;
        begun.recv().unwrap();
        let response = send(&layer, request(&[&basic("c:d")])).await;
        problem(&response, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(cause(&response), Some(BasicRefusal::Busy));
        assert!(challenges(&response).is_empty());
        end.send(()).unwrap();
        assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_password_from_a_form_is_checked_as_one_from_the_field() {
    let password = |text: &str| Secret::new(text.to_owned());
    let scheme = Basic::verify("a", async |user: String, given: Secret| match &*user {
        "broken" => Err(io::Error::other("hunter2")),
        _ => Ok(given.matches("open sesame").then_some(User(user))),
    });
    let scheme = scheme.unwrap();
    let user = scheme.check("Aladdin", password("open sesame")).await;
    assert_eq!(user.unwrap(), Some(User("Aladdin".to_owned())));
    let user = scheme.check("Aladdin", password("open says me")).await;
    assert_eq!(user.unwrap(), None);
    let failed = scheme
        .check("broken", password("open sesame"))
        .await
        .unwrap_err();
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failed.reason_code(), Some("unavailable"));

    let Held { scheme, begun, end } = held();
    let scheme = scheme.max_wait(Duration::ZERO);
    let first = tokio::spawn({
        let scheme = scheme.clone();
        async move { scheme.check("a", Secret::new("b".to_owned())).await }
    });
    tokio::task::yield_now().await;
    begun.recv().unwrap();
    let busy = scheme.check("c", password("d")).await.unwrap_err();
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers()["retry-after"], "1");
    end.send(()).unwrap();
    assert!(first.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn credentials_from_a_form_that_no_field_could_carry_are_not_checked() {
    let scheme = Basic::verify("a", async |user: String, _: Secret| {
        Ok::<_, Infallible>(Some(User(user)))
    });
    let scheme = scheme.unwrap();
    let check = async |user: &str, password: &str| {
        let user = scheme.check(user, Secret::new(password.to_owned())).await;
        user.unwrap().is_some()
    };
    // 1,024 bytes with the colon.
    let (longest, longer) = ("x".repeat(1_020), "x".repeat(1_021));
    for (name, user, password, passes) in [
        ("others", "ann", "a", true),
        ("nothing", "", "", true),
        ("not ASCII", "\u{e9}", "\u{a3}", true),
        ("NUL", "ann", "a\0a", false),
        ("a line break", "ann", "a\n", false),
        ("a tab in the name", "a\tn", "a", false),
        ("DEL", "ann", "\u{7f}", false),
        ("the longest", "ann", &*longest, true),
        ("too long", "ann", &*longer, false),
    ] {
        assert_eq!(check(user, password).await, passes, "{name}");
    }
}

#[tokio::test]
async fn a_check_that_waits_for_a_permit_gets_it() {
    let Held { scheme, begun, end } = held();
    let layer = with_auth(scheme.max_wait(Duration::from_secs(60)));
    let sent = |line: Vec<u8>| {
        let layer = layer.clone();
        tokio::spawn(async move { send(&layer, request(&[&line])).await })
    };
    let (first, second) = (sent(basic("a:b")), sent(basic("c:d")));
    for _ in 0..2 {
        while begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        // One at a time: the other has not begun.
        assert!(begun.try_recv().is_err());
        end.send(()).unwrap();
    }
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    assert_eq!(second.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_free_its_permit_before_the_work_is_done() {
    let Held { scheme, begun, end } = held();
    let layer = with_auth(scheme.max_wait(Duration::ZERO));
    {
        let mut first = pin!(send(&layer, request(&[&basic("a:b")])));
        let polled = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        begun.recv().unwrap();
    }
    // It would wait for its end, had it a turn.
    let second = send(&layer, request(&[&basic("c:d")]));
    let response = tokio::time::timeout(Duration::from_secs(10), second).await;
    let response = response.expect("there was a turn");
    assert_eq!(cause(&response), Some(BasicRefusal::Busy));
    // One for the work that nobody waits for, one for the next.
    end.send(()).unwrap();
    end.send(()).unwrap();
    loop {
        let response = send(&layer, request(&[&basic("c:d")])).await;
        if response.status() == StatusCode::OK {
            break;
        }
        assert_eq!(cause(&response), Some(BasicRefusal::Busy));
        tokio::task::yield_now().await;
    }
}

#[test]
fn without_a_runtime_the_answer_is_503_and_not_a_panic() {
    let scheme = Basic::verify_blocking("a", |_, _| Ok::<_, Infallible>(Some(User(String::new()))));
    let layer = with_auth(scheme.unwrap());
    let mut sending = pin!(send(&layer, request(&[&basic("a:b")])));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(response) = sending.as_mut().poll(&mut cx) else {
        panic!("waits for a runtime that is not there");
    };
    problem(&response, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn wrong_passwords_never_fall_through_to_another_scheme() {
    struct Badge;

    impl Authenticate for Badge {
        type Principal = User;

        fn challenge(&self) -> HeaderValue {
            HeaderValue::from_static("Badge")
        }

        fn authenticate(&self, head: &http::request::Parts) -> Later<Verdict<User>> {
            let badge = head.headers.get("badge");
            Later::Ready(badge.map_or(Verdict::Missing, |_| {
                Verdict::Verified(User("badge".to_owned()))
            }))
        }
    }

    let layer = with_auth(scheme().or(Badge));
    let with_badge = |lines: &[&[u8]]| {
        let mut request = request(lines);
        request
            .headers_mut()
            .insert("badge", HeaderValue::from_static("7"));
        request
    };
    let both = format!("{CHALLENGE}, Badge");
    let cases: [(_, _, _, &[&str]); 5] = [
        ("none", request(&[]), 401, &[&both]),
        ("the other", with_badge(&[]), 200, &[]),
        ("a right one", request(&[&basic("ann:a:b:")]), 200, &[]),
        (
            "a wrong one",
            with_badge(&[&basic("ann:no")]),
            401,
            &[CHALLENGE, "Badge"],
        ),
        (
            "a garbled one",
            with_badge(&[b"Basic ?"]),
            401,
            &[CHALLENGE, "Badge"],
        ),
    ];
    for (name, request, status, expected) in cases {
        let response = send(&layer, request).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(challenges(&response), expected, "{name}");
    }
}

#[test]
fn rejects_invalid_configurations_and_shows_no_secret() {
    let realm = |realm: &str| {
        Basic::verify_blocking(realm, |_, _| Ok::<_, Infallible>(Some(User(String::new()))))
    };
    realm("line\nbreak").unwrap_err();
    realm("caf\u{e9}").unwrap_err();
    realm("a").unwrap().max_concurrent(0).unwrap_err();
    let _boundless = realm("a").unwrap().max_concurrent(usize::MAX).unwrap();
    let shown = format!("{:?}", realm("the \"inner\" realm").unwrap());
    assert!(shown.starts_with("Basic {"), "{shown}");
    let password = Secret::new("hunter2".to_owned());
    assert_eq!(format!("{password:?}"), "Secret(..)");
    let layer = with_auth(realm("a").unwrap()).describe();
    let statuses: Vec<_> = layer
        .answers()
        .iter()
        .map(|answer| answer.status())
        .collect();
    assert_eq!(statuses, [401, 400, 503]);
}

proptest! {
    #[test]
    fn the_check_gets_what_was_sent(user in "[^:\\p{Cc}]{0,20}", password in "[^\\p{Cc}]{0,40}") {
        prop_assert_eq!(read(&basic(format!("{user}:{password}"))), Some((user, password)));
    }

    #[test]
    fn a_changed_bit_is_a_wrong_password_or_malformed(at in 0..24_usize, bit in 0..8_u32) {
        let mut line = b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_vec();
        line["Basic ".len() + at] ^= 1 << bit;
        let right = Some(("Aladdin".to_owned(), "open sesame".to_owned()));
        prop_assert_ne!(read(&line), right);
    }
}

/// What the check is given.
fn read(line: &[u8]) -> Option<(String, String)> {
    let line = HeaderValue::from_bytes(line).ok()?;
    let scheme = Basic::verify("a", |user, password: Secret| async move {
        Ok::<_, Infallible>(Some((user, password.expose().to_owned())))
    });
    let request = Request::get("/").header("authorization", line);
    let (head, ()) = request.body(()).unwrap().into_parts();
    let Later::Pending(later) = scheme.unwrap().authenticate(&head) else {
        return None;
    };
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match pin!(later).poll(&mut cx) {
        Poll::Ready(Verdict::Verified(read)) => Some(read),
        _ => None,
    }
}

#[cfg(feature = "basic-argon2")]
mod argon2 {
    use ::argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

    use super::*;

    /// A hash that costs next to nothing.
    fn cheap(password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), b"somesalt");
        hash.unwrap().to_string()
    }

    fn stored() -> Basic<User> {
        let scheme = Basic::argon2("WallyWorld", |user: String| async move {
            match &*user {
                "Aladdin" => Ok(Some((cheap("open sesame"), User(user)))),
                "old" => Ok(Some((
                    "$2b$12$R9h/cIPz0gi.URNNX3kh2O".to_owned(),
                    User(user),
                ))),
                "down" => Err(io::Error::other("postgres://app:hunter2@db refused")),
                _ => Ok(None),
            }
        });
        scheme.unwrap().decoy(&cheap("nobody's")).unwrap()
    }

    #[tokio::test]
    async fn verifies_the_stored_hash() {
        let cases = [
            ("right", "Aladdin:open sesame", 200),
            ("wrong", "Aladdin:open says me", 401),
            ("empty", "Aladdin:", 401),
            ("an unknown user", "Jafar:open sesame", 401),
            ("the decoy's password", "Jafar:nobody's", 401),
            ("a hash that can't be read", "old:open sesame", 503),
            ("a store that is down", "down:open sesame", 503),
        ];
        for (name, user_pass, status) in cases {
            let response = send(&with_auth(stored()), request(&[&basic(user_pass)])).await;
            assert_eq!(response.status(), status, "{name}");
            let said = String::from_utf8_lossy(response.body());
            assert!(
                !said.contains("2b$12") && !said.contains("hunter2"),
                "{name}: {said}"
            );
        }
    }

    #[test]
    fn a_decoy_is_an_argon2_hash() {
        for hash in [
            "",
            "plain",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2O",
            "$argon2id$v=19$m=1,t=0,p=0",
        ] {
            assert!(stored().decoy(hash).is_err(), "{hash}");
        }
    }

    #[test]
    fn a_decoy_is_an_error_where_no_stored_hash_is_compared() {
        let error = scheme().decoy(&cheap("nobody's")).unwrap_err();
        assert!(error.to_string().contains("`argon2`"), "{error}");
        let blocking = Basic::verify_blocking("a", |_, _| Ok::<_, Infallible>(Some(())));
        blocking.unwrap().decoy(&cheap("nobody's")).unwrap_err();
        #[cfg(feature = "basic-bcrypt")]
        for scheme in [scheme(), stored()] {
            let error = scheme.bcrypt_cost(10).unwrap_err();
            assert!(error.to_string().contains("`argon2_or_bcrypt`"), "{error}");
        }
    }
}

#[cfg(feature = "basic-bcrypt")]
mod bcrypt {
    use std::collections::HashMap;

    use wythe::auth::HashUpgrade;

    use super::*;

    /// Of "open sesame", by another implementation.
    const LEGACY_HASH: &str = "$2y$04$N9qo8uLOickgx2ZMRZoMyeD6cuue4VdM9VS1cJ/wwOaQJuY83FyIy";
    /// Of 80 times "x".
    const HASH_OF_80_BYTES: &str = "$2y$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582";
    /// Takes next to nothing.
    const DECOY: &str = "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                         $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[derive(Clone)]
    struct Store {
        hashes: Arc<Mutex<HashMap<String, String>>>,
        replaced: Arc<AtomicUsize>,
    }

    impl Store {
        fn new(hash: &str) -> Self {
            let hashes = HashMap::from([("Aladdin".to_owned(), hash.to_owned())]);
            Self {
                hashes: Arc::new(Mutex::new(hashes)),
                replaced: Arc::default(),
            }
        }

        fn hash(&self) -> String {
            self.hashes.lock().unwrap()["Aladdin"].clone()
        }

        /// The scheme, whose upgrades fail if the store is read-only.
        fn scheme(&self, is_read_only: bool) -> Basic<User> {
            let look_up = {
                let hashes = Arc::clone(&self.hashes);
                move |user: String| {
                    let hash = hashes.lock().unwrap().get(&user).cloned();
                    async move { Ok::<_, Infallible>(hash.map(|hash| (hash, User(user)))) }
                }
            };
            let Self { hashes, replaced } = self.clone();
            let replace = move |upgrade: HashUpgrade| {
                let shown = format!("{upgrade:?}");
                assert!(
                    !shown.contains('$') && !shown.contains("Aladdin"),
                    "{shown}"
                );
                replaced.fetch_add(1, Ordering::Relaxed);
                let mut hashes = hashes.lock().unwrap();
                let stored = hashes.get_mut(&upgrade.user).unwrap();
                assert_eq!(*stored, upgrade.old);
                if !is_read_only {
                    *stored = upgrade.new;
                }
                async move {
                    let read_only = || io::Error::other("read-only");
                    if is_read_only {
                        Err(read_only())
                    } else {
                        Ok(())
                    }
                }
            };
            let scheme = Basic::argon2_or_bcrypt("WallyWorld", look_up, replace);
            scheme
                .unwrap()
                .bcrypt_cost(4)
                .unwrap()
                .decoy(DECOY)
                .unwrap()
        }

        async fn statuses(&self, is_read_only: bool, sent: &[&str]) -> Vec<u16> {
            let layer = with_auth(self.scheme(is_read_only));
            let mut statuses = Vec::new();
            for user_pass in sent {
                let response = send(&layer, request(&[&basic(user_pass)])).await;
                let said = String::from_utf8_lossy(response.body());
                assert!(!said.contains("$2y$") && !said.contains("argon"), "{said}");
                statuses.push(response.status().as_u16());
            }
            statuses
        }
    }

    #[tokio::test]
    async fn a_hash_is_replaced_once_and_only_by_the_right_password() {
        let store = Store::new(LEGACY_HASH);
        let wrong = ["Aladdin:open says me", "Aladdin:", "Jafar:open sesame"];
        assert_eq!(store.statuses(false, &wrong).await, [401; 3]);
        assert_eq!(store.hash(), LEGACY_HASH);

        let right = ["Aladdin:open sesame"; 3];
        assert_eq!(store.statuses(false, &right).await, [200; 3]);
        assert_eq!(store.replaced.load(Ordering::Relaxed), 1);
        let hash = store.hash();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert_eq!(store.statuses(false, &wrong).await, [401; 3]);
        assert_eq!(store.hash(), hash);
    }

    #[tokio::test]
    async fn a_store_that_can_not_be_written_does_not_keep_users_out() {
        let store = Store::new(LEGACY_HASH);
        let right = ["Aladdin:open sesame"; 2];
        assert_eq!(store.statuses(true, &right).await, [200; 2]);
        assert_eq!(store.replaced.load(Ordering::Relaxed), 2);
        assert_eq!(store.hash(), LEGACY_HASH);
    }

    #[tokio::test]
    async fn a_password_from_a_form_is_not_cut_at_a_nul() {
        let store = Store::new(LEGACY_HASH);
        let scheme = store.scheme(false);
        let password = "open sesame\0open sesame".to_owned();
        let user = scheme.check("Aladdin", Secret::new(password)).await;
        assert_eq!(user.unwrap(), None);
        assert_eq!(store.hash(), LEGACY_HASH);
    }

    #[tokio::test]
    async fn only_72_bytes_count_until_the_hash_is_replaced() {
        let store = Store::new(HASH_OF_80_BYTES);
        let (of_71, of_72, of_80) = ("x".repeat(71), "x".repeat(72), "x".repeat(80));
        let [of_71, of_72, of_80] = [of_71, of_72, of_80].map(|word| format!("Aladdin:{word}"));
        assert_eq!(
            store.statuses(true, &[&of_71, &of_72, &of_80]).await,
            [401, 200, 200]
        );
        assert_eq!(
            store.statuses(false, &[&of_80, &of_72, &of_80]).await,
            [200, 401, 200]
        );
    }

    #[tokio::test]
    async fn a_hash_that_can_not_be_used_is_answered_503_at_once() {
        for hash in [
            "$2y$31$N9qo8uLOickgx2ZMRZoMyeD6cuue4VdM9VS1cJ/wwOaQJuY83FyIy",
            "$2x$04$N9qo8uLOickgx2ZMRZoMyeD6cuue4VdM9VS1cJ/wwOaQJuY83FyIy",
            "$2y$04$N9qo8uLOickgx2ZMRZoMye",
            "plain text",
        ] {
            let store = Store::new(hash);
            assert_eq!(
                store.statuses(false, &["Aladdin:open sesame"]).await,
                [503],
                "{hash}"
            );
        }
    }
}
