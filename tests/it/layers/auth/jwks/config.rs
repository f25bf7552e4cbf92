//! What can't work is said when it is built.

use std::time::Duration;

use wythe::{ConfigError, Jwks, auth::JwtAlgorithm, with_auth};

use super::{jwt, scripted::Scripted, set, signer::Signer};

fn keys() -> Jwks {
    Jwks::url("https://id.example.com/keys").unwrap()
}

#[test]
fn refuses_invalid_options() {
    let second = Duration::from_secs(1);
    let cases: Vec<(&str, Result<Jwks, ConfigError>)> = vec![
        ("http", Jwks::url("http://id.example.com/keys")),
        ("no address", Jwks::url("id.example.com")),
        ("a fragment", Jwks::url("https://id.example.com/#keys")),
        ("a user", Jwks::url("https://ann:secret@id.example.com/")),
        ("an issuer by http", Jwks::discover("http://id.example.com")),
        (
            "an issuer with a query",
            Jwks::discover_oauth("https://id.example.com?a=b"),
        ),
        ("no algorithm", keys().algorithms([])),
        (
            "a secret's algorithm",
            keys().algorithms([JwtAlgorithm::ES256, JwtAlgorithm::HS256]),
        ),
        ("no time", keys().timeout(Duration::ZERO)),
        ("too much time", keys().timeout(61 * second)),
        ("no length", keys().max_length(0)),
        ("too much length", keys().max_length(usize::MAX)),
        ("no cooldown", keys().cooldown(Duration::ZERO)),
        ("never fresh", keys().fresh_within(Duration::ZERO..=second)),
        ("an empty range", keys().fresh_within(2 * second..=second)),
    ];
    for (name, built) in cases {
        let error = built.expect_err(name);
        assert_eq!(error.policy(), "Jwks", "{name}");
        assert!(!error.to_string().contains("secret@"), "{error}");
    }
    drop(keys().fresh_within(second..=second).unwrap());
}

#[test]
fn prints_neither_keys_nor_the_query_of_the_address() {
    let keys = Jwks::url("https://id.example.com/keys?api_key=hush").unwrap();
    let keys = keys.transport(Scripted::new(set(&[Signer::p256("a").jwk()])));
    for shown in [format!("{keys:?}"), format!("{:?}", jwt(&keys))] {
        assert!(shown.contains("https://id.example.com/keys"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[test]
fn describes_the_503() {
    let keys = Scripted::new(set(&[Signer::p256("a").jwk()])).keys();
    let stack = wythe::compose((with_auth(jwt(&keys)),));
    let text = stack.to_string();
    assert!(
        text.contains("503 while the keys can't be fetched"),
        "{text}"
    );
}

#[test]
fn is_send_and_sync() {
    fn is<T: Clone + Send + Sync + 'static>() {}
    is::<Jwks>();
    is::<wythe::auth::HttpsTransport>();
    is::<wythe::auth::JwksError>();
    is::<wythe::auth::JwksStatus>();
}

/// A transport of your own gets the address as it is, for example to a proxy that encrypts.
#[tokio::test]
async fn keys_over_http_need_a_constructor_that_says_so() {
    let url = "http://id.auth.svc:8080/keys";
    let signer = Signer::p256("a");
    let transport = || Scripted::new(set(&[signer.jwk()]));
    let error = Jwks::url(url).unwrap_err().to_string();
    assert!(error.contains("dangerously_url_over_http"), "{error}");
    let keys = Jwks::dangerously_url_over_http(url).unwrap();
    let keys = keys.transport(transport());
    assert_eq!(super::status(&keys, &signer.token()).await, 200);
    for wrong in ["ftp://id.auth.svc", "http://ann@id.auth.svc", "id.auth.svc"] {
        assert!(Jwks::dangerously_url_over_http(wrong).is_err(), "{wrong}");
        assert!(
            Jwks::dangerously_discover_over_http(wrong).is_err(),
            "{wrong}"
        );
        let oauth = Jwks::dangerously_discover_oauth_over_http(wrong);
        assert!(oauth.is_err(), "{wrong}");
    }
}
