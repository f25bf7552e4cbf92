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
    Auth, Session, SessionCookie, Sessions, StoredSessions,
    auth::{SessionId, SessionKey, SessionRecord, SessionStore},
    with_auth,
};

use crate::common::{Body, empty, get, send_to};

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

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    records: Mutex<HashMap<SessionId, SessionRecord>>,
    /// The operations that fail.
    broken: Mutex<Vec<&'static str>>,
    /// What happens just before an operation, once.
    before: Mutex<Option<(&'static str, Hook)>>,
    /// How often sessions were looked up.
    queries: AtomicU64,
}

impl Store {
    pub(crate) fn records(&self) -> HashMap<SessionId, SessionRecord> {
        self.0.records.lock().unwrap().clone()
    }

    pub(crate) fn put(&self, records: HashMap<SessionId, SessionRecord>) {
        *self.0.records.lock().unwrap() = records;
    }

    pub(crate) fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Ends a session, as a logout would.
    pub(crate) fn end(&self, id: SessionId) {
        self.0.records.lock().unwrap().remove(&id);
    }

    pub(crate) fn breaks(&self, operations: &[&'static str]) {
        *self.0.broken.lock().unwrap() = operations.to_vec();
    }

    /// Does something as another request would, in the moment before an operation.
    pub(crate) fn before(&self, operation: &'static str, hook: impl FnOnce() + Send + 'static) {
        *self.0.before.lock().unwrap() = Some((operation, Box::new(hook)));
    }

    /// Whether nobody has asked for the operation since.
    pub(crate) fn waits(&self) -> bool {
        self.0.before.lock().unwrap().is_some()
    }

    fn try_to(&self, operation: &str) -> Result<(), &'static str> {
        let hook = (self.0.before.lock().unwrap()).take_if(|(of, _)| *of == operation);
        if let Some((_, hook)) = hook {
            hook();
        }
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
        self.0.queries.fetch_add(1, Ordering::Relaxed);
        Ok(self.records().get(id).cloned())
    }

    async fn insert(&self, id: SessionId, record: SessionRecord) -> Result<(), &'static str> {
        self.try_to("insert")?;
        self.0.records.lock().unwrap().insert(id, record);
        Ok(())
    }

    async fn load_all(
        &self,
        ids: &[SessionId],
    ) -> Result<Vec<Option<SessionRecord>>, &'static str> {
        tokio::task::yield_now().await;
        self.try_to("load")?;
        self.0.queries.fetch_add(1, Ordering::Relaxed);
        let records = self.records();
        Ok(ids.iter().map(|id| records.get(id).cloned()).collect())
    }

    async fn update(&self, id: &SessionId, from: &Bytes, to: Bytes) -> Result<bool, &'static str> {
        tokio::task::yield_now().await;
        self.try_to("update")?;
        let mut records = self.0.records.lock().unwrap();
        let known = records.get_mut(id).filter(|known| known.data == *from);
        Ok(known.map(|known| known.data = to).is_some())
    }

    async fn touch(&self, id: &SessionId, expires: SystemTime) -> Result<bool, &'static str> {
        self.try_to("touch")?;
        let mut records = self.0.records.lock().unwrap();
        Ok(records
            .get_mut(id)
            .map(|old| old.expires = expires)
            .is_some())
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, &'static str> {
        self.try_to("remove")?;
        Ok(self.0.records.lock().unwrap().remove(id).is_some())
    }
}

pub(crate) fn key() -> SessionKey {
    SessionKey::new(SECRET).unwrap()
}

pub(crate) fn encrypted(clock: &Clock) -> Sessions<User> {
    Sessions::encrypted([key()]).unwrap().clock(clock.read())
}

pub(crate) fn stored(clock: &Clock, store: &Store) -> StoredSessions<User> {
    Sessions::stored(store.clone()).unwrap().clock(clock.read())
}

/// What holds for either kind is asked of both.
pub(crate) fn both(clock: &Clock) -> [(&'static str, Sessions<User>); 2] {
    [
        ("encrypted", encrypted(clock)),
        ("stored", stored(clock, &Store::default()).into()),
    ]
}

/// What the browser sends back: `name=value`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a handler gives the cookie away, too"
)]
pub(crate) fn sent(cookie: SessionCookie) -> String {
    format!("{}={}", cookie.name(), cookie.value())
}

/// The lines of `Set-Cookie`.
pub(crate) fn written(cookie: SessionCookie) -> Vec<String> {
    let mut headers = http::HeaderMap::new();
    cookie.append_to(&mut headers);
    let lines = headers.get_all(SET_COOKIE).iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
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
pub(crate) async fn ask<S>(sessions: &Sessions<User, S>, cookies: &str) -> Response<Bytes>
where
    S: Clone + Send + Sync + 'static,
{
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
pub(crate) async fn session<S>(sessions: &Sessions<User, S>, cookies: &str) -> Session<User>
where
    S: Clone + Send + Sync + 'static,
{
    let response = ask(sessions, cookies).await;
    assert_eq!(response.status(), 200);
    response
        .extensions()
        .get::<Session<User>>()
        .unwrap()
        .clone()
}
