//! Bearer tokens of two issuers, each with its own keys: one for people, one for machines. Scopes
//! restrict what a token allows, and a check rejects the tokens of revoked users on each request.
//!
//! `cargo run --example bearer_jwt`

use std::{collections::HashSet, env, error::Error, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wythe::{
    Auth, ConfigError, HasScopes, Jwt, JwtIssuer, JwtKey, Scopes, auth::JwtAlgorithm, compose,
    with_auth, with_presentation, with_scopes,
};

/// The issuer for people. Its keys and those below were generated for this example and protect
/// nothing; an application only has public keys, in its configuration.
const PEOPLE: &str = "https://id.example.com";
/// The issuer for machines.
const MACHINES: &str = "https://machines.example.com";

const PEOPLE_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkYhjXCXsoFTXq2wY90yI2bPAjPG2
JdbNv86uPS2pKZbesjzfuOf0cuC2L4ZirDme25cTEYzK18NYcZF0fGI1AQ==
-----END PUBLIC KEY-----";
const PEOPLE_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFRBv6xO2gEfW17eg
G/IN2AnUls8Ty1yZywC6Z90Ym+uhRANCAASRiGNcJeygVNerbBj3TIjZs8CM8bYl
1s2/zq49Lakplt6yPN+45/Ry4LYvhmKsOZ7blxMRjMrXw1hxkXR8YjUB
-----END PRIVATE KEY-----";
const MACHINES_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAbSQvYwIwiXB7XZojbVY1o9d/7wZynaCc0X/yDn2Q2G0=
-----END PUBLIC KEY-----";
const MACHINES_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIA5UA2qUV3Ve32l29QOHRhqd1/BZxT24zhrY2qV3uDJm
-----END PRIVATE KEY-----";

#[derive(Clone, Deserialize, Serialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    scope: String,
    exp: u64,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

async fn whoami(Auth(claims): Auth<Claims>) -> String {
    format!("You are {} of {}.\n", claims.sub, claims.iss)
}

async fn order() -> StatusCode {
    StatusCode::CREATED
}

fn app() -> Result<Router, ConfigError> {
    // Both issuers call their key "1": the token's `iss` selects the issuer.
    let people = JwtKey::pem(JwtAlgorithm::ES256, PEOPLE_PUBLIC)?.id("1");
    let machines = JwtKey::pem(JwtAlgorithm::EdDSA, MACHINES_PUBLIC)?.id("1");
    let revoked = HashSet::from(["mallory".to_owned()]);
    let jwt = Jwt::<Claims>::issuers([
        JwtIssuer::new(PEOPLE, [people])?,
        JwtIssuer::new(MACHINES, [machines])?,
    ])?
    .audience("orders")
    .token_type("at+jwt")
    .leeway(Duration::from_secs(30))
    .check(move |claims| match revoked.contains(&claims.sub) {
        true => Err("the user was revoked"),
        false => Ok(()),
    });

    let authenticated = compose((with_auth(jwt),));
    let orders = compose((
        authenticated.clone(),
        with_scopes(Scopes::all(["orders:write"])?),
    ));
    print!("{orders}");
    Ok(Router::new()
        .route("/whoami", get(authenticated.handler(whoami)))
        .route("/orders", post(orders.handler(order)))
        .layer(compose((with_presentation(),))))
}

/// Signs tokens for the curl lines.
struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Signer {
    fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some("1".to_owned()),
            ..Header::new(self.algorithm)
        };
        encode(&header, claims, &self.key)
    }
}

/// The claims of a valid token, for one hour.
fn claims(iss: &str, sub: &str) -> Claims {
    Claims {
        iss: iss.to_owned(),
        sub: sub.to_owned(),
        aud: "orders".to_owned(),
        scope: "orders:write".to_owned(),
        exp: get_current_timestamp().saturating_add(3_600),
    }
}

fn print_help(url: &str) -> Result<(), Box<dyn Error>> {
    let people = Signer {
        key: EncodingKey::from_ec_pem(PEOPLE_PRIVATE.as_bytes())?,
        algorithm: Algorithm::ES256,
    };
    let machines = Signer {
        key: EncodingKey::from_ed_pem(MACHINES_PRIVATE.as_bytes())?,
        algorithm: Algorithm::EdDSA,
    };
    let whoami = format!("'{url}/whoami'");
    let order = format!("-X POST '{url}/orders'");
    let mut expired = claims(PEOPLE, "ann");
    expired.exp = get_current_timestamp().saturating_sub(60);
    let mut elsewhere = claims(PEOPLE, "ann");
    elsewhere.aud = "invoices".to_owned();
    let mut reader = claims(PEOPLE, "ann");
    reader.scope = "orders:read".to_owned();

    println!("  curl -i {whoami}");
    for (what, token, rest) in [
        ("a person", people.sign(&claims(PEOPLE, "ann"))?, &whoami),
        (
            "a machine",
            machines.sign(&claims(MACHINES, "printer"))?,
            &whoami,
        ),
        ("an expired token", people.sign(&expired)?, &whoami),
        (
            "a machine that claims to be a person",
            machines.sign(&claims(PEOPLE, "ann"))?,
            &whoami,
        ),
        (
            "an unknown issuer",
            people.sign(&claims("https://id.example.net", "ann"))?,
            &whoami,
        ),
        (
            "a token for another service",
            people.sign(&elsewhere)?,
            &whoami,
        ),
        (
            "a revoked user",
            people.sign(&claims(PEOPLE, "mallory"))?,
            &whoami,
        ),
        ("an order", people.sign(&claims(PEOPLE, "ann"))?, &order),
        ("an order without the scope", people.sign(&reader)?, &order),
    ] {
        println!("# {what}\n  curl -i -H 'Authorization: Bearer {token}' {rest}");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let app = app()?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("\nListening on {url}");
    print_help(&url)?;
    axum::serve(listener, app).await?;
    Ok(())
}
