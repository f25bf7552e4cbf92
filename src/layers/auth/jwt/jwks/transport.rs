//! Fetches a document: [`FetchKeys`], and over HTTPS [`HttpsTransport`].

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Request, StatusCode, Uri,
    header::{ACCEPT, AGE, CACHE_CONTROL, USER_AGENT},
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::error::JwksError;
use crate::{
    support::https::{self, Roots},
    wire::{
        BoxError, ConfigError,
        field::cache_control::{Directive, UnclosedQuote, delta_seconds, directives},
    },
};

/// Fetches the documents of an identity provider: [`HttpsTransport`], unless you
/// [set](super::Jwks::transport) another.
///
/// An implementation of your own may use a proxy or a client certificate, or read a file. It must not
/// follow redirects, because the new address is not checked. The fetch is cancelled after
/// [`timeout`](super::Jwks::timeout), so the future may be dropped at any await; a document longer
/// than the maximum is rejected.
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
/// /// Keys in a file that another process writes.
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
    /// Fetches the document at this address, of at most `max_length` bytes.
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
    /// A document without a freshness lifetime.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            max_age: None,
        }
    }

    /// How long it is still fresh: the `max-age` of its `Cache-Control` less its `Age` (RFC 9111,
    /// section 4.2).
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

/// [`FetchKeys`] as a trait object.
pub(super) trait Transport: Send + Sync {
    fn fetch<'a>(&'a self, uri: &'a Uri, max_length: usize) -> Fetching<'a>;
}

pub(super) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, BoxError>> + Send + 'a>>;

impl<T: FetchKeys> Transport for T {
    fn fetch<'a>(&'a self, uri: &'a Uri, max_length: usize) -> Fetching<'a> {
        Box::pin(FetchKeys::fetch(self, uri, max_length))
    }
}

/// Leaves time for a host's next address if one does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches documents by HTTP/1.1 over TLS 1.2 or 1.3, on hyper and rustls.
///
/// Every fetch opens a new connection: there are a few per hour. Redirects are not followed, cookies
/// are not stored, and `HTTPS_PROXY` and similar variables are ignored; for a proxy, implement
/// [`FetchKeys`]. An `http` address is fetched without TLS; [`Jwks`](super::Jwks) allows it for
/// loopback addresses, and
/// [where you say so](super::Jwks::dangerously_url_over_http).
///
/// TLS is provided by rustls with `aws-lc-rs`, whatever the process's default provider is.
///
/// # Example: a private certificate authority
///
/// ```
/// use wythe::{ConfigError, Jwks, auth::HttpsTransport};
///
/// fn keys(ca_pem: &[u8]) -> Result<Jwks, ConfigError> {
///     let transport = HttpsTransport::with_roots(ca_pem)?;
///     Ok(Jwks::url("https://id.internal.example.com/keys")?.transport(transport))
/// }
/// # assert!(keys(b"not a PEM").is_err());
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpsTransport(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl HttpsTransport {
    /// Trusts the certificate authorities of the system.
    ///
    /// # Errors
    ///
    /// If none of them can be loaded, for example in an image without `ca-certificates`.
    pub fn new() -> Result<Self, ConfigError> {
        Self::trusting(Roots::System)
    }

    /// Trusts only these certificate authorities, in PEM.
    ///
    /// # Errors
    ///
    /// If the PEM contains no certificate, or an invalid one.
    pub fn with_roots(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::trusting(Roots::Pem(pem.as_ref()))
    }

    /// Trusts no certificate authority: for addresses without TLS.
    pub(super) fn without_roots() -> Result<Self, ConfigError> {
        Self::trusting(Roots::Nobody)
    }

    fn trusting(roots: Roots<'_>) -> Result<Self, ConfigError> {
        let connector = https::connector("Jwks", roots, CONNECT_TIMEOUT)?;
        Ok(Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
        ))
    }
}

impl FetchKeys for HttpsTransport {
    async fn fetch(&self, uri: &Uri, max_length: usize) -> Result<Fetched, BoxError> {
        let request = Request::get(uri.clone())
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .header(USER_AGENT, concat!("wythe/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())?;
        let response = self.0.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(JwksError::Status(response.status()).into());
        }
        let max_age = max_age(response.headers());
        // Counted as it arrives, whatever `Content-Length` says.
        let body = Limited::new(response.into_body(), max_length)
            .collect()
            .await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return JwksError::TooLong(max_length).into();
            }
            error
        })?;
        let fetched = Fetched::new(body.to_bytes());
        Ok(match max_age {
            Some(age) => fetched.max_age(age),
            None => fetched,
        })
    }
}

impl fmt::Debug for HttpsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsTransport").finish_non_exhaustive()
    }
}

/// `max-age` less `Age`; none without `max-age`, `no-store` and `no-cache`.
///
/// Of several, the shortest counts, and an invalid one counts as zero (RFC 9111, section 4.2.1).
/// `Expires` is ignored: it would have to be compared with the wall clock.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .flat_map(|line| directives(line.as_bytes()))
        .filter_map(fresh_for)
        .min()?;
    // An invalid age is ignored (RFC 9111, section 5.1).
    let age = headers
        .get(AGE)
        .and_then(|age| delta_seconds(age.as_bytes()))
        .unwrap_or_default();
    Some(Duration::from_secs(seconds.saturating_sub(age).into()))
}

/// How many seconds a response with this directive is fresh; `None` if it does not say.
fn fresh_for(directive: Result<Directive<'_>, UnclosedQuote>) -> Option<u32> {
    let Ok(directive) = directive else {
        return Some(0);
    };
    if directive.is("no-store") || directive.is("no-cache") {
        return Some(0);
    }
    if !directive.is("max-age") {
        return None;
    }
    let value = directive.argument.unwrap_or_default();
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    Some(delta_seconds(unquoted.unwrap_or(value)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};

    use super::max_age;

    #[test]
    fn reads_how_long_a_response_is_fresh() {
        let cases: &[(&[&str], Option<&str>, Option<u64>)] = &[
            (&[], None, None),
            (&["public"], None, None),
            (&["max-age=600"], None, Some(600)),
            (&["public, Max-Age=600, must-revalidate"], None, Some(600)),
            (&["max-age=\"600\""], None, Some(600)),
            (&["max-age=600", "max-age=60"], None, Some(60)),
            (&["max-age=600, no-cache"], None, Some(0)),
            (&["no-store"], None, Some(0)),
            (&["max-age=-1"], None, Some(0)),
            (&["max-age=1.5"], None, Some(0)),
            (&["max-age"], None, Some(0)),
            (&["max-age="], None, Some(0)),
            (
                &["max-age=99999999999999999999999"],
                None,
                Some(4_294_967_295),
            ),
            (&["s-maxage=600"], None, None),
            (&["x-max-age=600"], None, None),
            (&["max-age=600"], Some("100"), Some(500)),
            (&["max-age=600"], Some("700"), Some(0)),
            (&["max-age=600"], Some("yesterday"), Some(600)),
        ];
        for (values, age, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in *values {
                headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
            }
            if let Some(age) = age {
                headers.insert(header::AGE, HeaderValue::from_static(age));
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(max_age(&headers), expected, "{values:?} {age:?}");
        }
    }
}
