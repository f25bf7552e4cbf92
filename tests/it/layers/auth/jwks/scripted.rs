//! A transport that says what the test tells it, when the test tells it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use http::Uri;
use tokio::sync::Semaphore;
use wythe::{
    BoxError, Jwks,
    auth::{FetchKeys, Fetched},
};

#[derive(Clone)]
pub(crate) struct Scripted(Arc<Script>);

struct Script {
    answer: Mutex<Result<Fetched, &'static str>>,
    fetches: AtomicUsize,
    /// A fetch takes one, and gives it back.
    open: Semaphore,
}

impl Scripted {
    pub(crate) fn new(body: String) -> Self {
        Self(Arc::new(Script {
            answer: Mutex::new(Ok(Fetched::new(body))),
            fetches: AtomicUsize::new(0),
            open: Semaphore::new(1),
        }))
    }

    pub(crate) fn keys(&self) -> Jwks {
        let keys = Jwks::url("https://id.example.com/keys").unwrap();
        keys.transport(self.clone())
    }

    pub(crate) fn answers(&self, body: String) {
        *self.0.answer.lock().unwrap() = Ok(Fetched::new(body));
    }

    pub(crate) fn answers_with(&self, fetched: Fetched) {
        *self.0.answer.lock().unwrap() = Ok(fetched);
    }

    pub(crate) fn fails(&self) {
        *self.0.answer.lock().unwrap() = Err("down");
    }

    /// From now on, fetches hang.
    pub(crate) fn hangs(&self) {
        assert_eq!(self.0.open.forget_permits(1), 1);
    }

    /// Fetches that hang go on.
    pub(crate) fn goes_on(&self) {
        self.0.open.add_permits(1);
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }
}

impl FetchKeys for Scripted {
    async fn fetch(&self, _: &Uri, _: usize) -> Result<Fetched, BoxError> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        let _open = self.0.open.acquire().await?;
        let answer = self.0.answer.lock().unwrap().clone();
        answer.map_err(Into::into)
    }
}
