//! The token's text: three parts of base64url.

use serde_json::{Value, json};
use wythe::auth::JwtRefusal;

use super::{answer, good, hs256, raw, signed, token, verdict};

#[tokio::test]
async fn refuses_tokens_that_are_not_three_parts_of_canonical_base64url() {
    let good = token(&good());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    // 32 bytes take 43 characters, the last of which has two bits to spare.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet
        .chars()
        .nth(alphabet.find(last).unwrap() + 1)
        .unwrap();
    let start = &signature[..signature.len() - 1];
    let cases = [
        ("one part", header.to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.{signature}")),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", signed(&format!("{header}."))),
        ("only dots", "..".to_owned()),
        ("stray bits", format!("{message}.{start}{next}")),
        ("padding", format!("{good}=")),
        (
            "padding that would be right",
            format!("{message}.{signature}="),
        ),
        ("a lone character", format!("{good}A.A")),
        (
            "the other alphabet",
            signed(&format!("{header}.{claims}+/")),
        ),
        ("a tilde", format!("{message}.~{start}")),
    ];
    assert_eq!(verdict(hs256(), &good).await, Ok(()));
    for (name, token) in cases {
        assert_eq!(
            verdict(hs256(), &token).await,
            Err(JwtRefusal::Malformed),
            "{name}"
        );
    }
}

#[tokio::test]
async fn refuses_tokens_that_are_too_long() {
    let sized = |length: usize| {
        let mut claims = good();
        claims["x"] = json!("");
        let empty = token(&claims).len();
        claims["x"] = json!("x".repeat((length - empty) / 4 * 3));
        token(&claims)
    };
    let long = sized(8_192);
    assert!((8_185..=8_192).contains(&long.len()), "{}", long.len());
    assert_eq!(verdict(hs256(), &long).await, Ok(()));
    let exact = hs256().max_length(long.len()).unwrap();
    assert_eq!(verdict(exact, &long).await, Ok(()));
    let less = hs256().max_length(long.len() - 1).unwrap();
    assert_eq!(verdict(less, &long).await, Err(JwtRefusal::TooLong));
    assert_eq!(
        verdict(hs256(), &sized(9_000)).await,
        Err(JwtRefusal::TooLong)
    );
    let huge = "a".repeat(1 << 20);
    assert_eq!(verdict(hs256(), &huge).await, Err(JwtRefusal::TooLong));
}

#[tokio::test]
async fn the_shortest_token_passes_the_shortest_limit() {
    let shortest = raw(r#"{"alg":"HS256"}"#, "{}");
    assert_eq!(shortest.len(), 68);
    let jwt = hs256::<Value>().max_length(68).unwrap();
    let jwt = jwt.dangerously_accept_without_expiry();
    let response = answer(jwt, &[("authorization", &format!("Bearer {shortest}"))]).await;
    assert_eq!(response.status(), 200);
}
