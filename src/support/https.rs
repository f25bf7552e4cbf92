//! Connections to other servers, by hyper and rustls: HTTP/1.1, with TLS for `https`.

use std::{sync::Arc, time::Duration};

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::wire::ConfigError;

/// The certificate authorities that are trusted.
#[derive(Clone, Copy)]
pub(crate) enum Roots<'a> {
    /// Those of the system.
    System,
    /// Only these.
    Pem(&'a [u8]),
    /// None: for addresses without TLS.
    Nobody,
}

/// Connects with TLS 1.2 or 1.3 to `https` addresses, and without TLS to `http` addresses. Errors name
/// the policy. The provider is `aws-lc-rs`, whatever the process's default is.
pub(crate) fn connector(
    policy: &'static str,
    roots: Roots<'_>,
    connect_timeout: Duration,
) -> Result<HttpsConnector<HttpConnector>, ConfigError> {
    let error = |message| ConfigError::new(policy, message);
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| error("TLS can't be set up").because(source))?;
    let config = match roots {
        Roots::System => builder.with_native_roots().map_err(|source| {
            error("the system's certificate authorities can't be loaded").because(source)
        })?,
        Roots::Pem(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|source| error("invalid PEM").because(source))?;
                roots
                    .add(certificate)
                    .map_err(|source| error("invalid certificate").because(source))?;
            }
            if roots.is_empty() {
                return Err(error("the PEM contains no certificate"));
            }
            builder.with_root_certificates(roots)
        }
        Roots::Nobody => builder.with_root_certificates(RootCertStore::empty()),
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_timeout));
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp))
}
