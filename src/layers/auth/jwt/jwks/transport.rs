//! Fetches a document: [`FetchKeys`].

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use http::Uri;

use crate::wire::BoxError;

/// Fetches the documents of an identity provider; [`HttpsTransport`](super::HttpsTransport), unless
/// another is [given](super::Jwks::transport).
///
/// Of your own, it may go through a proxy, bring a client certificate, or read a file. A redirect
/// must not be followed: it leads where nobody has looked whether keys may come from. The whole
/// fetch is given up after [`timeout`](super::Jwks::timeout), so the future must bear being dropped;
/// what is longer than asked for is refused.
///
/// # Example
///
/// ```
/// use http::Uri;
/// use wythe::{
///     BoxError,
///     auth::{FetchKeys, Fetched},
/// };
///
/// /// Keys that something else writes into a file.
/// struct File(&'static str);
///
/// impl FetchKeys for File {
///     async fn fetch(&self, _: &Uri, _: usize) -> Result<Fetched, BoxError> {
///         Ok(Fetched::new(tokio::task::spawn_blocking({
///             let path = self.0;
///             move || std::fs::read(path)
///         }).await??))
///     }
/// }
/// ```
pub trait FetchKeys: Send + Sync + 'static {
    /// Fetches the document at this address, of at most so many bytes.
    fn fetch(
        &self,
        uri: &Uri,
        max_length: usize,
    ) -> impl Future<Output = Result<Fetched, BoxError>> + Send;
}

/// A document, and how long it is fresh.
#[derive(Clone)]
#[must_use]
pub struct Fetched {
    pub(super) body: Bytes,
    pub(super) max_age: Option<Duration>,
}

impl Fetched {
    /// A document that does not say how long it is fresh.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            max_age: None,
        }
    }

    /// How long it is fresh: `max-age` of its `Cache-Control`, less its `Age` (RFC 9111, section
    /// 4.2).
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("length", &self.body.len())
            .field("max_age", &self.max_age)
            .finish()
    }
}

/// [`FetchKeys`], for any type at once.
pub(super) trait Transport: Send + Sync {
    fn fetch<'a>(&'a self, uri: &'a Uri, max_length: usize) -> Fetching<'a>;
}

pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, BoxError>> + Send + 'a>>;

impl<T: FetchKeys> Transport for T {
    fn fetch<'a>(&'a self, uri: &'a Uri, max_length: usize) -> Fetching<'a> {
        Box::pin(FetchKeys::fetch(self, uri, max_length))
    }
}
