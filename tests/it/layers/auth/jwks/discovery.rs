//! The key set of an issuer that is known by its name.

use serde_json::{Value, json};
use wythe::{
    Jwks,
    auth::{JwksError, JwtRefusal},
};

use super::{
    NOW, Verdict,
    provider::{Answer, Provider},
    set,
    signer::Signer,
    status, verdict,
};

const OPENID: &str = "/realms/one/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server/realms/one";

async fn provider(path: &str, metadata: impl FnOnce(&Provider) -> Value) -> Provider {
    let provider = Provider::start().await;
    provider.answers("/keys", Answer::ok(&set(&[Signer::p256("a").jwk()])));
    provider.answers(path, Answer::ok(&metadata(&provider).to_string()));
    provider
}

fn right(provider: &Provider) -> Value {
    json!({
        "issuer": provider.url("/realms/one"),
        "jwks_uri": provider.url("/keys"),
        "authorization_endpoint": provider.url("/sign-in"),
    })
}

fn token(issuer: &str) -> String {
    Signer::p256("a").signs(&json!({ "sub": "ann", "exp": NOW + 60, "iss": issuer }))
}

#[tokio::test]
async fn discovers_the_keys_and_accepts_only_tokens_of_that_issuer() {
    let paths = [OPENID, OAUTH];
    for (path, find) in paths
        .into_iter()
        .zip([Jwks::discover, Jwks::discover_oauth])
    {
        let provider = provider(path, right).await;
        let issuer = provider.url("/realms/one");
        let keys = find(issuer.clone()).unwrap();
        assert_eq!(status(&keys, &token(&issuer)).await, 200);
        for other in ["https://id.example.com", &format!("{issuer}/"), ""] {
            let refused = verdict(&keys, &token(other)).await;
            assert!(
                matches!(refused, Verdict::Refused(JwtRefusal::Issuer(_))),
                "{refused:?}"
            );
        }
        let refused = verdict(&keys, &Signer::p256("a").token()).await;
        assert!(
            matches!(refused, Verdict::Refused(JwtRefusal::Issuer(_))),
            "{refused:?}"
        );
        assert_eq!(provider.requests().len(), 2);
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    for issuer in ["", "/", "/realms/one/", "/realms/One", "/realms/two"] {
        let provider = provider(OPENID, |provider| {
            let mut metadata = right(provider);
            metadata["issuer"] = provider.url(issuer).into();
            metadata
        })
        .await;
        let keys = Jwks::discover(provider.url("/realms/one")).unwrap();
        let error = keys.prefetch().await.unwrap_err();
        assert!(matches!(error, JwksError::Issuer), "{issuer}: {error:?}");
        assert_eq!(provider.requests().len(), 1);
    }
}

#[tokio::test]
async fn refuses_unsafe_addresses_in_metadata() {
    let wrong = [
        "http://id.example.com/keys",
        "http://10.0.0.1/keys",
        "http://169.254.169.254/latest",
        "file:///etc/keys",
        "https://user@id.example.com/keys",
        "https://id.example.com/keys#a",
        "/keys",
        "",
    ];
    for uri in wrong {
        let provider = provider(OPENID, |provider| {
            let mut metadata = right(provider);
            metadata["jwks_uri"] = uri.into();
            metadata
        })
        .await;
        let keys = Jwks::discover(provider.url("/realms/one")).unwrap();
        let error = keys.prefetch().await.unwrap_err();
        assert!(matches!(error, JwksError::Location(_)), "{uri}: {error:?}");
    }
}

#[tokio::test]
async fn https_metadata_does_not_lead_to_plain_loopback() {
    struct Metadata;
    impl wythe::auth::FetchKeys for Metadata {
        async fn fetch(
            &self,
            uri: &http::Uri,
            _: usize,
        ) -> Result<wythe::auth::Fetched, wythe::BoxError> {
            assert_eq!(
                uri,
                "https://id.example.com/.well-known/openid-configuration"
            );
            let metadata = json!({
                "issuer": "https://id.example.com", "jwks_uri": "http://127.0.0.1:1/keys",
            });
            Ok(wythe::auth::Fetched::new(metadata.to_string()))
        }
    }
    let keys = Jwks::discover("https://id.example.com")
        .unwrap()
        .transport(Metadata);
    let error = keys.prefetch().await.unwrap_err();
    assert!(matches!(error, JwksError::Location(_)), "{error:?}");
}

#[tokio::test]
async fn refuses_malformed_metadata() {
    for metadata in [
        "",
        "[]",
        "{}",
        r#"{"issuer":"x"}"#,
        r#"{"issuer":1,"jwks_uri":2}"#,
        "<html>",
    ] {
        let provider = Provider::start().await;
        provider.answers(OPENID, Answer::ok(metadata));
        let keys = Jwks::discover(provider.url("/realms/one")).unwrap();
        let error = keys.prefetch().await.unwrap_err();
        assert!(
            matches!(error, JwksError::Malformed(..)),
            "{metadata}: {error:?}"
        );
    }
    let provider = Provider::start().await;
    let keys = Jwks::discover(provider.url("/realms/one")).unwrap();
    let error = keys.prefetch().await.unwrap_err();
    assert!(matches!(error, JwksError::Status(_)), "{error:?}");
}

/// `127.1` is an address of this machine that is not written as a loopback address.
#[tokio::test]
async fn an_issuer_over_http_is_discovered_only_if_the_application_says_so() {
    type Find = fn(String) -> Result<Jwks, wythe::ConfigError>;
    let finds: [(&str, Find, Find); 2] = [
        (OPENID, Jwks::discover, Jwks::dangerously_discover_over_http),
        (
            OAUTH,
            Jwks::discover_oauth,
            Jwks::dangerously_discover_oauth_over_http,
        ),
    ];
    for (path, strict, lax) in finds {
        let elsewhere = |url: String| url.replace("127.0.0.1", "127.1");
        let provider = provider(path, |provider| {
            json!({
                "issuer": elsewhere(provider.url("/realms/one")),
                "jwks_uri": elsewhere(provider.url("/keys")),
            })
        })
        .await;
        let issuer = elsewhere(provider.url("/realms/one"));
        let error = strict(issuer.clone()).unwrap_err().to_string();
        assert!(error.contains("dangerously_url_over_http"), "{error}");
        let keys = lax(issuer.clone()).unwrap();
        assert_eq!(status(&keys, &token(&issuer)).await, 200);
        assert_eq!(provider.requests().len(), 2);
    }
}

#[tokio::test]
async fn metadata_over_https_never_leads_to_http() {
    let metadata = json!({
        "issuer": "https://id.example.com",
        "jwks_uri": "http://id.example.com/keys",
    });
    let scripted = super::scripted::Scripted::new(metadata.to_string());
    let keys = Jwks::dangerously_discover_over_http("https://id.example.com").unwrap();
    let error = keys.transport(scripted).prefetch().await.unwrap_err();
    assert!(matches!(error, JwksError::Location(_)), "{error:?}");
}
