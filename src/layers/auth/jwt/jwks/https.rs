//! Fetches a document by HTTP/1.1: [`HttpsTransport`].

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::{ACCEPT, USER_AGENT},
};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{FetchKeys, Fetched, JwksError, freshness, location::error};
use crate::wire::{BoxError, ConfigError};

/// Where one of a host's addresses does not answer, there is time left for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches documents by HTTP/1.1 over TLS 1.2 or 1.3, on hyper and rustls.
///
/// Every fetch is a connection of its own: there are a few in an hour. Redirects are not followed,
/// cookies not kept, and `HTTPS_PROXY` and its like not looked at; for a proxy, bring a
/// [`FetchKeys`] of your own. Where an address is `http`, there is no TLS; [`Jwks`](super::Jwks)
/// lets only loopback addresses be that.
///
/// TLS is by rustls with `aws-lc-rs`, whatever provider the process has by default.
///
/// # Example: a certificate authority of your own
///
/// ```
/// use wythe::{ConfigError, Jwks, auth::HttpsTransport};
///
/// fn keys(ca_pem: &[u8]) -> Result<Jwks, ConfigError> {
///     let transport = HttpsTransport::with_roots(ca_pem)?;
///     Ok(Jwks::url("https://id.internal.example.com/keys")?.transport(transport))
/// }
/// # assert!(keys(b"no PEM").is_err());
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpsTransport(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl HttpsTransport {
    /// Trusts the certificate authorities of the system.
    ///
    /// # Errors
    ///
    /// If none of them can be loaded: an image without `ca-certificates`, say.
    pub fn new() -> Result<Self, ConfigError> {
        let config = builder()?.with_native_roots().map_err(|source| {
            error("the system's certificate authorities can't be loaded").because(source)
        })?;
        Ok(Self::of(config.with_no_client_auth()))
    }

    /// Trusts these certificate authorities, in PEM, and no others.
    ///
    /// # Errors
    ///
    /// If there is no certificate in it, or one that can't be read.
    pub fn with_roots(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_ref()) {
            let certificate =
                certificate.map_err(|source| error("the PEM can't be read").because(source))?;
            roots
                .add(certificate)
                .map_err(|source| error("a certificate can't be read").because(source))?;
        }
        if roots.is_empty() {
            return Err(error("there is no certificate in the PEM"));
        }
        Self::trusting(roots)
    }

    /// Trusts nobody: for addresses without TLS.
    pub(super) fn without_roots() -> Result<Self, ConfigError> {
        Self::trusting(RootCertStore::empty())
    }

    fn trusting(roots: RootCertStore) -> Result<Self, ConfigError> {
        let config = builder()?.with_root_certificates(roots);
        Ok(Self::of(config.with_no_client_auth()))
    }

    fn of(config: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
        )
    }
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, ConfigError> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| error("TLS can't be set up").because(source))
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
        let max_age = freshness::max_age(response.headers());
        // Counted as it comes, whatever `Content-Length` says.
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
