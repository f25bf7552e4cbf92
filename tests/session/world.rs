//! A clock that is set by hand, a store that does what a test tells it to, and a handler.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderValue, Response, header::SET_COOKIE};
use serde::{Deserialize, Serialize};
use wythe::{
    Auth, Session, SessionKey, Sessions, SetCookie,
    auth::{SessionId, SessionRecord, SessionStore},
    with_auth,
};

use crate::support::{Body, empty, get, send_to};

/// When the tests begin, in seconds since 1970.
pub(crate) const START: u64 = 1_800_000_000;

pub(crate) const SECRET: &str = "the key of the tests' sessions, in 40 bytes";

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
}

pub(crate) fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
    }
}

/// Seconds since 1970, set by hand.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }

    /// So many seconds after the start.
    pub(crate) fn set(&self, after: u64) {
        self.0.store(START + after, Ordering::Relaxed);
    }

    /// So many seconds before the start.
    pub(crate) fn set_back(&self, before: u64) {
        self.0.store(START - before, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let seconds = Arc::clone(&self.0);
        move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed))
    }
}

/// Forgets nothing by itself, so that what ends a session is not the store.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<State>);

#[derive(Default)]
struct State {
    records: Mutex<HashMap<SessionId, SessionRecord>>,
    /// The operations that fail.
    broken: Mutex<Vec<&'static str>>,
    /// What happens just before an update.
    before_update: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Store {
    pub(crate) fn records(&self) -> HashMap<SessionId, SessionRecord> {
        self.0.records.lock().unwrap().clone()
    }

    pub(crate) fn put(&self, records: HashMap<SessionId, SessionRecord>) {
        *self.0.records.lock().unwrap() = records;
    }

    pub(crate) fn breaks(&self, operations: &[&'static str]) {
        *self.0.broken.lock().unwrap() = operations.to_vec();
    }

    pub(crate) fn before_update(&self, act: impl FnOnce() + Send + 'static) {
        *self.0.before_update.lock().unwrap() = Some(Box::new(act));
    }

    fn try_to(&self, operation: &str) -> Result<(), &'static str> {
        if self.0.broken.lock().unwrap().contains(&operation) {
            return Err("redis://:hunter2@store refused");
        }
        Ok(())
    }
}

impl SessionStore for Store {
    type Error = &'static str;

    async fn load(&self, id: &SessionId) -> Result<Option<SessionRecord>, &'static str> {
        tokio::task::yield_now().await;
        self.try_to("load")?;
        Ok(self.records().get(id).cloned())
    }

    async fn insert(&self, id: SessionId, record: SessionRecord) -> Result<(), &'static str> {
        self.try_to("insert")?;
        self.0.records.lock().unwrap().insert(id, record);
        Ok(())
    }

    async fn update(&self, id: &SessionId, record: SessionRecord) -> Result<bool, &'static str> {
        self.try_to("update")?;
        let act = self.0.before_update.lock().unwrap().take();
        act.into_iter().for_each(|act| act());
        let mut records = self.0.records.lock().unwrap();
        Ok(records.get_mut(id).map(|old| *old = record).is_some())
    }

    async fn remove(&self, id: &SessionId) -> Result<(), &'static str> {
        self.try_to("remove")?;
        self.0.records.lock().unwrap().remove(id);
        Ok(())
    }
}

pub(crate) fn key() -> SessionKey {
    SessionKey::new(SECRET).unwrap()
}

pub(crate) fn encrypted(clock: &Clock) -> Sessions<User> {
    Sessions::encrypted([key()]).unwrap().clock(clock.read())
}

pub(crate) fn stored(clock: &Clock, store: &Store) -> Sessions<User> {
    Sessions::stored(store.clone()).unwrap().clock(clock.read())
}

/// What holds for either kind is asked of both.
pub(crate) fn both(clock: &Clock) -> [(&'static str, Sessions<User>); 2] {
    [
        ("encrypted", encrypted(clock)),
        ("stored", stored(clock, &Store::default())),
    ]
}

/// What the browser sends back: `name=value`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a handler gives the cookie away, too"
)]
pub(crate) fn sent(cookie: SetCookie) -> String {
    format!("{}={}", cookie.name(), cookie.value())
}

/// The cookie that a response sets, if any.
pub(crate) fn set(response: &Response<Bytes>) -> Option<&str> {
    let mut cookies = response.headers().get_all(SET_COOKIE).iter();
    let first = cookies.next().map(|cookie| cookie.to_str().unwrap());
    assert_eq!(cookies.next(), None);
    first
}

/// The answer to a request with these cookies. A handler answers with the session's name, and
/// leaves the session in the extensions.
pub(crate) async fn ask(sessions: &Sessions<User>, cookies: &str) -> Response<Bytes> {
    let request = if cookies.is_empty() {
        get("/")
    } else {
        get("/").header(
            "cookie",
            HeaderValue::from_bytes(cookies.as_bytes()).unwrap(),
        )
    };
    let request = request.body(empty()).unwrap();
    let layer = with_auth(sessions.clone());
    send_to(&layer, request, |request| async move {
        let Auth(session) = request.extensions().get::<Auth<Session<User>>>().unwrap();
        let mut response = Response::new(Body::from(session.name.clone()));
        response.extensions_mut().insert(session.clone());
        Ok::<_, Infallible>(response)
    })
    .await
}

/// The session of a request that passes.
pub(crate) async fn session(sessions: &Sessions<User>, cookies: &str) -> Session<User> {
    let response = ask(sessions, cookies).await;
    assert_eq!(response.status(), 200);
    response
        .extensions()
        .get::<Session<User>>()
        .unwrap()
        .clone()
}
