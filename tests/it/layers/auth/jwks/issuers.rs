//! Several issuers with fetched keys: each verifies its own tokens alone.

use serde_json::json;
use wythe::{Jwks, Jwt, JwtIssuer, JwtKey, auth::JwtRefusal};

use super::{Claims, NOW, Verdict, answer, at, judged, scripted::Scripted, set, signer::Signer};

const ONE: &str = "https://one.example.com";
const TWO: &str = "https://two.example.com";

fn token(signer: &Signer, issuer: &str) -> String {
    signer.signs(&json!({ "sub": "ann", "exp": NOW + 60, "iss": issuer }))
}

#[tokio::test(start_paused = true)]
async fn a_fetched_key_verifies_only_tokens_of_its_own_issuer() {
    // Both use the same id.
    let (one, two) = (Signer::p256("a"), Signer::other_p256("a"));
    let (first, second) = (
        Scripted::new(set(&[one.jwk()])),
        Scripted::new(set(&[two.jwk()])),
    );
    let jwt = Jwt::<Claims>::issuers([
        JwtIssuer::jwks(ONE, first.keys()).unwrap(),
        JwtIssuer::jwks(TWO, second.keys()).unwrap(),
    ]);
    let jwt = jwt.unwrap().clock(at(NOW));
    let cases = [
        ("one for itself", &one, ONE, None),
        ("two for itself", &two, TWO, None),
        ("one for two", &one, TWO, Some(JwtRefusal::Signature)),
        ("two for one", &two, ONE, Some(JwtRefusal::Signature)),
        (
            "for a stranger",
            &one,
            "https://id.example.com",
            Some(JwtRefusal::Issuer(format!(
                "expected `{ONE}`, `{TWO}`, found `https://id.example.com`"
            ))),
        ),
    ];
    for (name, signer, issuer, expected) in cases {
        let verdict = judged(&answer(jwt.clone(), &token(signer, issuer)).await);
        match (verdict, expected) {
            (Verdict::Passes, None) => {}
            (Verdict::Refused(reason), Some(expected)) => assert_eq!(reason, expected, "{name}"),
            (verdict, _) => panic!("{name}: {verdict:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_one_provider_does_not_affect_others() {
    let (up, down) = (Signer::p256("a"), Signer::ed25519("b"));
    let provider = Scripted::new(String::new());
    provider.fails();
    let secret = b"thirty-two bytes of a secret, or more";
    let jwt = Jwt::<Claims>::issuers([
        JwtIssuer::jwks(ONE, Scripted::new(set(&[up.jwk()])).keys()).unwrap(),
        JwtIssuer::jwks(TWO, provider.keys()).unwrap(),
        JwtIssuer::new("own", [JwtKey::hs256(secret).unwrap()]).unwrap(),
    ]);
    let jwt = jwt.unwrap().clock(at(NOW));
    for (signer, issuer, status) in [(&up, ONE, 200), (&down, TWO, 503), (&up, "own", 401)] {
        let answer = answer(jwt.clone(), &token(signer, issuer)).await;
        assert_eq!(answer.status(), status, "{issuer}");
    }
}

#[test]
fn the_name_must_be_the_one_that_discovers_the_keys() {
    let keys = || Jwks::discover(ONE).unwrap();
    let cases = [
        ("the same", JwtIssuer::jwks(ONE, keys()), true),
        ("found by it", JwtIssuer::discovered(keys()), true),
        ("another", JwtIssuer::jwks(TWO, keys()), false),
        (
            "with a slash",
            JwtIssuer::jwks(format!("{ONE}/"), keys()),
            false,
        ),
        (
            "by an address",
            JwtIssuer::jwks(ONE, Jwks::url(TWO).unwrap()),
            true,
        ),
        (
            "by an address, without a name",
            JwtIssuer::discovered(Jwks::url(ONE).unwrap()),
            false,
        ),
        ("empty", JwtIssuer::jwks("", Jwks::url(TWO).unwrap()), false),
    ];
    for (name, issuer, expected) in cases {
        assert_eq!(issuer.is_ok(), expected, "{name}: {issuer:?}");
    }
}
