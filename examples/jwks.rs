//! An API that accepts the tokens of an identity provider, and discovers its keys from its name.
//!
//! `cargo run --example jwks --features jwks`
//!
//! The provider is part of the example, on its own port. It rotates its key on request.

use std::{
    env,
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode, get_current_timestamp,
    jwk::{Jwk, PublicKeyUse},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wythe::{
    Auth, CacheControl, ConfigError, Jwks, Jwt, Problem, compose, with_auth, with_cache_control,
    with_presentation,
};

/// A token with a new key that arrives sooner than this after a fetch is rejected. One second is
/// for the example; providers publish a new key long before they sign with it.
const COOLDOWN: Duration = Duration::from_secs(1);

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: u64,
}

async fn whoami(Auth(claims): Auth<Claims>) -> String {
    format!("You are {}.\n", claims.sub)
}

/// Whether tokens can be verified, for monitoring.
async fn health(State(keys): State<Jwks>) -> (StatusCode, String) {
    let status = keys.status();
    let code = if status.is_usable {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, format!("{status:#?}\n"))
}

fn api(keys: &Jwks) -> Result<Router, ConfigError> {
    // The keys were discovered from the issuer's name, so tokens must name it.
    let stack = compose((
        with_presentation(),
        with_auth(Jwt::<Claims>::jwks(keys.clone())?.audience("api")),
        with_cache_control(CacheControl::no_store()),
    ));
    println!("{stack}");
    Ok(Router::new()
        .route("/", get(stack.handler(whoami)))
        .route("/health", get(health).with_state(keys.clone())))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let provider = Provider::new(issuer.clone())?;
    let token = provider.token()?;
    tokio::spawn(axum::serve(listener, provider.router()).into_future());

    let keys = Jwks::discover(&issuer)?.cooldown(COOLDOWN)?;
    // Without keys, the program exits instead of starting.
    keys.prefetch().await?;

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let api_url = format!("http://{}", listener.local_addr()?);
    println!("Listening on {api_url}; the identity provider is {issuer}\n");
    println!("  curl -i {api_url}/");
    println!("  curl -i {api_url}/ -H 'authorization: Bearer {token}'");
    println!("  curl -i {api_url}/health");
    println!(
        "\nThe provider rotates its key: tokens with the new key pass, those with the old one don't:\n"
    );
    println!("  curl -i -X POST {issuer}/rotate");
    println!("  curl -i {api_url}/ -H \"authorization: Bearer $(curl -s {issuer}/token)\"");
    println!("  curl -i {api_url}/ -H 'authorization: Bearer {token}'");
    axum::serve(listener, api(&keys)?).await?;
    Ok(())
}

/// An identity provider that signs in everybody as ann.
struct Provider {
    issuer: String,
    key: RwLock<(u64, EncodingKey)>,
}

impl Provider {
    fn new(issuer: String) -> Result<Arc<Self>, Box<dyn Error>> {
        let key = RwLock::new((1, new_key()?));
        Ok(Arc::new(Self { issuer, key }))
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(key_set))
            .route("/token", get(token))
            .route("/rotate", post(rotate))
            .with_state(self)
    }

    fn key(&self) -> (u64, EncodingKey) {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }

    fn token(&self) -> Result<String, jsonwebtoken::errors::Error> {
        let (id, key) = self.key();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(id.to_string());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: "api".to_owned(),
            sub: "ann".to_owned(),
            exp: get_current_timestamp() + 600,
        };
        encode(&header, &claims, &key)
    }
}

async fn metadata(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }))
}

async fn key_set(State(provider): State<Arc<Provider>>) -> Result<Json<Value>, Problem> {
    let (id, key) = provider.key();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(Problem::internal)?;
    jwk.common.key_id = Some(id.to_string());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(Json(json!({ "keys": [jwk] })))
}

async fn token(State(provider): State<Arc<Provider>>) -> Result<String, Problem> {
    provider.token().map_err(Problem::internal)
}

async fn rotate(State(provider): State<Arc<Provider>>) -> Result<StatusCode, Problem> {
    let new = new_key().map_err(Problem::internal)?;
    {
        let mut key = provider.key.write().unwrap_or_else(PoisonError::into_inner);
        *key = (key.0 + 1, new);
    }
    // After the cooldown, the API fetches the key set again and gets the new key.
    tokio::time::sleep(COOLDOWN).await;
    Ok(StatusCode::NO_CONTENT)
}

fn new_key() -> Result<EncodingKey, aws_lc_rs::error::Unspecified> {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
    Ok(EncodingKey::from_ec_der(der.as_ref()))
}
