//! TLS, with certificates of an authority of the tests' own.

use wythe::{
    Jwks,
    auth::{HttpsTransport, JwksError},
};

use super::{
    provider::{Answer, Provider},
    set,
    signer::Signer,
    status,
};
use crate::common::tls::{acceptor, vector};

async fn provider(certificate: &[u8], key: &[u8]) -> Provider {
    let provider = Provider::start_with(Some(acceptor(certificate, key))).await;
    provider.answers("/keys", Answer::ok(&set(&[Signer::p256("a").jwk()])));
    provider
}

async fn localhost() -> Provider {
    provider(&vector("localhost.pem"), &vector("localhost.key.pem")).await
}

fn trusting(provider: &Provider) -> Jwks {
    let transport = HttpsTransport::with_roots(vector("ca.pem")).unwrap();
    let keys = Jwks::url(format!("https://{}/keys", provider.authority())).unwrap();
    keys.transport(transport)
}

#[tokio::test]
async fn fetches_keys_from_a_server_with_a_trusted_certificate() {
    let provider = localhost().await;
    let keys = trusting(&provider);
    assert_eq!(status(&keys, &Signer::p256("a").token()).await, 200);
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn sends_nothing_to_a_server_with_another_name_or_authority() {
    let elsewhere = provider(&vector("elsewhere.pem"), &vector("elsewhere.key.pem")).await;
    let error = trusting(&elsewhere).prefetch().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(elsewhere.requests().is_empty());

    // The system does not know the tests' authority. Some systems know none at all.
    let provider = localhost().await;
    if let Ok(transport) = HttpsTransport::new() {
        let keys = trusting(&provider).transport(transport);
        let error = keys.prefetch().await.unwrap_err();
        assert!(matches!(error, JwksError::Transport(_)), "{error:?}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(provider.requests().is_empty());
    }
}

#[tokio::test]
async fn sends_nothing_to_a_server_without_tls() {
    let provider = Provider::start().await;
    let error = trusting(&provider).prefetch().await.unwrap_err();
    assert!(!matches!(error, JwksError::Malformed(..)), "{error:?}");
    assert!(provider.requests().is_empty());
}

#[test]
fn refuses_invalid_root_certificates() {
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = &vector("localhost.key.pem");
    for pem in [&b""[..], b"no PEM", broken, key] {
        let error = HttpsTransport::with_roots(pem).unwrap_err();
        assert_eq!(error.policy(), "Jwks");
    }
}
